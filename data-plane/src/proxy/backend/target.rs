//! One way to reach one target: the connections that wait for their next request, and how it stands.
//! A connection comes back only after an exchange that ended cleanly, and leaves when it is closed,
//! idle for too long, one too many, or leads to an address that is no longer the target's.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use super::connection::{BackendConnection, Check};
use super::http2::Multiplexed;
use crate::proxy::stream::BackendStream;
use crate::proxy::upstream::Upstream;
use crate::table::Place;

/// How long a target is passed over after its first failure; twice as long after each further one,
const REST_MIN: Duration = Duration::from_secs(1);
/// up to this.
const REST_MAX: Duration = Duration::from_secs(30);

/// One way to reach one `host:port`: its connections, and how it stands.
#[derive(Debug)]
pub(super) struct Target {
    upstream: Arc<Upstream>,
    /// Where its address is a name.
    name: Option<Arc<str>>,
    idle: RefCell<Vec<Idle>>,
    /// Connections of HTTP/2, which many requests share.
    pub(super) multiplexed: RefCell<Vec<Multiplexed>>,
    /// Held while one of them is being made, so that those who need it wait for it.
    pub(super) opening: Mutex<()>,
    in_flight: Cell<usize>,
    /// In a row.
    failures: Cell<u32>,
    rests_until: Cell<Option<Instant>>,
    /// Behind its name, as far as this worker knows; none where it has no name.
    addresses: RefCell<Option<Arc<[SocketAddr]>>>,
    /// Of the names that this was read from.
    generation: Cell<u64>,
    address_turn: Cell<usize>,
}

/// How a target stands; the lesser takes the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Standing {
    /// It has just failed, or fails its health checks.
    pub(super) rests: bool,
    /// Requests of this worker that it has to answer.
    pub(super) in_flight: usize,
}

#[derive(Debug)]
struct Idle {
    connection: Box<BackendConnection>,
    since: Instant,
}

/// A connection in use. Dropped, it is closed; given back, it waits for the next request.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) connection: Box<BackendConnection>,
    target: InFlight,
}

/// A request that a target has to answer; counts as long as it is there.
#[derive(Debug)]
pub(super) struct InFlight(Rc<Target>);

impl Target {
    pub(super) fn new(place: &Place, upstream: Arc<Upstream>) -> Self {
        Self {
            upstream,
            name: place.literal.is_none().then(|| Arc::clone(&place.address)),
            idle: RefCell::default(),
            multiplexed: RefCell::default(),
            opening: Mutex::default(),
            in_flight: Cell::new(0),
            failures: Cell::new(0),
            rests_until: Cell::new(None),
            addresses: RefCell::default(),
            generation: Cell::new(0),
            address_turn: Cell::new(0),
        }
    }

    /// One more request that it has to answer.
    pub(super) fn begin(self: &Rc<Self>) -> InFlight {
        InFlight::to(self)
    }

    /// Requests of this worker that it has to answer.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.get()
    }

    /// Connections of HTTP/1.1 that wait for a request.
    pub(super) fn idle(&self) -> usize {
        self.idle.borrow().len()
    }

    /// Whether with so many connections in use there may be no other.
    pub(super) fn is_full(&self, connections: usize) -> bool {
        connections >= self.upstream.settings.connections_max
    }

    /// The connection that was used last: the others get the chance to grow too old.
    pub(super) fn take(self: &Rc<Self>, check: Check) -> Option<Lease> {
        self.follow_name();
        let mut idle = self.idle.borrow_mut();
        while let Some(Idle { mut connection, .. }) = idle.pop() {
            if connection.is_quiet(check) {
                return Some(Lease { connection, target: InFlight::to(self) });
            }
        }
        None
    }

    /// The addresses that a new connection may lead to, the next in turn first.
    pub(super) fn in_turn(
        &self,
        addresses: &Arc<[SocketAddr]>,
    ) -> impl Iterator<Item = SocketAddr> {
        let turn = self.address_turn.get();
        self.address_turn.set(turn.wrapping_add(1));
        self.addresses.replace(Some(Arc::clone(addresses)));
        let (addresses, count) = (Arc::clone(addresses), addresses.len());
        (0..count).filter_map(move |ahead| addresses.get(turn.wrapping_add(ahead) % count).copied())
    }

    /// Whether an address is still one of the target's.
    fn leads_to(&self, address: SocketAddr) -> bool {
        self.addresses.borrow().as_ref().is_none_or(|addresses| addresses.contains(&address))
    }

    pub(super) fn sweep(&self, now: Instant) {
        self.follow_name();
        let idle_time_max = self.upstream.settings.idle_time_max;
        self.idle.borrow_mut().retain_mut(|idle| {
            now.saturating_duration_since(idle.since) < idle_time_max
                && idle.connection.is_quiet(Check::Known)
        });
        let mut multiplexed = self.multiplexed.borrow_mut();
        multiplexed.retain(|connection| connection.is_wanted(now, idle_time_max));
    }

    /// Lets go of connections to addresses that are no longer behind the target's name. Requests
    /// that are under way on them come to their end.
    pub(super) fn follow_name(&self) {
        let Some(name) = &self.name else { return };
        let generation = self.upstream.names.generation();
        if self.generation.replace(generation) == generation {
            return;
        }
        if let Some(known) = self.upstream.names.known(name) {
            self.addresses.replace(Some(known));
            self.idle.borrow_mut().retain(|idle| self.leads_to(idle.connection.address));
            let mut multiplexed = self.multiplexed.borrow_mut();
            multiplexed.retain(|connection| self.leads_to(connection.address));
        }
    }

    /// Whether there is anything to remember of it.
    pub(super) fn is_remembered(&self) -> bool {
        let has_connections = self.idle() > 0 || !self.multiplexed.borrow().is_empty();
        has_connections || self.failures.get() > 0
    }

    /// It could not be reached, or gave no answer over a new connection. What fails while it rests
    /// was on its way before, and says nothing new.
    pub(super) fn failed(&self, now: Instant) {
        if self.rests(now) {
            return;
        }
        let doublings = self.failures.replace(self.failures.get().saturating_add(1));
        let rest = REST_MIN.saturating_mul(2_u32.saturating_pow(doublings)).min(REST_MAX);
        self.rests_until.set(Some(now + rest));
    }

    pub(super) fn answered(&self) {
        self.failures.set(0);
        self.rests_until.set(None);
    }

    pub(super) fn rests(&self, now: Instant) -> bool {
        self.rests_until.get().is_some_and(|until| now < until)
    }
}

impl InFlight {
    fn to(target: &Rc<Target>) -> Self {
        target.in_flight.set(target.in_flight.get() + 1);
        Self(Rc::clone(target))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.set(self.0.in_flight.get().saturating_sub(1));
    }
}

impl Lease {
    /// Of a new connection.
    pub(super) fn new(stream: BackendStream, address: SocketAddr, target: InFlight) -> Self {
        Self { connection: Box::new(BackendConnection::new(stream, address)), target }
    }

    pub(super) fn give_back(self, now: Instant) {
        let target = &self.target.0;
        let mut idle = target.idle.borrow_mut();
        let has_room = idle.len() < target.upstream.settings.idle_connections_max;
        if has_room && target.leads_to(self.connection.address) {
            idle.push(Idle { connection: self.connection, since: now });
        }
    }
}

#[cfg(test)]
mod tests {
    use countersign_shared::api::{Backend, BackendTarget};

    use super::*;
    use crate::clock;
    use crate::proxy::upstream::UpstreamSettings;

    fn target(settings: UpstreamSettings) -> Rc<Target> {
        let backend = Backend::of(vec![BackendTarget::parse("backend:80").unwrap()]);
        let place = Place::new(&backend.targets[0], &backend).unwrap();
        Rc::new(Target::new(&place, Arc::new(Upstream::new(settings))))
    }

    #[test]
    fn a_target_that_failed_rests_ever_longer_until_it_answers() {
        let target = target(UpstreamSettings::default());
        let mut now = clock::now();
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            target.failed(now);
            // Requests that were on their way fail as well.
            target.failed(now);
            assert!(target.rests(now + Duration::from_millis(seconds * 1_000 - 1)), "{seconds}");
            now += Duration::from_secs(seconds);
            assert!(!target.rests(now), "{seconds}");
        }
        target.failed(now);
        target.answered();
        assert!(!target.rests(now));
        target.failed(now);
        assert!(!target.rests(now + REST_MIN), "it begins anew");
    }

    #[test]
    fn a_target_has_as_many_connections_as_it_may_and_no_more() {
        let target = target(UpstreamSettings { connections_max: 2, ..Default::default() });
        let first = target.begin();
        assert!(!target.is_full(target.in_flight()));
        let _second = target.begin();
        assert!(target.is_full(target.in_flight()));
        drop(first);
        assert!(!target.is_full(target.in_flight()));
    }

    #[test]
    fn addresses_are_taken_in_turn() {
        let target = target(UpstreamSettings::default());
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        assert!(target.leads_to(address(9)), "nothing is known yet");
        let addresses = Arc::from([1, 2, 3].map(address));
        let ports = || target.in_turn(&addresses).map(|a| a.port()).collect::<Vec<_>>();
        assert_eq!([ports(), ports(), ports()], [[1, 2, 3], [2, 3, 1], [3, 1, 2]]);
        assert_eq!([2, 9].map(|port| target.leads_to(address(port))), [true, false]);
    }
}
