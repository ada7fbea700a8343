//! Where clients come in: a worker is a thread with listeners of its own, a single-threaded runtime
//! and the connections that it has taken. Workers share the port. What a connection says is read
//! elsewhere (`connection`).

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::LocalOptions;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::warn;

use super::connection;
use super::phase::Phase;
use super::tls::Tls;
use super::worker::{Shared, Worker};
use crate::clock;
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
