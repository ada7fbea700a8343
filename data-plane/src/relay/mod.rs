//! A relay: it follows the stream as a node does and serves it to nodes and further relays. It holds
//! what it serves in memory, as it came: it has no key for the secrets in it, decides nothing and
//! writes nothing. The streams themselves are the feed's, the same lines as a control plane's.

mod keys;
mod meters;
mod source;
mod status;
mod tables;
mod upstream;

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use countersign_feed::metrics::StreamMetrics;
use countersign_feed::nodes::exposition::Exposition;
use countersign_feed::nodes::{NodeRegistry, SILENT_INTERVALS_MAX};
use countersign_feed::scope::Scope;
use countersign_feed::server::{Parts, STALLED_MAX, Streams, transport};
use countersign_feed::turns::AtOnce;
use countersign_transport::{ClientCertificates, ClientFiles, Incoming, Transport};
use data_encoding::HEXLOWER;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{error, info, warn};

use crate::clock;
use crate::config::{InvalidConfig, checked_control_planes, checked_enrolment, checked_name};
use crate::enrolment::{self, Enrolment};
use crate::node::RunError;
use meters::Meters;
use source::{RelaySource, Shelf};
use status::Status;
use tables::Tables;
use upstream::Upstream;

/// How long streams may take to end when the relay stops.
const STOP_WAIT: Duration = Duration::from_secs(5);

/// All settings of a relay. Start from the default and name what differs.
#[derive(Debug, Clone)]
pub struct RelayConfig {
    /// Where control planes of one log, or relays of theirs, listen: tried in turn.
    pub control_planes: Vec<String>,
    /// The name under which it presents itself: 1–128 visible ASCII characters, another for each.
    pub name: String,
    /// Names or ids of the environments to serve.
    pub environments: Vec<String>,
    /// Whom the relay trusts upstream and what it shows there, over TLS.
    pub control_plane_tls: ClientFiles,
    /// How it comes to that certificate by itself; none: what it shows is there.
    pub enrolment: Option<Enrolment>,
    /// Where nodes connect; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How it is spoken to there.
    pub transport: Transport,
    /// `/live`, `/ready` and `/metrics`; none: no status listener.
    pub status_listen: Option<SocketAddr>,
    /// How often an idle node hears from it.
    pub bookmark_interval: Duration,
}

impl Default for RelayConfig {
    fn default() -> Self {
        Self {
            control_planes: vec!["http://127.0.0.1:7400".to_owned()],
            name: "relay".to_owned(),
            environments: vec!["RELEASE".to_owned()],
            control_plane_tls: ClientFiles::default(),
            enrolment: None,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7410)),
            transport: Transport::Plaintext,
            status_listen: None,
            bookmark_interval: Duration::from_secs(5),
        }
    }
}

/// A relay that runs. Dropped without [`Relay::shutdown`] it stops at once.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    status_address: Option<SocketAddr>,
    revision: watch::Receiver<u64>,
    stop: watch::Sender<bool>,
    server: JoinSet<()>,
    background: JoinSet<()>,
}

impl RelayConfig {
    fn check(&self) -> Result<Vec<http::Uri>, InvalidConfig> {
        checked_name(&self.name)?;
        if self.environments.is_empty() {
            return Err(InvalidConfig::NoEnvironment);
        }
        checked_control_planes(&self.control_planes, &self.control_plane_tls)
    }
}

/// Starts a relay; it listens when this returns, and serves after its first snapshot.
pub async fn start(config: RelayConfig) -> Result<Relay, RunError> {
    let control_planes = config.check()?;
    let listener = listen("the relay", config.listen).await?;
    let address = listener.local_addr().unwrap_or(config.listen);
    let incoming = Incoming::new(listener, config.transport, ClientCertificates::Demanded)?;
    let random = clock::random::<8>().map_err(|e| RunError::Random(io::Error::other(e)))?;
    let (stop, stopping) = watch::channel(false);
    let (shelf, nodes) = (Arc::new(Shelf::new()), Arc::new(NodeRegistry::default()));
    let mut registry = Registry::default();
    let meters = Arc::new(Meters::default());
    meters.register(&mut registry);
    let metrics = StreamMetrics::register(&mut registry);
    registry.register(
        "countersign_handshakes_failed",
        "Connections that were refused: not TLS, or not vouched for by the client CA",
        incoming.handshakes_failed(),
    );
    let interval_ms = i64::try_from(config.bookmark_interval.as_millis()).unwrap_or(i64::MAX);
    registry.register_collector(Box::new(Exposition {
        nodes: Arc::clone(&nodes),
        commits: Arc::clone(&shelf.commits),
        now_ms: clock::unix_ms,
        silence_ms_max: SILENT_INTERVALS_MAX.saturating_mul(interval_ms),
    }));

    let mut background = JoinSet::new();
    let mut status_address = None;
    if let Some(wanted) = config.status_listen {
        let listener = listen("the status listener", wanted).await?;
        status_address = listener.local_addr().ok();
        let (meters, revision) = (Arc::clone(&meters), shelf.revision());
        let told = Status { registry, meters, revision, stopping: stopping.clone() };
        background.spawn(async move {
            if let Err(error) = status::serve(listener, told).await {
                warn!(%error, "the status listener ended");
            }
        });
    }
    let streams = Streams::new(Parts {
        source: RelaySource(Arc::clone(&shelf)),
        nodes: Arc::clone(&nodes),
        commits: Arc::clone(&shelf.commits),
        metrics,
        bookmark_interval: config.bookmark_interval,
        snapshots_at_once: AtOnce::default(),
        stalled_max: STALLED_MAX,
        // Who may ask for what is decided where the keys are.
        scope: Scope::default(),
        stopping: stopping.clone(),
        now_ms: clock::unix_ms,
    });
    let mut server = JoinSet::new();
    server.spawn(serve(streams, incoming, stopping));
    let revision = shelf.revision();
    let tls = config.control_plane_tls;
    let enrolled_at = checked_enrolment(config.enrolment.as_ref(), &config.name, &tls)?;
    let enrolled_at = if enrolled_at.is_empty() { control_planes.clone() } else { enrolled_at };
    let told = Arc::clone(&meters);
    let say = move |trouble| told.say(Some(trouble));
    let (enrolling, tls, certificates) =
        enrolment::begin(config.enrolment.as_ref(), &config.name, enrolled_at, tls, say);
    if let Some(enrolling) = enrolling {
        background.spawn(enrolling);
    }
    let upstream = Upstream {
        name: config.name,
        tls,
        certificates,
        instance: HEXLOWER.encode(&random),
        environments: config.environments,
        bookmark_interval: config.bookmark_interval,
        tables: Tables::default(),
        shelf,
        nodes,
        meters,
    };
    background.spawn(upstream.run(control_planes));
    info!(%address, "the relay listens");
    Ok(Relay { address, status_address, revision, stop, server, background })
}

impl Relay {
    /// Where nodes connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn status_address(&self) -> Option<SocketAddr> {
        self.status_address
    }

    /// The revision that is served; 0 before the first snapshot.
    pub fn revision(&self) -> watch::Receiver<u64> {
        self.revision.clone()
    }

    /// Ends all streams, with UNAVAILABLE `STOPPING` to the nodes.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        let ended = async { while self.server.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_WAIT, ended).await.is_err() {
            warn!("streams that did not end in time were cut off");
        }
        self.background.shutdown().await;
        info!("the relay has stopped");
    }
}

async fn listen(what: &'static str, address: SocketAddr) -> Result<TcpListener, RunError> {
    let failed = |source| RunError::Listen { what, address, source };
    TcpListener::bind(address).await.map_err(failed)
}

/// Not `async`, so that the server is compiled with this crate and not with every caller.
fn serve(
    streams: Streams<RelaySource>,
    incoming: Incoming,
    mut stopping: watch::Receiver<bool>,
) -> impl Future<Output = ()> + Send {
    let stop = async move {
        // A sender that is gone means the same.
        let _ = stopping.wait_for(|stopping| *stopping).await;
    };
    let server = transport().add_service(streams.into_service());
    async move {
        if let Err(error) = server.serve_with_incoming_shutdown(incoming.connections(), stop).await
        {
            error!(%error, "the gRPC listener failed");
        }
    }
}
