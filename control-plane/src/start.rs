//! From a data directory to a control plane that serves, and back. The order of a start: log,
//! keystore, state (newest good snapshot, then the log), feed, engine, listeners.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use countersign_feed::metrics::StreamMetrics;
use countersign_feed::nodes::exposition::Exposition;
use countersign_feed::nodes::{NodeRegistry, SILENT_INTERVALS_MAX};
use countersign_feed::scope::Scope;
use countersign_feed::server::{Parts as StreamParts, STALLED_MAX, Streams};
use countersign_feed::turns::AtOnce;
use countersign_transport::node_ca::NodeCaError;
use countersign_transport::{
    ClientCertificates, ClientFiles, Incoming, ServerFiles, Transport, TransportError,
};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle as Task;

use crate::admission::Admission;
use crate::api::{self, Api, Parts};
use crate::bootstrap::{self, BootstrapError};
use crate::engine::{EngineHandle, ExecuteError};
use crate::keystore::{KeystoreError, MasterKeyError, MasterKeySource};
use crate::log::{EtcdConfig, OWN_MASTER_KEY, OpenError};
use crate::metrics::EngineMetrics;
use crate::node_certificates::{NodeCertificateConfig, NodeCertificates};
use crate::opening::{Opened, Opening, open};
use crate::place::Whereabouts;
use crate::recover::RecoverError;
use crate::source::LogSource;
use crate::{Limits, clock, status, system};

/// How long calls that are under way may take to finish when the control plane stops.
const STOP_WAIT: Duration = Duration::from_secs(5);

#[derive(Debug, Clone)]
pub struct Config {
    /// Where everything is kept. Made if it is not there.
    pub data_dir: PathBuf,
    /// Where gRPC is served; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How it is spoken to there.
    pub transport: Transport,
    /// Where the web console is served, with the certificate of `transport`.
    pub console_listen: Option<SocketAddr>,
    /// Where `/live`, `/ready` and `/metrics` are served.
    pub status_listen: Option<SocketAddr>,
    /// The cluster on which several replicas share the log; without it the log is this process's own.
    pub etcd: Option<EtcdConfig>,
    /// The master key; without it `master.key` in the data directory, made on the first start.
    pub master_key: Option<MasterKeySource>,
    /// The one after it; without it the file of the first with `.next` at its end.
    pub next_master_key: Option<MasterKeySource>,
    pub limits: Limits,
    /// How often an idle node hears from us.
    pub bookmark_interval: Duration,
    /// How many nodes are sent a snapshot at the same time.
    pub snapshots_at_once: AtOnce,
    /// Which environments a node may ask for.
    pub node_scope: Scope,
    /// How nodes get their certificates here, if they do.
    pub node_certificates: NodeCertificateConfig,
    /// Whether clear text on loopback is as strict as TLS: who shows nothing may do nothing.
    pub require_credentials: bool,
    /// How many calls an operator may make.
    pub calls_per_second: u32,
    /// How long a call may take whose answer does not go on.
    pub call_time_max: Duration,
    /// What certificates and tokens are held to, in milliseconds since 1970.
    pub now_ms: fn() -> i64,
    /// Whether a first token is made although there is an admin.
    pub new_bootstrap_token: bool,
}

/// Unless somebody wants another rate.
pub const CALLS_PER_SECOND: u32 = 1_000;

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("countersign-data"),
            listen: SocketAddr::from(([127, 0, 0, 1], 7400)),
            transport: Transport::Plaintext,
            console_listen: None,
            status_listen: Some(SocketAddr::from(([127, 0, 0, 1], 7401))),
            etcd: None,
            master_key: None,
            next_master_key: None,
            limits: Limits::default(),
            bookmark_interval: Duration::from_secs(5),
            snapshots_at_once: AtOnce::default(),
            node_scope: Scope::default(),
            node_certificates: NodeCertificateConfig::default(),
            require_credentials: false,
            calls_per_second: CALLS_PER_SECOND,
            call_time_max: api::CALL_TIME_MAX,
            now_ms: clock::now_ms,
            new_bootstrap_token: false,
        }
    }
}

/// Why a control plane does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    #[error(transparent)]
    Keystore(#[from] KeystoreError),
    #[error(transparent)]
    Log(#[from] OpenError),
    #[error(transparent)]
    Recover(#[from] RecoverError),
    #[error(
        "cannot listen on {address}: {error}. Another process may have the port; choose another with {flag}"
    )]
    Listen { address: SocketAddr, flag: &'static str, error: std::io::Error },
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error(transparent)]
    NodeCa(#[from] NodeCaError),
    #[error("the first event could not be written: {0}")]
    Genesis(#[from] ExecuteError),
    #[error(transparent)]
    Bootstrap(#[from] BootstrapError),
    #[error("a thread could not be started: {0}")]
    Thread(std::io::Error),
}

/// A control plane that serves.
#[derive(Debug)]
pub struct ControlPlane {
    grpc_address: SocketAddr,
    console_address: Option<SocketAddr>,
    status_address: Option<SocketAddr>,
    engine: EngineHandle,
    stop: watch::Sender<bool>,
    engine_thread: JoinHandle<()>,
    servers: Vec<Task<()>>,
}

/// Starts a control plane. When it returns, the log is read and calls are answered.
pub async fn start(config: Config) -> Result<ControlPlane, StartError> {
    let mut registry = Registry::default();
    let node_certificates = NodeCertificates::open(&config.node_certificates, &mut registry)?;
    let grpc = listen(config.listen, "--listen").await?;
    let grpc_address = grpc.local_addr().unwrap_or(config.listen);
    let transport = match (config.transport, config.node_certificates.ca) {
        (Transport::Tls(files), Some(ca)) => {
            Transport::Tls(ServerFiles { node_ca: Some(ca.certificate), ..files })
        }
        (transport, _) => transport,
    };
    let is_strict = config.require_credentials || transport != Transport::Plaintext;
    let incoming = Incoming::new(grpc, transport.clone(), ClientCertificates::Taken)?;
    let (console, console_address) = match config.console_listen {
        Some(address) => {
            let listener = listen(address, "--console-listen").await?;
            let address = listener.local_addr().ok();
            (Some(Incoming::new(listener, transport, ClientCertificates::Unasked)?), address)
        }
        None => (None, None),
    };
    let status_listener = match config.status_listen {
        Some(address) => Some(listen(address, "--status-listen").await?),
        None => None,
    };
    let engine_metrics = EngineMetrics::register(&mut registry);
    let metrics = StreamMetrics::register(&mut registry);
    registry.register(
        "countersign_handshakes_failed",
        "Connections that were refused: not TLS, or not vouched for by the client CA",
        incoming.handshakes_failed(),
    );

    let next_master_key = config.next_master_key.or_else(|| {
        let own = || MasterKeySource::File(config.data_dir.join(OWN_MASTER_KEY));
        config.master_key.clone().unwrap_or_else(own).next()
    });
    let shares =
        (config.etcd.as_ref()).map(|etcd| ClientFiles { ca: etcd.replica_ca.clone(), own: None });
    let opening = Opening {
        whereabouts: Whereabouts { data_dir: config.data_dir.clone(), etcd: config.etcd },
        master_key: config.master_key,
        next_master_key: next_master_key.clone(),
        limits: config.limits,
    };
    let for_engine = Arc::clone(&engine_metrics);
    let opened = tokio::task::spawn_blocking(move || open(&opening, for_engine));
    let Opened { engine, history, log_id, epoch, auditing } =
        opened.await.map_err(|e| StartError::Thread(e.into()))??;
    let (feed, sealer) = (engine.publisher.feed(), engine.keystore.sealer());
    let (keystore, master_key) = (engine.keystore.image(), engine.keystore.master_number());
    let (pulse, vouching) = (engine.log.pulse(), engine.keystore.vouching());
    let (engine, engine_thread) = engine.spawn().map_err(StartError::Thread)?;
    system::note(&engine, log_id, master_key).await?;

    if is_strict {
        bootstrap::prepare(&engine, &config.data_dir, config.new_bootstrap_token).await?;
    }
    let admission = Admission::new(
        config.require_credentials,
        config.calls_per_second,
        config.data_dir.join("token-use"),
        &mut registry,
    );

    let replicas = shares.map(|files| Arc::new(api::Replicas::new(vouching, files)));

    let (stop, stopping) = watch::channel(false);
    if let Some(pulse) = pulse {
        drop(tokio::spawn(feel(pulse, engine.clone(), stopping.clone())));
    }
    let bookmark_interval_ms =
        u32::try_from(config.bookmark_interval.as_millis()).unwrap_or(u32::MAX);
    let nodes = Arc::new(NodeRegistry::default());
    registry.register_collector(Box::new(Exposition {
        nodes: Arc::clone(&nodes),
        commits: Arc::clone(&engine_metrics.commits),
        now_ms: clock::now_ms,
        silence_ms_max: SILENT_INTERVALS_MAX * i64::from(bookmark_interval_ms),
    }));
    let reader = Arc::clone(&history.reader);
    let streams = Streams::new(StreamParts {
        source: LogSource {
            engine: engine.clone(),
            feed,
            sealer: sealer.clone(),
            log_id,
            epoch,
            reader,
        },
        nodes: Arc::clone(&nodes),
        commits: Arc::clone(&engine_metrics.commits),
        metrics,
        bookmark_interval: config.bookmark_interval,
        snapshots_at_once: config.snapshots_at_once,
        stalled_max: STALLED_MAX,
        scope: config.node_scope,
        stopping: stopping.clone(),
        now_ms: clock::now_ms,
    });
    let api = Api::new(Parts {
        engine: engine.clone(),
        history,
        sealer,
        auditing,
        explanations: api::Calls::default(),
        admission,
        call_time_max: config.call_time_max,
        now_ms: config.now_ms,
        replicas,
        data_dir: config.data_dir,
        keystore,
        next_master_key,
        epoch,
        nodes,
        commits: Arc::clone(&engine_metrics.commits),
        node_certificates,
        bookmark_interval_ms,
        stopping: stopping.clone(),
    });
    let status_address = status_listener.as_ref().and_then(|listener| listener.local_addr().ok());
    let mut servers = Vec::new();
    if let Some(incoming) = console {
        servers.push(serving_console(api.clone(), incoming, stopping.clone()));
    }
    servers.push(tokio::spawn(api.clone().keep_uses(stopping.clone())));
    servers.push(serving(api, streams, incoming, stopping.clone()));
    servers.push(tokio::spawn(engine.clone().keep_forgetting(stopping.clone())));
    if let Some(listener) = status_listener {
        let page = status::StatusPage { registry, stopping: stopping.clone() };
        servers.push(tokio::spawn(status::serve(page, listener, stopped(stopping))));
    }
    let revision = *engine.revision().borrow();
    tracing::info!(%log_id, epoch, revision, address = %grpc_address, "control plane ready");
    Ok(ControlPlane {
        grpc_address,
        console_address,
        status_address,
        engine,
        stop,
        engine_thread,
        servers,
    })
}

impl ControlPlane {
    pub fn grpc_address(&self) -> SocketAddr {
        self.grpc_address
    }

    pub fn console_address(&self) -> Option<SocketAddr> {
        self.console_address
    }

    pub fn status_address(&self) -> Option<SocketAddr> {
        self.status_address
    }

    /// Changes with every commit.
    pub fn revision(&self) -> watch::Receiver<u64> {
        self.engine.revision()
    }

    /// Ends streams, lets calls that are under way finish, and closes the log cleanly.
    pub async fn shutdown(self) {
        self.stop.send_replace(true);
        for mut server in self.servers {
            if tokio::time::timeout(STOP_WAIT, &mut server).await.is_err() {
                tracing::warn!(
                    "calls that took longer than {} s were cut off",
                    STOP_WAIT.as_secs()
                );
                server.abort();
            }
        }
        self.engine.stop().await;
        let thread = self.engine_thread;
        let joined = tokio::task::spawn_blocking(move || thread.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            tracing::error!("the engine did not stop cleanly");
        }
        tracing::info!("control plane stopped");
    }
}

/// Has the engine follow whenever the log may have something new.
async fn feel(
    mut pulse: watch::Receiver<u64>,
    engine: EngineHandle,
    stopping: watch::Receiver<bool>,
) {
    let mut stopped = std::pin::pin!(stopped(stopping));
    loop {
        tokio::select! {
            () = &mut stopped => return,
            beat = pulse.changed() => if beat.is_err() { return },
        }
        // What it could not reach is told by the engine, and tried again with the next beat.
        let _ = engine.follow(false).await;
    }
}

/// Not `async`, so that the server is compiled with this crate and not with every caller.
fn serving(
    api: Api,
    streams: Streams<LogSource>,
    incoming: Incoming,
    stopping: watch::Receiver<bool>,
) -> Task<()> {
    tokio::spawn(async move {
        if let Err(error) = api::serve(api, streams, incoming, stopped(stopping)).await {
            tracing::error!(%error, "the gRPC listener failed");
        }
    })
}

fn serving_console(api: Api, incoming: Incoming, stopping: watch::Receiver<bool>) -> Task<()> {
    tokio::spawn(async move {
        if let Err(error) = api::serve_console(api, incoming, stopped(stopping)).await {
            tracing::error!(%error, "the console's listener failed");
        }
    })
}

async fn listen(address: SocketAddr, flag: &'static str) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|error| StartError::Listen { address, flag, error })
}

async fn stopped(mut stopping: watch::Receiver<bool>) {
    // A sender that is gone means the same.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}
