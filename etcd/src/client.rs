//! The client: one connection for each member, made when it is first called upon. A call goes to the
//! member that answered last; where one does not answer, the next is asked, until the time is up.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::future::Future;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use countersign_transport::{ClientFiles, client as transport};
use tokio::time::{Instant, sleep, timeout};
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Request, Status, Streaming};
use zeroize::Zeroizing;

use crate::error::{Error, Verdict, advice, cause, verdict};
use crate::pb;
use crate::pb::auth_client::AuthClient;
use crate::pb::kv_client::KvClient;
use crate::pb::lease_client::LeaseClient;
use crate::pb::watch_client::WatchClient;

/// One member may take so long to answer.
const TRY_TIME_MAX: Duration = Duration::from_secs(2);
const CONNECT_TIME_MAX: Duration = Duration::from_secs(1);
/// After all members were asked in vain, they are asked again after this time, and as much again at
/// random.
const ASK_AGAIN: Duration = Duration::from_millis(50);
/// The longest answer: a page of the largest values there may be.
const ANSWER_BYTES_MAX: usize = 96 * 1024 * 1024;
const KEEP_ALIVE: Duration = Duration::from_secs(2);

/// How a cluster is reached.
#[derive(Debug, Clone)]
pub struct Access {
    /// Its members, such as `https://etcd-1:2379`.
    pub endpoints: Vec<String>,
    pub files: ClientFiles,
    pub credentials: Option<Credentials>,
}

/// The name and password that etcd gives a token for.
#[derive(Clone)]
pub struct Credentials {
    pub user: String,
    pub password: Arc<Zeroizing<String>>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// A lease that was granted.
#[derive(Debug, Clone, Copy)]
pub struct Lease(pub i64);

/// Cheap to clone.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    members: Vec<(String, Channel)>,
    files: ClientFiles,
    /// The member that answered last.
    current: AtomicUsize,
    credentials: Option<Credentials>,
    token: Mutex<Option<AsciiMetadataValue>>,
}

impl Client {
    /// Connects with the first call. Has to be called within a runtime.
    pub fn new(access: &Access) -> Result<Self, Error> {
        let mut members = Vec::with_capacity(access.endpoints.len());
        for address in &access.endpoints {
            let endpoint = Endpoint::from_shared(address.clone())
                .ok()
                .filter(|endpoint| transport::is_address(endpoint.uri()))
                .ok_or_else(|| Error::Address(address.clone()))?
                .connect_timeout(CONNECT_TIME_MAX)
                .http2_keep_alive_interval(KEEP_ALIVE)
                .keep_alive_timeout(TRY_TIME_MAX);
            members.push((address.clone(), transport::connect_lazily(&endpoint, &access.files)));
        }
        if members.is_empty() {
            return Err(Error::Address(String::new()));
        }
        Ok(Self(Arc::new(Inner {
            members,
            files: access.files.clone(),
            current: AtomicUsize::new(0),
            credentials: access.credentials.clone(),
            token: Mutex::default(),
        })))
    }

    /// The member that does not let this process in, if there is one, and why. For a start that
    /// failed: a call tells it only where the connection was made so far.
    pub async fn barred(&self) -> Option<Error> {
        for (endpoint, _) in &self.0.members {
            let uri: Uri = endpoint.parse().ok()?;
            if uri.scheme_str() == Some("https")
                && let Some(error) = transport::refusal(&uri, &self.0.files).await
                && let Some(distrust) = transport::distrust(&error)
            {
                let (endpoint, why) = (endpoint.clone(), error.to_string());
                return Some(Error::Barred { endpoint, why, advice: advice(distrust) });
            }
        }
        None
    }

    pub async fn range(
        &self,
        range: &pb::RangeRequest,
        within: Duration,
    ) -> Result<pb::RangeResponse, Error> {
        self.call(within, range, |channel, request| async move {
            kv(channel).range(request).await.map(tonic::Response::into_inner)
        })
        .await
    }

    /// May be carried out more than once when an answer is lost: its comparisons have to be false
    /// after it was.
    pub async fn transact(
        &self,
        transaction: &pb::TxnRequest,
        within: Duration,
    ) -> Result<pb::TxnResponse, Error> {
        self.call(within, transaction, |channel, request| async move {
            kv(channel).txn(request).await.map(tonic::Response::into_inner)
        })
        .await
    }

    /// Has it forget what was before a revision: what keys held then and hold no longer. That it was
    /// forgotten already is no error.
    pub async fn compact(&self, revision: i64, within: Duration) -> Result<(), Error> {
        let asked = pb::CompactionRequest { revision };
        let compacted = self.call(within, &asked, |channel, request| async move {
            match kv(channel).compact(request).await {
                Err(status) if status.message().contains("has been compacted") => Ok(()),
                answer => answer.map(drop),
            }
        });
        compacted.await
    }

    pub async fn grant(&self, ttl: Duration, within: Duration) -> Result<Lease, Error> {
        let asked = pb::LeaseGrantRequest { ttl: ttl.as_secs().cast_signed(), id: 0 };
        let granted = self.call(within, &asked, |channel, request| async move {
            LeaseClient::new(channel).lease_grant(request).await.map(tonic::Response::into_inner)
        });
        granted.await.map(|granted| Lease(granted.id))
    }

    /// Whether the lease goes on.
    pub async fn keep_alive(&self, lease: Lease, within: Duration) -> Result<bool, Error> {
        let asked = pb::LeaseKeepAliveRequest { id: lease.0 };
        let kept = self.call(within, &asked, |channel, request: Request<_>| async move {
            let (metadata, _, asked) = request.into_parts();
            let mut request = Request::new(tokio_stream::once(asked));
            *request.metadata_mut() = metadata;
            let mut answers =
                LeaseClient::new(channel).lease_keep_alive(request).await?.into_inner();
            answers.message().await?.ok_or_else(|| Status::unavailable("no answer"))
        });
        kept.await.map(|kept| kept.ttl > 0)
    }

    pub async fn revoke(&self, lease: Lease, within: Duration) -> Result<(), Error> {
        let asked = pb::LeaseRevokeRequest { id: lease.0 };
        let revoked = self.call(within, &asked, |channel, request| async move {
            LeaseClient::new(channel).lease_revoke(request).await.map(tonic::Response::into_inner)
        });
        revoked.await.map(drop)
    }

    /// Watches keys from one on, before another.
    pub async fn watch(
        &self,
        from: &str,
        before: &str,
        within: Duration,
    ) -> Result<Watching, Error> {
        let create = pb::WatchCreateRequest { key: from.into(), range_end: before.into() };
        let union = pb::watch_request::RequestUnion::CreateRequest(create);
        let asked = pb::WatchRequest { request_union: Some(union) };
        let answers = self.call(within, &asked, |channel, request: Request<_>| async move {
            let (metadata, _, asked) = request.into_parts();
            // The stream of requests stays open, or etcd would end the watch.
            let requests =
                tokio_stream::StreamExt::chain(tokio_stream::once(asked), tokio_stream::pending());
            let mut request = Request::new(requests);
            *request.metadata_mut() = metadata;
            WatchClient::new(channel).watch(request).await.map(tonic::Response::into_inner)
        });
        answers.await.map(Watching)
    }

    async fn call<M: Clone, T, F>(
        &self,
        within: Duration,
        message: &M,
        call: impl Fn(Channel, Request<M>) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Status>>,
    {
        let until = Instant::now() + within;
        let mut tries = 0;
        loop {
            let current = self.0.current.load(Ordering::Relaxed);
            let Some((address, channel)) = self.0.members.get(current % self.0.members.len())
            else {
                return Err(Error::Address(String::new()));
            };
            let one_try = async {
                let mut request = Request::new(message.clone());
                if let Some(token) = self.token(channel).await? {
                    request.metadata_mut().insert("token", token);
                }
                call(channel.clone(), request).await
            };
            let left = until.saturating_duration_since(Instant::now());
            let status = match timeout(TRY_TIME_MAX.min(left), one_try).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(status)) => status,
                Err(_) => Status::deadline_exceeded("no answer in time"),
            };
            tries += 1;
            let (endpoint, why) = (address.clone(), cause(&status));
            match verdict(&status) {
                Verdict::Full => return Err(Error::NoSpace),
                Verdict::Refused => return Err(Error::Refused { endpoint, why }),
                Verdict::Barred(advice) => return Err(Error::Barred { endpoint, why, advice }),
                // There may be another member with which it is otherwise.
                Verdict::Distrust(distrust) if tries >= self.0.members.len() => {
                    let advice = advice(distrust);
                    return Err(Error::Barred { endpoint, why, advice });
                }
                Verdict::NewToken => {
                    *self.0.token.lock().unwrap_or_else(PoisonError::into_inner) = None;
                }
                Verdict::AskAnother | Verdict::Distrust(_) => {
                    // Another call may have moved on already.
                    let _ = self.0.current.compare_exchange(
                        current,
                        current.wrapping_add(1),
                        Ordering::Relaxed,
                        Ordering::Relaxed,
                    );
                }
            }
            if tries % self.0.members.len() == 0 {
                sleep(with_jitter(ASK_AGAIN)).await;
            }
            if Instant::now() >= until {
                return Err(Error::Unavailable { endpoint, why });
            }
        }
    }

    async fn token(&self, channel: &Channel) -> Result<Option<AsciiMetadataValue>, Status> {
        let Some(credentials) = &self.0.credentials else { return Ok(None) };
        let known = || self.0.token.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(token) = known().clone() {
            return Ok(Some(token));
        }
        let asked = pb::AuthenticateRequest {
            name: credentials.user.clone(),
            password: credentials.password.as_str().to_owned(),
        };
        let answer = AuthClient::new(channel.clone()).authenticate(asked).await?.into_inner();
        let mut token = AsciiMetadataValue::try_from(answer.token)
            .map_err(|_| Status::internal("the token is not text"))?;
        token.set_sensitive(true);
        *known() = Some(token.clone());
        Ok(Some(token))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses: Vec<&str> = self.0.members.iter().map(|(address, _)| &**address).collect();
        f.debug_tuple("Client").field(&addresses).finish()
    }
}

/// A watch, taken as a hint: what has changed is found out by reading.
#[derive(Debug)]
pub struct Watching(Streaming<pb::WatchResponse>);

impl Watching {
    /// Returns when something may have changed; false when the watch has ended.
    pub async fn changed(&mut self) -> bool {
        matches!(self.0.message().await, Ok(Some(answer)) if !answer.canceled)
    }
}

fn kv(channel: Channel) -> KvClient<Channel> {
    KvClient::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX)
}

/// So that those who were cut off together do not come back together.
fn with_jitter(pause: Duration) -> Duration {
    let random = RandomState::new().hash_one(0) % 1024;
    pause + pause.mul_f64(f64::from(u32::try_from(random).unwrap_or(0)) / 1024.0)
}
