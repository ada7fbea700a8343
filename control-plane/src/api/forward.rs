//! What would write comes to the replica that leads, whichever replica was called: one that follows
//! sends the call on as it came, with its credentials, and says who is at the other end of the connection
//! that it came by. Who that may be, and what it may do, is asked where it is decided, by the guard
//! there. What replicas say of peers is believed because it is signed with a key that they alone have.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use countersign_transport::{ClientFiles, Identity, Peer, PeerCertificate, Role, client};
use data_encoding::BASE64URL_NOPAD;
use prost::Message;
use tonic::body::Body;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::codegen::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri, header};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tower_layer::Layer;
use tower_service::Service;

use super::permissions::is_write;
use super::status::status;
use super::{Api, clock};
use crate::keystore::Vouching;

/// Who called a replica, and its tag.
const FORWARDED: HeaderName = HeaderName::from_static("countersign-forwarded");
/// How far the log was when a forwarded call was answered.
const REVISION: HeaderName = HeaderName::from_static("countersign-revision");
const CONNECT_TIME_MAX: Duration = Duration::from_secs(2);
/// Longer than the leader waits for etcd.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(15);
/// The caller's next call finds here what it wrote, unless this replica is further behind.
const FOLLOW_TIME_MAX: Duration = Duration::from_secs(1);
/// What was said of a peer is good for so long, as replicas' clocks may differ.
const GOOD_MS: i64 = 5 * 60 * 1000;

/// The way to the other replicas.
#[derive(Debug)]
pub struct Replicas {
    vouching: Vouching,
    files: ClientFiles,
    /// To the one that led last.
    leader: Mutex<Option<(String, Channel)>>,
}

/// Who called another replica, by which call and when.
#[derive(Clone, PartialEq, Message)]
struct Claim {
    #[prost(string, tag = "1")]
    path: String,
    #[prost(int64, tag = "2")]
    time_ms: i64,
    #[prost(string, tag = "3")]
    address: String,
    #[prost(bool, tag = "4")]
    over_tls: bool,
    #[prost(string, tag = "5")]
    role: String,
    /// Empty: no certificate was shown.
    #[prost(string, tag = "6")]
    name: String,
    #[prost(bytes = "vec", tag = "7")]
    public_key_digest: Vec<u8>,
    #[prost(string, tag = "8")]
    serial: String,
    #[prost(int64, tag = "9")]
    expires_ms: i64,
}

impl Replicas {
    pub fn new(vouching: Vouching, files: ClientFiles) -> Self {
        Self { vouching, files, leader: Mutex::default() }
    }

    /// None: it cannot be reached, so it was sent nothing.
    async fn channel(&self, leader: &str) -> Option<Channel> {
        let known = || self.leader.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((address, channel)) = &*known()
            && address == leader
        {
            return Some(channel.clone());
        }
        let endpoint = Endpoint::from_shared(leader.to_owned()).ok()?;
        let endpoint = endpoint
            .connect_timeout(CONNECT_TIME_MAX)
            .timeout(ANSWER_TIME_MAX)
            .http2_keep_alive_interval(CONNECT_TIME_MAX)
            .keep_alive_timeout(CONNECT_TIME_MAX);
        match client::connect(&endpoint, &self.files).await {
            Ok(channel) => {
                *known() = Some((leader.to_owned(), channel.clone()));
                Some(channel)
            }
            Err(error) => {
                tracing::warn!(leader, %error, "the replica that leads cannot be reached");
                None
            }
        }
    }

    /// For the next call another connection is made.
    fn disconnect(&self) {
        *self.leader.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn vouch(&self, claim: &Claim) -> Option<HeaderValue> {
        let claim = claim.encode_to_vec();
        let tag = self.vouching.tag(&claim);
        let text = [claim, tag].map(|part| BASE64URL_NOPAD.encode(&part)).join(".");
        HeaderValue::from_str(&text).ok()
    }

    fn believed(&self, header: &HeaderValue) -> Option<Claim> {
        let (claim, tag) = header.to_str().ok()?.split_once('.')?;
        let claim = BASE64URL_NOPAD.decode(claim.as_bytes()).ok()?;
        let tag = BASE64URL_NOPAD.decode(tag.as_bytes()).ok()?;
        if !self.vouching.is_ours(&claim, &tag) {
            return None;
        }
        Claim::decode(&*claim).ok()
    }
}

impl Claim {
    fn of(path: &str, peer: Option<&Peer>) -> Self {
        let identity = peer.and_then(|peer| peer.identity.as_ref());
        let certificate = peer.and_then(|peer| peer.certificate.as_ref());
        Self {
            path: path.to_owned(),
            time_ms: clock::now_ms(),
            address: peer.map(|peer| peer.address.to_string()).unwrap_or_default(),
            over_tls: peer.is_some_and(|peer| peer.over_tls),
            role: identity.map(|identity| identity.role.to_string()).unwrap_or_default(),
            name: identity.map(|identity| identity.name.clone()).unwrap_or_default(),
            public_key_digest: certificate
                .map(|certificate| certificate.public_key_digest.to_vec())
                .unwrap_or_default(),
            serial: certificate.map(|certificate| certificate.serial.clone()).unwrap_or_default(),
            expires_ms: certificate.map_or(0, |certificate| certificate.expires_ms),
        }
    }

    /// None where it names what nobody is.
    fn peer(self, own_over_tls: bool) -> Option<Peer> {
        let role = [Role::Node, Role::Relay, Role::Operator];
        let role = role.into_iter().find(|role| role.as_str() == self.role);
        let identity = role.map(|role| Identity { role, name: self.name });
        let certificate = match <[u8; 32]>::try_from(self.public_key_digest) {
            Ok(public_key_digest) => Some(PeerCertificate {
                public_key_digest,
                serial: self.serial,
                expires_ms: self.expires_ms,
            }),
            Err(_) => None,
        };
        Some(Peer {
            address: self.address.parse().ok()?,
            // Who is strict itself stays so, whatever the other replica is.
            over_tls: self.over_tls || own_over_tls,
            identity: identity.map(Arc::new),
            certificate: certificate.map(Arc::new),
        })
    }
}

#[derive(Debug, Clone)]
pub(super) struct Forward(pub(super) Api);

impl<S> Layer<S> for Forward {
    type Service = Forwarding<S>;

    fn layer(&self, inner: S) -> Forwarding<S> {
        Forwarding { inner, api: self.0.clone() }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Forwarding<S> {
    inner: S,
    api: Api,
}

impl<S> Service<Request<Body>> for Forwarding<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let Some(replicas) = &self.api.replicas else {
            return Box::pin(self.inner.call(request));
        };
        if let Some(said) = request.headers_mut().remove(FORWARDED) {
            return match received(replicas, &said, &mut request) {
                Ok(()) => {
                    let (answering, api) = (self.inner.call(request), self.api.clone());
                    Box::pin(async move { Ok(with_revision(answering.await?, &api)) })
                }
                Err(status) => Box::pin(async move { Ok(status.into_http()) }),
            };
        }
        let leader = self.api.engine.leader_elsewhere();
        let Some(leader) = leader.filter(|_| is_write(request.uri().path())) else {
            return Box::pin(self.inner.call(request));
        };
        // The one that is ready is used; its clone is made ready for the next call.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let (api, replicas) = (self.api.clone(), Arc::clone(replicas));
        Box::pin(async move {
            match replicas.channel(&leader).await {
                Some(channel) => Ok(forwarded(&api, &replicas, channel, &leader, request).await),
                // It is refused here, with the leader's address.
                None => inner.call(request).await,
            }
        })
    }
}

/// Puts whom the other replica names in the place of that replica.
fn received(
    replicas: &Replicas,
    said: &HeaderValue,
    request: &mut Request<Body>,
) -> Result<(), Status> {
    let own_over_tls = Peer::of(request.extensions()).is_some_and(|peer| peer.over_tls);
    let path = request.uri().path();
    let claim = replicas.believed(said).filter(|claim| {
        claim.path == path && (clock::now_ms() - claim.time_ms).saturating_abs() < GOOD_MS
    });
    let peer = claim.and_then(|claim| claim.peer(own_over_tls)).ok_or_else(|| {
        let message = "this call says that a replica sent it on, which no replica of this log said within \
                       5 minutes: if one did, their clocks differ";
        status(Code::Unauthenticated, "NOT_FORWARDED", message, [])
    })?;
    request.extensions_mut().insert(peer);
    Ok(())
}

async fn forwarded(
    api: &Api,
    replicas: &Replicas,
    mut channel: Channel,
    leader: &str,
    request: Request<Body>,
) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    let claim = Claim::of(parts.uri.path(), Peer::of(&parts.extensions));
    if let Some(claim) = replicas.vouch(&claim) {
        parts.headers.insert(FORWARDED, claim);
    }
    for of_connection in [header::HOST, header::CONNECTION] {
        parts.headers.remove(of_connection);
    }
    let path = parts.uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
    let mut onward = Request::new(body);
    (*onward.method_mut(), *onward.uri_mut()) = (parts.method, Uri::from(path));
    *onward.headers_mut() = parts.headers;
    let answer = async {
        std::future::poll_fn(|cx| channel.poll_ready(cx)).await?;
        channel.call(onward).await
    };
    match answer.await {
        Ok(answer) => {
            follow(api, answer.headers()).await;
            answer
        }
        Err(error) => {
            replicas.disconnect();
            tracing::warn!(leader, %error, "the replica that leads did not answer");
            let message = format!(
                "the replica at {leader}, which leads, did not answer: nobody knows whether this was carried \
                 out. The same request with the same request id tells"
            );
            let leader = [("leader", leader.to_owned())];
            status(Code::Unavailable, "LEADER_SILENT", message, leader).into_http()
        }
    }
}

fn with_revision(mut answer: Response<Body>, api: &Api) -> Response<Body> {
    let revision = api.engine.view().tip.head.revision;
    answer.headers_mut().insert(REVISION, revision.into());
    answer
}

/// Waits until this replica is as far as the leader was.
async fn follow(api: &Api, answered: &HeaderMap) {
    let revision = answered.get(REVISION).and_then(|value| value.to_str().ok()?.parse().ok());
    let Some(revision) = revision else { return };
    let mut here = api.engine.revision();
    // One that is further behind says so with each answer, which tells its revision.
    let _ = tokio::time::timeout(FOLLOW_TIME_MAX, here.wait_for(|here| *here >= revision)).await;
}
