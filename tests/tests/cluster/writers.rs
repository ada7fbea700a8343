//! Clients that write whatever happens: each call goes to a replica at random, and one without an answer
//! is repeated at another, with the same request id, until there is one. Half of them bind, rebind and
//! unbind APIs that all fight for, at the revision that they have just read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use countersign_proto::v1::{self, SignatureKey, SignatureKeyType};
use countersign_tests::{Management, PATIENCE};
use tokio::task::JoinHandle;
use tonic::{Code, Response, Status};
use tonic_types::StatusExt as _;

use crate::dice::Dice;
use crate::history::{History, Written};
use crate::setting::{CONTESTED, KEYS, RELEASE, Setting};

const WRITERS: usize = 6;
/// A replica that says nothing for so long is given up; nobody knows what it did.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);
const ASK_AGAIN: Duration = Duration::from_millis(20);
/// The processor is for more than this.
const PAUSE: Duration = Duration::from_millis(5);

#[derive(Debug)]
pub(crate) struct Writers {
    going: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Writers {
    pub(crate) fn start(setting: &Setting, history: &History) -> Self {
        let going = Arc::new(AtomicBool::new(true));
        let uris = setting.uris();
        let writers = (0..WRITERS).map(|number| Writer {
            number,
            replicas: uris.iter().map(|uri| Management::to(uri)).collect(),
            dice: Dice::new(number as u64),
            history: history.clone(),
            requests: 0,
        });
        let tasks = writers.map(|writer| tokio::spawn(writer.write(Arc::clone(&going)))).collect();
        Self { going, tasks }
    }

    /// Lets each finish what it is at.
    pub(crate) async fn end(self) {
        self.going.store(false, Relaxed);
        for task in self.tasks {
            task.await.unwrap();
        }
    }
}

struct Writer {
    number: usize,
    replicas: Vec<Management>,
    dice: Dice,
    history: History,
    requests: usize,
}

/// What was asked for, and on which state of the log.
#[derive(Debug, Clone)]
enum Asked {
    Create(String),
    Bind { api: &'static str, key: &'static str, on: u64 },
    Unbind { api: &'static str, on: u64 },
}

impl Asked {
    fn on(&self) -> Option<u64> {
        match self {
            Self::Create(_) => None,
            Self::Bind { on, .. } | Self::Unbind { on, .. } => Some(*on),
        }
    }
}

impl Writer {
    async fn write(mut self, going: Arc<AtomicBool>) {
        while going.load(Relaxed) {
            let asked = if self.number.is_multiple_of(2) {
                self.fight().await
            } else {
                Some(Asked::Create(format!("made_{}_{}", self.number, self.requests)))
            };
            if let Some(asked) = asked {
                self.carry_out(asked).await;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Another key for an API, or none, as things stand at some replica.
    async fn fight(&mut self) -> Option<Asked> {
        let (api, key) = (CONTESTED[self.dice.below(CONTESTED.len())], self.dice.below(KEYS.len()));
        let replica = &self.replicas[self.dice.below(self.replicas.len())];
        let request = v1::ListBindingsRequest {
            api: api.to_owned(),
            environment: RELEASE.to_owned(),
            page_size: 10,
            ..Default::default()
        };
        let mut bindings = replica.bindings();
        let read = tokio::time::timeout(ANSWER_TIME_MAX, bindings.list_bindings(request)).await;
        let read = read.ok()?.ok()?.into_inner();
        assert!(read.bindings.len() < 2, "two bindings of one API: {read:?}");
        let on = read.revision;
        Some(match read.bindings.first() {
            Some(bound) if bound.signature_key_name == KEYS[key].name => Asked::Unbind { api, on },
            _ => Asked::Bind { api, key: KEYS[key].name, on },
        })
    }

    async fn carry_out(&mut self, asked: Asked) {
        self.requests += 1;
        let request_id = format!("writer-{}-{}", self.number, self.requests);
        let begun = Instant::now();
        loop {
            let replica = self.replicas[self.dice.below(self.replicas.len())].clone();
            let answer = ask(&replica, &asked, &request_id);
            let answer = tokio::time::timeout(ANSWER_TIME_MAX, answer).await;
            match answer.unwrap_or_else(|_| Err(Status::deadline_exceeded("given up"))) {
                Ok(revision) => {
                    let (on, ended) = (asked.on(), Instant::now());
                    self.history.write(Written { request_id, on, revision, begun, ended });
                    return;
                }
                Err(status) if is_without_answer(&status) => self.history.ask_again(),
                Err(status) => {
                    let may = matches!(status.code(), Code::Aborted) && asked.on().is_some();
                    assert!(may, "{request_id}: {asked:?}: {status:?}");
                    self.history.refuse(request_id);
                    return;
                }
            }
            assert!(begun.elapsed() < PATIENCE, "{request_id} gets no answer");
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }
}

async fn ask(replica: &Management, asked: &Asked, request_id: &str) -> Result<u64, Status> {
    let request_id = request_id.to_owned();
    let (expected_revision, environment) = (asked.on(), RELEASE.to_owned());
    match asked {
        Asked::Create(name) => {
            let signature_key = Some(SignatureKey {
                name: name.clone(),
                r#type: SignatureKeyType::Hmac.into(),
                ..SignatureKey::default()
            });
            let request =
                v1::CreateSignatureKeyRequest { signature_key, request_id, ..Default::default() };
            let reply = replica.signature_keys().create_signature_key(request).await;
            reply.map(Response::into_inner).map(|reply| reply.revision)
        }
        Asked::Bind { api, key, .. } => {
            let request = v1::CreateBindingRequest {
                signature_key: (*key).to_owned(),
                api: (*api).to_owned(),
                environment,
                replace: true,
                request_id,
                expected_revision,
                ..Default::default()
            };
            let reply = replica.bindings().create_binding(request).await;
            reply.map(Response::into_inner).map(|reply| reply.revision)
        }
        Asked::Unbind { api, .. } => {
            let request = v1::DeleteBindingRequest {
                api: (*api).to_owned(),
                environment,
                request_id,
                expected_revision,
                ..Default::default()
            };
            let reply = replica.bindings().delete_binding(request).await;
            reply.map(Response::into_inner).map(|reply| reply.revision)
        }
    }
}

/// Whether the write may have happened or not. All that is refused for good comes with a reason.
fn is_without_answer(status: &Status) -> bool {
    matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded)
        || status.get_error_details().error_info().is_none()
}
