//! From a data directory to a control plane that serves, and back. The order of a start: log,
//! keystore, state (newest good snapshot, then the log), feed, engine, listeners.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use countersign_feed::Window;
use countersign_feed::metrics::StreamMetrics;
use countersign_feed::nodes::exposition::Exposition;
use countersign_feed::nodes::{NodeRegistry, SILENT_INTERVALS_MAX};
use countersign_feed::ring::FEED_ENTRIES_MAX;
use countersign_feed::scope::Scope;
use countersign_feed::server::{Parts as StreamParts, STALLED_MAX, Streams};
use countersign_feed::turns::AtOnce;
use countersign_shared::event::Origin;
use countersign_shared::id::{EnvironmentId, LogId};
use countersign_shared::text::{ActedAs, Actor, Reason};
use countersign_transport::{ClientCertificates, Incoming, Transport, TransportError};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle as Task;

use crate::api::{self, Api, Auditing, Parts};
use crate::attempts::Attempts;
use crate::command::{Authority, Command, Request};
use crate::engine::{Engine, EngineHandle, ExecuteError, forget_all_but_living};
use crate::history::History;
use crate::keystore::{Keystore, KeystoreError, MasterKeyError, PutError};
use crate::log::{
    CheckpointKey, DataDir, Durability, EventLog, LocalLog, OpenError, SnapshotStore,
};
use crate::metrics::EngineMetrics;
use crate::recover::{RecoverError, recover};
use crate::snapshotter::Snapshotter;
use crate::source::LogSource;
use crate::{Limits, clock, status};

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
    /// The master key; without it `master.key` in the data directory, made on the first start.
    pub master_key_file: Option<PathBuf>,
    pub limits: Limits,
    /// How often an idle node hears from us.
    pub bookmark_interval: Duration,
    /// How many nodes are sent a snapshot at the same time.
    pub snapshots_at_once: AtOnce,
    /// Which environments a node may ask for.
    pub node_scope: Scope,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("countersign-data"),
            listen: SocketAddr::from(([127, 0, 0, 1], 7400)),
            transport: Transport::Plaintext,
            console_listen: None,
            status_listen: Some(SocketAddr::from(([127, 0, 0, 1], 7401))),
            master_key_file: None,
            limits: Limits::default(),
            bookmark_interval: Duration::from_secs(5),
            snapshots_at_once: AtOnce::default(),
            node_scope: Scope::default(),
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
    #[error("the first event could not be written: {0}")]
    Genesis(#[from] ExecuteError),
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
    let grpc = listen(config.listen, "--listen").await?;
    let grpc_address = grpc.local_addr().unwrap_or(config.listen);
    let incoming = Incoming::new(grpc, config.transport.clone(), ClientCertificates::Taken)?;
    let (console, console_address) = match config.console_listen {
        Some(address) => {
            let listener = listen(address, "--console-listen").await?;
            let address = listener.local_addr().ok();
            (Some(Incoming::new(listener, config.transport, ClientCertificates::Unasked)?), address)
        }
        None => (None, None),
    };
    let status_listener = match config.status_listen {
        Some(address) => Some(listen(address, "--status-listen").await?),
        None => None,
    };
    let mut registry = Registry::default();
    let engine_metrics = EngineMetrics::register(&mut registry);
    let metrics = StreamMetrics::register(&mut registry);
    registry.register(
        "countersign_handshakes_failed",
        "Connections that were refused: not TLS, or not vouched for by the client CA",
        incoming.handshakes_failed(),
    );

    let opening = (config.data_dir.clone(), config.master_key_file.clone(), config.limits);
    let for_engine = Arc::clone(&engine_metrics);
    let opened = tokio::task::spawn_blocking(move || {
        open(&opening.0, opening.1.as_deref(), opening.2, for_engine)
    });
    let Opened { engine, history, log_id, epoch, auditing } =
        opened.await.map_err(|e| StartError::Thread(e.into()))??;
    let (feed, sealer, head) =
        (engine.publisher.feed(), engine.keystore.sealer(), engine.log.head());
    let keystore = engine.keystore.image();
    let (engine, engine_thread) = engine.spawn().map_err(StartError::Thread)?;
    if head.revision == 0 {
        create_log(&engine, log_id).await?;
    }

    let (stop, stopping) = watch::channel(false);
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
        keystore,
        epoch,
        nodes,
        commits: Arc::clone(&engine_metrics.commits),
        bookmark_interval_ms,
        stopping: stopping.clone(),
    });
    let status_address = status_listener.as_ref().and_then(|listener| listener.local_addr().ok());
    let mut servers = Vec::new();
    if let Some(incoming) = console {
        servers.push(serving_console(api.clone(), incoming, stopping.clone()));
    }
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

struct Opened {
    engine: Engine,
    history: History,
    log_id: LogId,
    epoch: u64,
    auditing: Auditing,
}

fn open(
    data_dir: &Path,
    master_key_file: Option<&Path>,
    limits: Limits,
    metrics: Arc<EngineMetrics>,
) -> Result<Opened, StartError> {
    let dir = DataDir::open(data_dir, LogId::from_bytes(clock::new_id()))?;
    let (log_id, epoch) = (dir.log_id(), dir.epoch());
    let master = dir.master_key(master_key_file)?;
    let mut keystore = Keystore::open(&dir.keystore_path(), &master, log_id)?;
    let snapshots = Arc::new(SnapshotStore::of(&dir));
    let attempts = Attempts::open(&dir.attempts_path()).map_err(OpenError::from)?;
    let signing = || CheckpointKey::from_seed(&keystore.checkpoint_seed(), log_id);
    let log = LocalLog::open(dir, signing(), Durability::Full)?;
    let auditing = Auditing::new(signing(), attempts);
    let head = log.head();
    let history = History { reader: log.reader(), snapshots: Arc::clone(&snapshots) };

    // From a snapshot so old that the replay fills the feed: nodes go on by deltas after a restart.
    let mut state = history.snapshot_before(head.revision.saturating_sub(FEED_ENTRIES_MAX as u64));
    let snapshot_revision = state.head().revision;
    let sealer = keystore.sealer();
    let publisher = recover(&*history.reader, log_id, &mut state, &sealer, Window::default())?;
    // Those that a crash kept from being forgotten.
    match forget_all_but_living(&mut keystore, &state) {
        Err(error @ PutError::Full(_)) => tracing::warn!(%error, "no secret is forgotten"),
        forgotten => forgotten.map_err(KeystoreError::from)?,
    }
    metrics.committed(head.revision);
    tracing::info!(
        revision = head.revision,
        replayed = head.revision - snapshot_revision,
        keys = state.keys().len(),
        bindings = state.bindings().len(),
        "log read"
    );
    let snapshotter =
        Snapshotter::spawn(snapshots, snapshot_revision).map_err(StartError::Thread)?;
    let engine =
        Engine { log: Box::new(log), keystore, state, publisher, limits, snapshotter, metrics };
    Ok(Opened { engine, history, log_id, epoch, auditing })
}

/// The first event of a new log.
async fn create_log(engine: &EngineHandle, log_id: LogId) -> Result<(), StartError> {
    let release = EnvironmentId::from_bytes(clock::new_id());
    let Ok(actor) = Actor::parse("system") else { return Ok(()) };
    let request = Request {
        command: Command::CreateLog { log_id, release },
        origin: Arc::new(Origin {
            role: ActedAs::default(),
            actor,
            source: String::new(),
            request: None,
            reason: Reason::default(),
        }),
        authority: Authority::Unlimited,
        expected_revision: Some(0),
        data_key: None,
    };
    engine.execute(clock::now_ms(), request).await?;
    Ok(())
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
