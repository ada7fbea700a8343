//! A node from its start to its end: listeners, workers, the stream, the status, and a shutdown
//! that lets requests finish. It owns the threads and nothing that they do.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use countersign_delivery::{NotSealed, Recipient};
use countersign_transport::TransportError;
use data_encoding::HEXLOWER;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::cache::{CacheWriter, Offers};
use crate::clock;
use crate::config::{Config, InvalidConfig, ProxyTls, checked_enrolment};
use crate::enrolment;
use crate::follower::Identity;
use crate::proxy::{self, Doors, InvalidCertificate, Phase, Shared, Tls, Tracing};
use crate::status::{self, Status};
use crate::sync::Sync;
use crate::telemetry::{Telemetry, Traces};

/// How long the answers that say so may take when the time for requests is over.
const LAST_ANSWER_TIME: Duration = Duration::from_millis(200);
/// How soon a changed certificate is used.
const CERTIFICATE_LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Config(#[from] InvalidConfig),
    #[error(
        "{what} cannot listen on {address}: {source}; choose another address or end the process that has it"
    )]
    Listen { what: &'static str, address: SocketAddr, source: io::Error },
    #[error(transparent)]
    Certificate(#[from] InvalidCertificate),
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error("traces cannot be sent: {0}")]
    Traces(opentelemetry_otlp::ExporterBuildError),
    #[error("a thread could not be started: {0}")]
    Thread(io::Error),
    #[error("the system has no random source: {0}")]
    Random(io::Error),
    #[error("no key pair for delivery keys can be made: {0}")]
    KeyPair(NotSealed),
}

/// A node that runs. Dropped without [`Node::shutdown`] it stops at once.
#[derive(Debug)]
pub struct Node {
    proxy_address: SocketAddr,
    proxy_tls_address: Option<SocketAddr>,
    status_address: Option<SocketAddr>,
    applied: watch::Receiver<u64>,
    phase: watch::Sender<Phase>,
    drain_delay: Duration,
    drain_timeout: Duration,
    workers: Vec<Thread>,
    /// Looks after backends until the last request has finished.
    upstream: Thread,
    sync: Thread,
    /// Dropping it ends the stream.
    stop_sync: oneshot::Sender<()>,
    /// Ends after the stream, with the last table written.
    cache_writer: Option<Thread>,
    /// The status listener, and whoever looks after the certificate; dropping it ends them.
    background: JoinSet<()>,
    traces: Option<Traces>,
}

/// Runs a node until `shutdown`, then lets the requests that are under way finish.
pub async fn run(config: Config, shutdown: impl Future<Output = ()>) -> Result<(), RunError> {
    let node = start(config).await?;
    shutdown.await;
    node.shutdown().await;
    Ok(())
}

/// Starts a node; it listens when this returns, and is ready after its first snapshot.
pub async fn start(config: Config) -> Result<Node, RunError> {
    let control_planes = config.check()?;
    let listeners = proxy_listeners(config.proxy_listen, config.workers)?;
    let proxy_address = address_of(listeners.first(), config.proxy_listen);
    let traces = match &config.otlp_endpoint {
        None => None,
        Some(endpoint) => Some(Traces::to(endpoint, &config.node).map_err(RunError::Traces)?),
    };
    let tracing = traces
        .as_ref()
        .map(|traces| Tracing { tracer: traces.tracer(), every: config.trace_every });
    let shared = Arc::new(Shared::new(&config).traced(tracing));
    let mut encrypted = Vec::new();
    let mut proxy_tls_address = None;
    let mut background = JoinSet::new();
    if let Some(ProxyTls { listen, files }) = config.proxy_tls {
        let tls = Arc::new(Tls::load(files)?);
        let listeners = proxy_listeners(listen, config.workers)?;
        proxy_tls_address = Some(address_of(listeners.first(), listen));
        encrypted.extend(listeners.into_iter().map(|listener| (listener, Arc::clone(&tls))));
        background.spawn(renew(tls));
    }
    let mut encrypted = encrypted.into_iter();
    let telemetry = Arc::new(Telemetry::new(config.workers));
    let (phase, phases) = watch::channel(Phase::Serving);

    let mut status_address = None;
    if let Some(address) = config.status_listen {
        let failed = |source| RunError::Listen { what: "the status listener", address, source };
        let listener = tokio::net::TcpListener::bind(address).await.map_err(failed)?;
        status_address = listener.local_addr().ok();
        let told = Status {
            shared: Arc::clone(&shared),
            telemetry: Arc::clone(&telemetry),
            phase: phases.clone(),
        };
        background.spawn(async move {
            if let Err(error) = status::serve(listener, told).await {
                warn!(%error, "the status listener ended");
            }
        });
    }

    let mut workers = Vec::with_capacity(listeners.len());
    for (at, (listener, meters)) in listeners.into_iter().zip(telemetry.workers()).enumerate() {
        let (shared, meters, phases) = (Arc::clone(&shared), Arc::clone(meters), phases.clone());
        let doors = Doors { clear: listener, encrypted: encrypted.next() };
        workers.push(Thread::spawn(format!("proxy-{at}"), move || {
            proxy::run_worker(doors, shared, meters, phases)
        })?);
    }

    let beside = Arc::clone(&shared);
    let upstream =
        Thread::spawn("upstream".to_owned(), move || proxy::run_upstream(beside, phases))?;

    let random = clock::random::<8>().map_err(|e| RunError::Random(io::Error::other(e)))?;
    let identity = Identity {
        node: config.node,
        instance: HEXLOWER.encode(&random),
        environments: config.environments,
        recipient: Arc::new(Recipient::generate().map_err(RunError::KeyPair)?),
    };
    let (applied_sender, applied) = watch::channel(0);
    let offers = config.cache.as_ref().map(|_| Arc::new(Offers::default()));
    let cache_writer = match config.cache.clone().zip(offers.clone()) {
        None => None,
        Some((cache, offers)) => {
            let environments = identity.environments.clone();
            let writer = CacheWriter { cache, environments, offers };
            Some(Thread::spawn("cache".to_owned(), move || {
                writer.run();
                Ok(())
            })?)
        }
    };
    let enrolled_at =
        checked_enrolment(config.enrolment.as_ref(), &identity.node, &config.control_plane_tls)?;
    let enrolled_at = if enrolled_at.is_empty() { control_planes.clone() } else { enrolled_at };
    let told = Arc::clone(&telemetry);
    let (enrolling, control_plane_tls, certificates) = enrolment::begin(
        config.enrolment.as_ref(),
        &identity.node,
        enrolled_at,
        config.control_plane_tls,
        move |trouble| told.sync.say(Some(trouble)),
    );
    if let Some(enrolling) = enrolling {
        background.spawn(enrolling);
    }
    let mut sync = Sync::new(identity, config.accept_log, shared, telemetry, applied_sender);
    if let Some(offers) = &offers {
        sync = sync.offering(Arc::clone(offers));
    }
    let (stop_sync, stopped) = oneshot::channel();
    let cache = config.cache;
    let sync = Thread::spawn("sync".to_owned(), move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        if let Some(cache) = &cache {
            sync.start_cold(cache);
        }
        runtime.block_on(async {
            tokio::select! {
                () = sync.run(control_planes, control_plane_tls, certificates) => {}
                _ = stopped => {}
            }
        });
        if let Some(offers) = offers {
            offers.finish();
        }
        Ok(())
    })?;
    info!(%proxy_address, ?proxy_tls_address, "the node listens");
    let (drain_delay, drain_timeout) = (config.drain_delay, config.drain_timeout);
    Ok(Node {
        proxy_address,
        proxy_tls_address,
        status_address,
        applied,
        phase,
        drain_delay,
        drain_timeout,
        workers,
        upstream,
        sync,
        stop_sync,
        cache_writer,
        background,
        traces,
    })
}

impl Node {
    pub fn proxy_address(&self) -> SocketAddr {
        self.proxy_address
    }

    pub fn proxy_tls_address(&self) -> Option<SocketAddr> {
        self.proxy_tls_address
    }

    pub fn status_address(&self) -> Option<SocketAddr> {
        self.status_address
    }

    /// The revision that requests are signed with; 0 before the first snapshot.
    pub fn applied_revision(&self) -> watch::Receiver<u64> {
        self.applied.clone()
    }

    /// Waits until requests are signed with this revision or a later one.
    pub async fn wait_for(&self, revision: u64) {
        let mut applied = self.applied.clone();
        // It ends early only with the node itself.
        let _ = applied.wait_for(|applied| *applied >= revision).await;
    }

    /// Is not ready any more; after the drain delay takes no more connections, lets requests finish
    /// within the drain timeout, and stops.
    pub async fn shutdown(mut self) {
        let ends_at = clock::now() + self.drain_delay + self.drain_timeout;
        self.phase.send_replace(Phase::Leaving { ends_at });
        if !self.drain_delay.is_zero() {
            info!(delay = ?self.drain_delay, "not ready any more; new connections are still taken");
            tokio::time::sleep(self.drain_delay).await;
        }
        self.phase.send_replace(Phase::Draining { ends_at });
        let time_max = self.drain_timeout + LAST_ANSWER_TIME;
        if tokio::time::timeout(time_max, finished(&mut self.workers)).await.is_err() {
            warn!(timeout = ?self.drain_timeout, "requests did not finish in time and are cut off");
        }
        self.phase.send_replace(Phase::Stopped);
        finished(&mut self.workers).await;
        finished(std::slice::from_mut(&mut self.upstream)).await;
        drop(self.stop_sync);
        finished(std::slice::from_mut(&mut self.sync)).await;
        if let Some(writer) = &mut self.cache_writer {
            finished(std::slice::from_mut(writer)).await;
        }
        self.background.shutdown().await;
        if let Some(traces) = self.traces {
            traces.finish().await;
        }
        info!("the node has stopped");
    }
}

/// Takes a certificate anew whenever its files have changed.
async fn renew(tls: Arc<Tls>) {
    let mut changed_at = tls.changed_at();
    loop {
        tokio::time::sleep(CERTIFICATE_LOOK_INTERVAL).await;
        let changed = tls.changed_at();
        if changed != changed_at {
            changed_at = changed;
            tls.reload();
        }
    }
}

/// A thread whose end can be waited for.
#[derive(Debug)]
struct Thread {
    name: String,
    done: oneshot::Receiver<()>,
    handle: Option<JoinHandle<io::Result<()>>>,
}

impl Thread {
    fn spawn(
        name: String,
        work: impl FnOnce() -> io::Result<()> + Send + 'static,
    ) -> Result<Self, RunError> {
        let (tell, done) = oneshot::channel::<()>();
        let handle = std::thread::Builder::new()
            .name(name.clone())
            .spawn(move || {
                let result = work();
                drop(tell);
                result
            })
            .map_err(RunError::Thread)?;
        Ok(Self { name, done, handle: Some(handle) })
    }
}

/// Waits until these threads have ended. May be cancelled and called again.
async fn finished(threads: &mut [Thread]) {
    for thread in threads.iter_mut().filter(|thread| thread.handle.is_some()) {
        // Nothing is ever sent: the channel closes when the thread is about to end.
        let _ = (&mut thread.done).await;
        match thread.handle.take().map(JoinHandle::join) {
            None | Some(Ok(Ok(()))) => {}
            Some(Ok(Err(error))) => {
                warn!(thread = %thread.name, %error, "a thread ended with an error");
            }
            Some(Err(_)) => warn!(thread = %thread.name, "a thread panicked"),
        }
    }
}

/// One listener for each worker; with port 0 all share the one that the first was given.
fn proxy_listeners(
    address: SocketAddr,
    workers: usize,
) -> Result<Vec<std::net::TcpListener>, RunError> {
    let failed = |source| RunError::Listen { what: "the proxy", address, source };
    let mut listeners = Vec::with_capacity(workers);
    for _ in 0..workers {
        let listener = proxy::bind(address_of(listeners.first(), address)).map_err(failed)?;
        listeners.push(listener);
    }
    Ok(listeners)
}

fn address_of(listener: Option<&std::net::TcpListener>, otherwise: SocketAddr) -> SocketAddr {
    listener.and_then(|listener| listener.local_addr().ok()).unwrap_or(otherwise)
}
