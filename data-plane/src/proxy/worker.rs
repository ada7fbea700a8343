//! One worker: a thread with a listener, a single-threaded runtime, its connections and its
//! pool. Workers share the port, and of everything else only what [`Shared`] says.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::{ArcSwapOption, Cache};
use http::HeaderMap;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::LocalOptions;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{debug, warn};

use super::backend::Pool;
use super::body::Limits;
use super::clients::Clients;
use super::connection;
use super::edge::Doomed;
use super::http1;
use super::peer::{Peer, Trusted};
use super::phase::{Farewell, Phase};
use super::refusal::Refusal;
use super::request_id::RequestIds;
use super::seal::Seal;
use super::tls::Tls;
use super::trace::{Tracer, Tracing};
use super::turns::Turns;
use super::upstream::Upstream;
use crate::clock;
use crate::config::{ClientTimes, Config};
use crate::table::RoutingTable;
use crate::telemetry::WorkerMeters;

/// Per worker; more wait in the listener's backlog.
const CONNECTIONS_MAX: usize = 20_000;
const BACKLOG: i32 = 4096;
const HOUSEKEEPING_INTERVAL: Duration = Duration::from_secs(5);
/// When the process has no more file descriptors, accepting pauses for this long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Where a worker's connections come in.
#[derive(Debug)]
pub struct Doors {
    pub clear: StdListener,
    pub encrypted: Option<(StdListener, Arc<Tls>)>,
}

/// What all workers of a node share.
#[derive(Debug)]
pub struct Shared {
    /// None before the first complete snapshot.
    pub table: Arc<ArcSwapOption<RoutingTable>>,
    limits: Limits,
    trusted: Trusted,
    /// None where clients may do as much as they like.
    clients: Option<Clients>,
    client_times: ClientTimes,
    access_log_every: u32,
    tracing: Option<Tracing>,
    upstream: Arc<Upstream>,
}

impl Shared {
    /// For workers under these settings, of which those of listeners and streams do not matter.
    pub fn new(config: &Config) -> Self {
        Self {
            table: Arc::default(),
            limits: Limits::new(config),
            trusted: Trusted::new(config.trusted_proxies.clone()),
            clients: Clients::new(config, clock::now()),
            client_times: config.client_times,
            access_log_every: config.access_log_every,
            upstream: Arc::new(Upstream::new(config.upstream.clone())),
            tracing: None,
        }
    }

    /// The same, with traces.
    #[must_use]
    pub fn traced(self, tracing: Option<Tracing>) -> Self {
        Self { tracing, ..self }
    }

    pub(super) fn upstream(&self) -> &Arc<Upstream> {
        &self.upstream
    }
}

/// What one worker's requests share.
pub(crate) struct Worker {
    shared: Arc<Shared>,
    table: RefCell<LastSeen>,
    pub(super) pool: Pool,
    pub(super) seal: Seal,
    pub(super) request_ids: RequestIds,
    pub(super) access_log: Turns,
    pub(super) tracer: Tracer,
    pub(super) meters: Arc<WorkerMeters>,
    pub(super) doomed: Cell<Doomed>,
    pub(super) rooms: http1::Rooms,
    turn: Cell<usize>,
    pub(super) farewell: Farewell,
}

/// The table as a worker saw it last: to look for a newer one writes nothing that others read.
struct LastSeen {
    latest: Cache<Arc<ArcSwapOption<RoutingTable>>, Option<Arc<RoutingTable>>>,
    in_force: Option<Rc<TableInForce>>,
}

/// A worker's share of the table: counted once for all requests of the worker, so that they
/// do not write where other workers write.
#[derive(Debug)]
pub(super) struct TableInForce(Arc<RoutingTable>);

impl Deref for TableInForce {
    type Target = RoutingTable;

    fn deref(&self) -> &RoutingTable {
        &self.0
    }
}

/// A listener that shares its port with the other workers'.
pub fn bind(address: SocketAddr) -> io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Serves until the node drains and every request that was under way is answered, or until it
/// stops.
pub fn run_worker(
    doors: Doors,
    shared: Arc<Shared>,
    meters: Arc<WorkerMeters>,
    phase: watch::Receiver<Phase>,
) -> io::Result<()> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build_local(LocalOptions::default())?;
    let worker = Rc::new(Worker::new(shared, meters)?);
    runtime.block_on(async move {
        let clear = TcpListener::from_std(doors.clear)?;
        let encrypted = match doors.encrypted {
            Some((listener, tls)) => Some((TcpListener::from_std(listener)?, tls)),
            None => None,
        };
        let mut stopped = phase.clone();
        tokio::select! {
            () = worker.serve(clear, encrypted, phase) => {}
            // A node that is dropped has stopped, too.
            _ = stopped.wait_for(|phase| *phase == Phase::Stopped) => {}
        }
        Ok(())
    })
}

impl Worker {
    fn new(shared: Arc<Shared>, meters: Arc<WorkerMeters>) -> io::Result<Self> {
        Ok(Self {
            pool: Pool::new(Arc::clone(&shared.upstream)),
            access_log: Turns::every(shared.access_log_every),
            tracer: Tracer::new(shared.tracing.as_ref()),
            table: RefCell::new(LastSeen {
                latest: Cache::new(Arc::clone(&shared.table)),
                in_force: None,
            }),
            shared,
            seal: Seal::new(),
            request_ids: RequestIds::new(clock::random().map_err(io::Error::other)?),
            meters,
            doomed: Cell::default(),
            rooms: http1::Rooms::default(),
            turn: Cell::new(0),
            farewell: Farewell::default(),
        })
    }

    /// The table in force.
    pub(super) fn table(&self) -> Option<Rc<TableInForce>> {
        let LastSeen { latest, in_force } = &mut *self.table.borrow_mut();
        let latest = latest.load().as_ref()?;
        match in_force {
            Some(held) if Arc::ptr_eq(&held.0, latest) => Some(Rc::clone(held)),
            _ => {
                let held = Rc::new(TableInForce(Arc::clone(latest)));
                *in_force = Some(Rc::clone(&held));
                Some(held)
            }
        }
    }

    /// Counts on with each request, to take a backend's targets in turn.
    pub(super) fn next_turn(&self) -> usize {
        let turn = self.turn.get().wrapping_add(1);
        self.turn.set(turn);
        turn
    }

    pub(super) fn client_times(&self) -> ClientTimes {
        self.shared.client_times
    }

    pub(super) fn trusted(&self) -> &Trusted {
        &self.shared.trusted
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    /// Who is there; none where that client has as many connections as it may.
    fn welcome(&self, address: SocketAddr, scheme: &'static str) -> Option<Peer> {
        let peer = Peer::new(address, scheme, &self.shared.trusted);
        let Some(clients) = &self.shared.clients else { return Some(peer) };
        let guest = clients.welcome(&peer, clock::now());
        if guest.is_none() {
            self.meters.rejected("TOO_MANY_CONNECTIONS");
            debug!(client = %peer.address(), "too many connections of one client");
        }
        guest.map(|guest| peer.with(guest))
    }

    /// Lets a request in, or refuses it because its client has sent too many.
    pub(super) fn admit(
        &self,
        peer: &Peer,
        headers: &HeaderMap,
        now: Instant,
    ) -> Result<(), Refusal> {
        match &self.shared.clients {
            None => Ok(()),
            Some(clients) => clients.admit(peer, headers, &self.shared.trusted, now),
        }
    }

    async fn serve(
        self: &Rc<Self>,
        clear: TcpListener,
        encrypted: Option<(TcpListener, Arc<Tls>)>,
        mut phase: watch::Receiver<Phase>,
    ) {
        let mut connections = JoinSet::new();
        let mut seen = Phase::Serving;
        let mut housekeeping = tokio::time::interval(HOUSEKEEPING_INTERVAL);
        loop {
            let has_room = connections.len() < CONNECTIONS_MAX;
            tokio::select! {
                accepted = clear.accept(), if has_room => {
                    self.take(&mut connections, accepted, None).await;
                }
                (accepted, tls) = accept_encrypted(encrypted.as_ref()), if has_room => {
                    self.take(&mut connections, accepted, Some(tls)).await;
                }
                Some(_) = connections.join_next() => {}
                _ = housekeeping.tick() => {
                    self.pool.sweep(clock::now());
                    self.meters.pool_stands(self.pool.count());
                    // An idle worker must not keep a former table alive.
                    drop(self.table());
                }
                changed = phase.wait_for(|phase| *phase != seen) => {
                    // A node that is dropped has stopped.
                    seen = changed.map_or(Phase::Stopped, |phase| *phase);
                    if !self.farewell.note(seen) {
                        break;
                    }
                }
            }
        }
        self.take_waiting(&mut connections, clear, None);
        if let Some((listener, tls)) = encrypted {
            self.take_waiting(&mut connections, listener, Some(&tls));
        }
        self.farewell.begin_draining();
        while connections.join_next().await.is_some() {}
    }

    /// Closes a listener. Whoever has been let in by the system before that is served: for a client
    /// the connection is there already.
    fn take_waiting(
        self: &Rc<Self>,
        connections: &mut JoinSet<()>,
        listener: TcpListener,
        tls: Option<&Arc<Tls>>,
    ) {
        let Ok(listener) = listener.into_std() else { return };
        while let Ok((stream, address)) = listener.accept() {
            let is_ready = stream.set_nonblocking(true);
            if let Ok(stream) = is_ready.and_then(|()| TcpStream::from_std(stream)) {
                self.open(connections, (stream, address), tls.cloned());
            }
        }
    }

    /// Serves a connection that was accepted.
    async fn take(
        self: &Rc<Self>,
        connections: &mut JoinSet<()>,
        accepted: io::Result<(TcpStream, SocketAddr)>,
        tls: Option<Arc<Tls>>,
    ) {
        match accepted {
            Ok(accepted) => self.open(connections, accepted, tls),
            Err(error) => {
                warn!(%error, "no connection could be accepted; going on in a moment");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }

    fn open(
        self: &Rc<Self>,
        connections: &mut JoinSet<()>,
        (stream, address): (TcpStream, SocketAddr),
        tls: Option<Arc<Tls>>,
    ) {
        let scheme = if tls.is_some() { "https" } else { "http" };
        if let Some(peer) = self.welcome(address, scheme) {
            let (worker, open) = (Rc::clone(self), self.meters.opened());
            connections.spawn_local(async move {
                connection::serve(worker, stream, peer, tls).await;
                drop(open);
            });
        }
    }
}

/// The next connection over TLS; none ever comes where there is no such listener.
async fn accept_encrypted(
    door: Option<&(TcpListener, Arc<Tls>)>,
) -> (io::Result<(TcpStream, SocketAddr)>, Arc<Tls>) {
    match door {
        Some((listener, tls)) => (listener.accept().await, Arc::clone(tls)),
        None => std::future::pending().await,
    }
}
