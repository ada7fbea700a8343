//! A client that goes on writing whatever happens to the control plane: a call without an answer
//! is repeated, with the same request id, until there is one.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use countersign_proto::v1::event::Payload;
use countersign_proto::v1::{self, SecretVersion, SignatureKey, SignatureKeyType};
use countersign_shared::secret::Secret;
use countersign_tests::{Key, Management, PATIENCE};
use tokio::task::JoinHandle;
use tonic::{Response, Status};
use tonic_types::StatusExt as _;

use crate::ledger::{Acknowledged, Ledger};
use crate::setting::{COMMON, Place, RELEASE, SECRETS, own_key};

/// A call under way.
type Asked<T> = Pin<Box<dyn Future<Output = Result<Response<T>, Status>> + Send>>;

/// Between a call without an answer and the next.
const ASK_AGAIN: Duration = Duration::from_millis(10);

/// One writer for each place, until they are told to end.
#[derive(Debug)]
pub(crate) struct Writers {
    going: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<Key>>,
}

impl Writers {
    /// Each with a connection of its own.
    pub(crate) fn start(uri: &str, places: &[Place], ledger: &Ledger) -> Self {
        let going = Arc::new(AtomicBool::new(true));
        let spawn = |(number, place): (usize, &Place)| {
            let writer = Writer {
                number,
                place: place.clone(),
                management: Management::to(uri),
                ledger: ledger.clone(),
                going: Arc::clone(&going),
                requests: 0,
                secret_version: 1,
                busy: COMMON,
            };
            tokio::spawn(writer.write())
        };
        let tasks = places.iter().enumerate().map(spawn).collect();
        Self { going, tasks }
    }

    /// Panics if a writer has, which a refusal makes it do.
    pub(crate) fn assert_go_on(&self) {
        assert!(!self.tasks.iter().any(JoinHandle::is_finished), "a writer panicked");
    }

    /// Lets each finish what it is at. Gives the key with which its busy API is signed then.
    pub(crate) async fn end(self) -> Vec<Key> {
        self.going.store(false, Relaxed);
        let mut keys = Vec::new();
        for task in self.tasks {
            keys.push(task.await.unwrap());
        }
        keys
    }
}

struct Writer {
    number: usize,
    place: Place,
    management: Management,
    ledger: Ledger,
    going: Arc<AtomicBool>,
    requests: usize,
    /// Of its own key.
    secret_version: u32,
    /// What signs for its busy API.
    busy: Key,
}

impl Writer {
    /// One kind of write after the other, so that a fault meets each of them.
    async fn write(mut self) -> Key {
        for turn in 0.. {
            let name = format!("spare_{}_{turn}", self.number);
            let spare = self.create_key(&name).await;
            self.rebind_busy(self.own_key()).await;
            self.replace_secret().await;
            self.bind_quiet(&spare).await;
            self.rename_key(&spare, &name).await;
            if !self.going.load(Relaxed) {
                break;
            }
            self.rebind_busy(COMMON).await;
            self.unbind_quiet(&spare).await;
            self.delete_key(&spare, &name).await;
        }
        self.busy
    }

    async fn create_key(&mut self, name: &str) -> String {
        let secret = SECRETS[0].to_owned();
        let request = v1::CreateSignatureKeyRequest {
            signature_key: Some(SignatureKey {
                name: name.to_owned(),
                r#type: SignatureKeyType::Hmac.into(),
                key: name.to_owned(),
                ..SignatureKey::default()
            }),
            request_id: self.next_request_id(),
            confirm_secret: secret.clone(),
            secret,
            ..Default::default()
        };
        let keys = self.management.signature_keys();
        let reply = self
            .answer(request, |request| {
                let mut keys = keys.clone();
                Box::pin(async move { keys.create_signature_key(request).await })
            })
            .await;
        let id = reply.signature_key.unwrap().id;
        let payload = v1::SignatureKeyCreated {
            id: id.clone(),
            name: name.to_owned(),
            r#type: SignatureKeyType::Hmac.into(),
            key: name.to_owned(),
            secret: Some(secret_version(1)),
        };
        self.acknowledge(reply.revision, Payload::SignatureKeyCreated(payload));
        id
    }

    /// Exchanges the common key for the writer's own, or back.
    async fn rebind_busy(&mut self, to: Key) {
        let Place { own_key, common_key, busy_api: api, environment, .. } = self.place.clone();
        let revision = self.create_binding(to.name, &api, true).await;
        let (signature_key, former_signature_key) =
            if to == COMMON { (common_key, own_key) } else { (own_key, common_key) };
        let payload = v1::KeyRebound { signature_key, former_signature_key, api, environment };
        self.acknowledge(revision, Payload::KeyRebound(payload));
        self.busy = to;
    }

    async fn bind_quiet(&mut self, spare: &str) {
        let Place { quiet_api: api, environment, .. } = self.place.clone();
        let revision = self.create_binding(spare, &api, false).await;
        let payload = v1::KeyBound { signature_key: spare.to_owned(), api, environment };
        self.acknowledge(revision, Payload::KeyBound(payload));
    }

    async fn create_binding(&mut self, key: &str, api: &str, replace: bool) -> u64 {
        let request = v1::CreateBindingRequest {
            signature_key: key.to_owned(),
            api: api.to_owned(),
            environment: RELEASE.to_owned(),
            replace,
            request_id: self.next_request_id(),
            ..Default::default()
        };
        let bindings = self.management.bindings();
        self.answer(request, |request| {
            let mut bindings = bindings.clone();
            Box::pin(async move { bindings.create_binding(request).await })
        })
        .await
        .revision
    }

    async fn unbind_quiet(&mut self, spare: &str) {
        let Place { quiet_api: api, environment, .. } = self.place.clone();
        let request = v1::DeleteBindingRequest {
            api: api.clone(),
            environment: RELEASE.to_owned(),
            request_id: self.next_request_id(),
            ..Default::default()
        };
        let bindings = self.management.bindings();
        let reply = self
            .answer(request, |request| {
                let mut bindings = bindings.clone();
                Box::pin(async move { bindings.delete_binding(request).await })
            })
            .await;
        let payload = v1::KeyUnbound { signature_key: spare.to_owned(), api, environment };
        self.acknowledge(reply.revision, Payload::KeyUnbound(payload));
    }

    /// Takes effect on the busy API, which is bound to the key.
    async fn replace_secret(&mut self) {
        let version = self.secret_version + 1;
        let secret = SECRETS[secret_of(version)].to_owned();
        let request = v1::ReplaceSecretRequest {
            signature_key: self.place.own_key.clone(),
            confirm_secret: secret.clone(),
            secret,
            request_id: self.next_request_id(),
            ..Default::default()
        };
        let keys = self.management.signature_keys();
        let reply = self
            .answer(request, |request| {
                let mut keys = keys.clone();
                Box::pin(async move { keys.replace_secret(request).await })
            })
            .await;
        self.secret_version = version;
        self.busy = self.own_key();
        let payload = v1::SecretReplaced {
            id: self.place.own_key.clone(),
            secret: Some(secret_version(version)),
        };
        self.acknowledge(reply.revision, Payload::SecretReplaced(payload));
    }

    async fn rename_key(&mut self, id: &str, former_name: &str) {
        let name = format!("{former_name}_renamed");
        let request = v1::UpdateSignatureKeyRequest {
            signature_key: Some(SignatureKey {
                id: id.to_owned(),
                name: name.clone(),
                ..SignatureKey::default()
            }),
            request_id: self.next_request_id(),
            ..Default::default()
        };
        let keys = self.management.signature_keys();
        let reply = self
            .answer(request, |request| {
                let mut keys = keys.clone();
                Box::pin(async move { keys.update_signature_key(request).await })
            })
            .await;
        let former_name = former_name.to_owned();
        let payload = v1::SignatureKeyRenamed { id: id.to_owned(), name, former_name };
        self.acknowledge(reply.revision, Payload::SignatureKeyRenamed(payload));
    }

    async fn delete_key(&mut self, id: &str, key: &str) {
        let request = v1::DeleteSignatureKeyRequest {
            signature_key: id.to_owned(),
            request_id: self.next_request_id(),
            ..Default::default()
        };
        let keys = self.management.signature_keys();
        let reply = self
            .answer(request, |request| {
                let mut keys = keys.clone();
                Box::pin(async move { keys.delete_signature_key(request).await })
            })
            .await;
        let payload = v1::SignatureKeyDeleted {
            id: id.to_owned(),
            name: format!("{key}_renamed"),
            key: key.to_owned(),
        };
        self.acknowledge(reply.revision, Payload::SignatureKeyDeleted(payload));
    }

    /// Repeats the call until it is answered. A refusal is no answer that a writer expects.
    async fn answer<R: Clone, T>(&self, request: R, ask: impl Fn(R) -> Asked<T>) -> T {
        let begun = Instant::now();
        loop {
            match ask(request.clone()).await {
                Ok(reply) => return reply.into_inner(),
                Err(status) if is_without_answer(&status) => self.ledger.ask_again(),
                Err(refusal) => panic!("writer {}: {refusal:?}", self.number),
            }
            assert!(begun.elapsed() < PATIENCE, "writer {} gets no answer", self.number);
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }

    /// With the secret that it has now.
    fn own_key(&self) -> Key {
        own_key(self.number, secret_of(self.secret_version))
    }

    fn next_request_id(&mut self) -> String {
        self.requests += 1;
        self.request_id()
    }

    /// Of the request that is under way.
    fn request_id(&self) -> String {
        format!("writer-{}-{}", self.number, self.requests)
    }

    fn acknowledge(&self, revision: u64, payload: Payload) {
        let request_id = self.request_id();
        self.ledger.acknowledge(Acknowledged { revision, request_id, payload });
    }
}

/// Whether the write may have happened or not: the connection broke, or the control plane was
/// stopping. All that it refuses comes with a reason.
fn is_without_answer(status: &Status) -> bool {
    status.code() == tonic::Code::Unavailable || status.get_error_details().error_info().is_none()
}

/// Which of the secrets a version has; version 1 has the first.
fn secret_of(version: u32) -> usize {
    usize::try_from(version - 1).unwrap() % SECRETS.len()
}

fn secret_version(number: u32) -> SecretVersion {
    let secret = Secret::new(SECRETS[secret_of(number)].to_owned());
    let fingerprint = secret.fingerprint().to_string();
    SecretVersion { number, fingerprint, ..SecretVersion::default() }
}
