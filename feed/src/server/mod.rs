//! The nodes' service over gRPC. One task per stream reads the shared feed with a cursor of its own:
//! a slow node is merely behind, and one that has fallen out of the ring gets a snapshot. tonic is
//! named here and nowhere else in this crate.

mod admission;
mod delivery;
mod forbidden;
mod gate;
mod hello;
mod outgoing;
mod snapshots;
pub mod status;
mod subscription;

use std::net::SocketAddr;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use countersign_proto::convert::InvalidField;
use countersign_proto::v1;
use countersign_proto::v1::subscribe_request::Message as FromNode;
use countersign_proto::v1::sync_server::{Sync, SyncServer};
use countersign_shared::id::EnvironmentId;
use countersign_shared::node::NodeRole;
use countersign_transport::{Identity, Peer, PeerCertificate, Role};
use futures_util::Stream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

use crate::commits::Commits;
use crate::metrics::StreamMetrics;
use crate::nodes::{NodeRegistry, NodeStatus};
use crate::scope::Scope;
use crate::source::{Source, Tip};
use crate::stream::NodeStream;
use crate::turns::AtOnce;
use admission::Entrant;
use forbidden::Guard;
use gate::Gate;
use hello::Hello;
use outgoing::outgoing;
use snapshots::Snapshots;
use subscription::Subscription;

/// Streams and calls that one connection may have open.
const STREAMS_PER_CONNECTION_MAX: u32 = 1_024;
/// A connection that does not answer a ping within `PING_WAIT` is closed.
const PING_INTERVAL: Duration = Duration::from_secs(15);
const PING_WAIT: Duration = Duration::from_secs(10);
/// How long a new stream may take to say hello.
const HELLO_WAIT: Duration = Duration::from_secs(10);

/// The largest message that is read, of nodes and of everybody else.
pub const MESSAGE_BYTES_MAX: usize = 4 << 20;

/// How long a node may take nothing of a snapshot, unless somebody wants another time.
pub const STALLED_MAX: Duration = Duration::from_secs(30);

/// A server with the limits that whoever serves nodes has.
pub fn transport() -> Server {
    Server::builder()
        .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
        .http2_keepalive_interval(Some(PING_INTERVAL))
        .http2_keepalive_timeout(Some(PING_WAIT))
}

/// What the streams of one process have in common.
#[derive(Debug)]
pub struct Parts<S> {
    pub source: S,
    pub nodes: Arc<NodeRegistry>,
    /// What acknowledgements are timed against.
    pub commits: Arc<Commits>,
    pub metrics: Arc<StreamMetrics>,
    pub bookmark_interval: Duration,
    pub snapshots_at_once: AtOnce,
    /// How long a node may take nothing of a snapshot that it is being sent.
    pub stalled_max: Duration,
    /// Which environments a node may ask for.
    pub scope: Scope,
    /// Turns true when the server begins to stop: streams end then.
    pub stopping: watch::Receiver<bool>,
    /// The clock of this process.
    pub now_ms: fn() -> i64,
}

/// The service.
#[derive(Debug)]
pub struct Streams<S: Source> {
    parts: Arc<Parts<S>>,
    snapshots: Arc<Snapshots<S::View>>,
    gate: Arc<Gate>,
    guard: Arc<Guard>,
}

impl<S: Source> Streams<S> {
    pub fn new(parts: Parts<S>) -> Self {
        let snapshots = Snapshots::new(parts.metrics.snapshot_bytes_held.clone());
        let gate = Gate::new(parts.snapshots_at_once, Arc::clone(&parts.metrics));
        let guard = Guard::new(parts.scope.clone(), parts.metrics.not_allowed.clone());
        Self {
            parts: Arc::new(parts),
            snapshots: Arc::new(snapshots),
            gate,
            guard: Arc::new(guard),
        }
    }

    pub fn into_service(self) -> SyncServer<Self> {
        SyncServer::new(self).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }
}

impl<S: Source> Clone for Streams<S> {
    fn clone(&self) -> Self {
        Self {
            parts: Arc::clone(&self.parts),
            snapshots: Arc::clone(&self.snapshots),
            gate: Arc::clone(&self.gate),
            guard: Arc::clone(&self.guard),
        }
    }
}

impl<S: Source> Deref for Streams<S> {
    type Target = Parts<S>;

    fn deref(&self) -> &Parts<S> {
        &self.parts
    }
}

#[tonic::async_trait]
impl<S: Source> Sync for Streams<S> {
    type SubscribeStream =
        Pin<Box<dyn Stream<Item = Result<v1::SubscribeResponse, Status>> + Send>>;

    async fn subscribe(
        &self,
        request: Request<Streaming<v1::SubscribeRequest>>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let address = address(&request).map(|address| address.to_string()).unwrap_or_default();
        let (identity, certificate) = (identity(&request), certificate(&request));
        let mut from_node = request.into_inner();
        let hello = match timeout(HELLO_WAIT, from_node.message()).await {
            Ok(Ok(Some(v1::SubscribeRequest { message: Some(FromNode::Hello(hello)) }))) => hello,
            Ok(Err(status)) => return Err(status),
            Ok(Ok(_)) | Err(_) => {
                let rule = "a stream begins with Hello, within 10 s";
                return Err(status::invalid(vec![InvalidField::new("hello", rule)]));
            }
        };
        hello::check_identity(identity.as_deref(), &hello)?;
        let role = if hello.relay { NodeRole::Relay } else { NodeRole::Node };
        let entrant = Entrant { name: hello.node.clone(), role, certificate: certificate.clone() };
        entrant.check(self)?;
        let Hello { served, protocol_version, resume } =
            Hello::parse(&self.source, &self.guard, &hello)?;
        let environments: Vec<_> = served.iter().map(|environment| environment.id).collect();
        let stream = NodeStream::begin(
            environments.clone(),
            resume,
            self.bookmark_interval,
            self.source.feed(),
        );
        let mut welcome = stream.welcome((self.source.log_id(), self.source.epoch()), &served);
        welcome.protocol_version = protocol_version;
        delivery::add_keys(&self.source, &hello, &mut welcome).await?;
        let now_ms = (self.now_ms)();
        let (registration, replaced) = self.nodes.connect(
            &hello.node,
            NodeStatus {
                instance: hello.instance.clone(),
                version: hello.version.clone(),
                environments,
                address,
                certificate_serial: certificate
                    .as_ref()
                    .map(|it| it.serial.clone())
                    .unwrap_or_default(),
                certificate_expires_ms: certificate.map_or(0, |it| it.expires_ms),
                connected: true,
                connected_at_ms: now_ms,
                last_contact_ms: now_ms,
                acked_revision: resume.unwrap_or_default(),
                timed_revision: resume.unwrap_or_else(|| tip(&self.source.view()).head.revision),
                protocol_version,
                relay: hello.relay,
                ..NodeStatus::default()
            },
        );
        let (sender, outgoing) = outgoing();
        let streams = self.clone();
        let began = Instant::now();
        let (node, is_relay) = (hello.node.clone(), hello.relay);
        let subscription = Subscription {
            streams,
            stream,
            node,
            entrant,
            is_relay,
            began,
            registration,
            sender,
            turn: None,
        };
        tracing::info!(
            node = hello.node,
            version = hello.version,
            from_revision = hello.revision,
            is_relay,
            "node connected"
        );
        tokio::spawn(subscription.run(welcome, from_node, replaced));
        Ok(Response::new(Box::pin(outgoing)))
    }

    async fn deliver_keys(
        &self,
        request: Request<v1::DeliverKeysRequest>,
    ) -> Result<Response<v1::DeliverKeysResponse>, Status> {
        let (identity, certificate) = (identity(&request), certificate(&request));
        let asked = request.into_inner();
        hello::check_asker(identity.as_deref(), &asked)?;
        let asker = identity.as_deref().map(|it| (it.name.as_str(), it.role));
        if let Some((relay, Role::Relay)) = asker {
            let name = relay.to_owned();
            Entrant { name, role: NodeRole::Relay, certificate: certificate.clone() }
                .check(self)?;
        }
        // What a relay shows is not the node's.
        let certificate = certificate.filter(|_| !matches!(asker, Some((_, Role::Relay))));
        let name = asked.node.clone();
        Entrant { name, role: NodeRole::Node, certificate }.check(self)?;
        let view = self.source.view();
        for id in &asked.environment_ids {
            let id = EnvironmentId::try_from(&**id).map_err(|_| delivery::no_environment())?;
            hello::find(&self.source, &self.guard, &view, (&asked.node, &id.to_string()))?;
            // A relay asks for no more than is its own to serve, whomever it names.
            if let Some(asker) = &identity {
                hello::find(&self.source, &self.guard, &view, (&asker.name, &id.to_string()))?;
            }
        }
        let keys = self.source.delivery_keys(asked).await;
        let sealed_delivery_keys = keys.map_err(delivery::refused)?;
        Ok(Response::new(v1::DeliverKeysResponse { sealed_delivery_keys }))
    }
}

/// Who is at the other end, where its certificate was asked for.
fn identity<T>(request: &Request<T>) -> Option<Arc<Identity>> {
    Peer::of(request.extensions()).and_then(|peer| peer.identity.clone())
}

fn certificate<T>(request: &Request<T>) -> Option<Arc<PeerCertificate>> {
    Peer::of(request.extensions()).and_then(|peer| peer.certificate.clone())
}

fn address<T>(request: &Request<T>) -> Option<SocketAddr> {
    Peer::of(request.extensions()).map(|peer| peer.address).or_else(|| request.remote_addr())
}

fn tip<V: AsRef<Tip>>(view: &Arc<V>) -> &Tip {
    V::as_ref(view)
}

/// Waits for the server to begin to stop.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // A sender that is gone means the same.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}
