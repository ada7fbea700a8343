//! What one worker holds: its view of the table, its pool, its writing desk, what it counts. Workers
//! share only what [`Shared`] says. It takes no connections.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::{ArcSwapOption, Cache};
use http::HeaderMap;
use tracing::debug;

use super::backend::Pool;
use super::body::Limits;
use super::clients::Clients;
use super::edge::Doomed;
use super::http1;
use super::peer::{Peer, Trusted};
use super::phase::Farewell;
use super::refusal::Refusal;
use super::request_id::RequestIds;
use super::seal::Seal;
use super::trace::{Tracer, Tracing};
use super::turns::Turns;
use super::upstream::Upstream;
use crate::clock;
use crate::config::{ClientTimes, Config};
use crate::table::RoutingTable;
use crate::telemetry::WorkerMeters;

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

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, meters: Arc<WorkerMeters>) -> io::Result<Self> {
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
    pub(super) fn welcome(&self, address: SocketAddr, scheme: &'static str) -> Option<Peer> {
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
}
