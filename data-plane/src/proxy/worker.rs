//! One worker: a thread with a listener, a single-threaded runtime, its connections and its
//! pool. Workers share the port, and of everything else only what [`Shared`] says.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::ops::Deref;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use http::HeaderValue;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::{JoinSet, LocalSet};
use tracing::{debug, warn};

use super::body::Budget;
use super::edge::Doomed;
use super::pool::Pool;
use super::request_id::RequestIds;
use super::seal::Seal;
use crate::clock;
use crate::table::RoutingTable;
use crate::telemetry::WorkerMeters;

/// Per worker; more wait in the listener's backlog.
const CONNECTIONS_MAX: usize = 20_000;
const BACKLOG: i32 = 4096;
/// How long a client may take for a head, and how long a connection may idle between two.
const HEAD_TIME_MAX: Duration = Duration::from_mins(1);
/// More than a head may have, so that the refusal can say why.
const READ_BUFFER_BYTES_MAX: usize = 192 * 1024;
const HOUSEKEEPING_INTERVAL: Duration = Duration::from_secs(5);
/// When the process has no more file descriptors, accepting pauses for this long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What all workers of a node share.
#[derive(Debug)]
pub struct Shared {
    /// None before the first complete snapshot.
    pub table: ArcSwapOption<RoutingTable>,
    budget: Budget,
    body_bytes_max: usize,
}

impl Shared {
    pub fn new(body_bytes_max: usize, buffered_bytes_max: usize) -> Self {
        Self {
            table: ArcSwapOption::empty(),
            budget: Budget::new(buffered_bytes_max),
            body_bytes_max,
        }
    }
}

/// How far a node is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Serving,
    /// No more connections are taken; requests that are under way finish.
    Draining,
    /// Whatever is under way is cut off.
    Stopped,
}

/// What one worker's requests share.
pub(crate) struct Worker {
    shared: Arc<Shared>,
    /// The table as this worker saw it last: requests hold it without touching what others touch.
    table: RefCell<Option<Rc<TableInForce>>>,
    pub(super) pool: Rc<Pool>,
    pub(super) seal: Seal,
    pub(super) request_ids: RequestIds,
    pub(super) meters: Arc<WorkerMeters>,
    pub(super) doomed: Cell<Doomed>,
    turn: Cell<usize>,
    draining: Cell<bool>,
    drain: Notify,
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
    listener: StdListener,
    shared: Arc<Shared>,
    meters: Arc<WorkerMeters>,
    phase: watch::Receiver<Phase>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let worker = Rc::new(Worker::new(shared, meters)?);
    LocalSet::new().block_on(&runtime, async move {
        let listener = TcpListener::from_std(listener)?;
        let mut stopped = phase.clone();
        tokio::select! {
            () = worker.serve(listener, phase) => {}
            // A node that is dropped has stopped, too.
            _ = stopped.wait_for(|phase| *phase == Phase::Stopped) => {}
        }
        Ok(())
    })
}

impl Worker {
    fn new(shared: Arc<Shared>, meters: Arc<WorkerMeters>) -> io::Result<Self> {
        Ok(Self {
            shared,
            table: RefCell::default(),
            pool: Rc::default(),
            seal: Seal::new(),
            request_ids: RequestIds::new(clock::random().map_err(io::Error::other)?),
            meters,
            doomed: Cell::default(),
            turn: Cell::new(0),
            draining: Cell::new(false),
            drain: Notify::new(),
        })
    }

    /// The table in force.
    pub(super) fn table(&self) -> Option<Rc<TableInForce>> {
        let in_force = self.shared.table.load();
        let in_force = in_force.as_ref()?;
        let mut table = self.table.borrow_mut();
        match &*table {
            Some(held) if Arc::ptr_eq(&held.0, in_force) => Some(Rc::clone(held)),
            _ => {
                let held = Rc::new(TableInForce(Arc::clone(in_force)));
                *table = Some(Rc::clone(&held));
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

    pub(super) fn budget(&self) -> &Budget {
        &self.shared.budget
    }

    pub(super) fn body_bytes_max(&self) -> usize {
        self.shared.body_bytes_max
    }

    async fn serve(self: &Rc<Self>, listener: TcpListener, mut phase: watch::Receiver<Phase>) {
        let mut connections = JoinSet::new();
        let mut housekeeping = tokio::time::interval(HOUSEKEEPING_INTERVAL);
        loop {
            tokio::select! {
                accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                    Ok((stream, peer)) => {
                        connections.spawn_local(serve_connection(Rc::clone(self), stream, peer));
                    }
                    Err(error) => {
                        warn!(%error, "no connection can be accepted; trying again");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(_) = connections.join_next() => {}
                _ = housekeeping.tick() => {
                    self.pool.sweep();
                    // An idle worker must not keep a former table alive.
                    drop(self.table());
                }
                _ = phase.wait_for(|phase| *phase != Phase::Serving) => break,
            }
        }
        drop(listener);
        self.draining.set(true);
        self.drain.notify_waiters();
        while connections.join_next().await.is_some() {}
    }
}

async fn serve_connection(worker: Rc<Worker>, stream: TcpStream, peer: SocketAddr) {
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "a client was gone before its first request");
        return;
    }
    let Ok(peer) = HeaderValue::from_str(&peer.ip().to_canonical().to_string()) else { return };
    let service = service_fn(|request| {
        let (worker, peer) = (Rc::clone(&worker), peer.clone());
        async move { Ok::<_, std::convert::Infallible>(super::handle(&worker, &peer, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_MAX)
        .max_buf_size(READ_BUFFER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let mut drain = pin!(worker.drain.notified());
    let mut is_told = drain.as_mut().enable();
    let served = poll_fn(|cx| {
        if !is_told && (worker.draining.get() || drain.as_mut().poll(cx).is_ready()) {
            is_told = true;
            connection.as_mut().graceful_shutdown();
        }
        connection.as_mut().poll(cx)
    });
    if let Err(error) = served.await {
        debug!(%error, "a connection ended early");
    }
}
