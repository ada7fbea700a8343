//! Connections to backends that wait for their next request, and how each target stands: one pool
//! per worker, so that nothing is shared and nothing locked. A connection comes back only after an
//! exchange that ended cleanly, and leaves when it is closed, idle for too long or one too many.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use super::connection::{BackendConnection, Check};

/// Per target and worker.
const IDLE_CONNECTIONS_MAX: usize = 256;
const IDLE_TIME_MAX: Duration = Duration::from_mins(1);
/// How long a target is passed over after its first failure; twice as long after each further one,
const REST_MIN: Duration = Duration::from_secs(1);
/// up to this.
const REST_MAX: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub(in crate::proxy) struct Pool(RefCell<HashMap<Arc<str>, Rc<Target>>>);

/// One `host:port`: its idle connections, and how it stands.
#[derive(Debug, Default)]
pub(super) struct Target {
    idle: RefCell<Vec<Idle>>,
    in_flight: Cell<usize>,
    /// In a row.
    failures: Cell<u32>,
    rests_until: Cell<Option<Instant>>,
}

/// How a target stands; the lesser takes the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Standing {
    /// It has just failed.
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

/// Counts as long as it is there.
#[derive(Debug)]
struct InFlight(Rc<Target>);

impl Pool {
    pub(super) fn target(&self, address: &Arc<str>) -> Rc<Target> {
        let mut targets = self.0.borrow_mut();
        match targets.get(address) {
            Some(target) => Rc::clone(target),
            None => Rc::clone(targets.entry(Arc::clone(address)).or_default()),
        }
    }

    pub(super) fn standing(&self, address: &Arc<str>, now: Instant) -> Standing {
        self.0.borrow().get(address).map_or(Standing { rests: false, in_flight: 0 }, |target| {
            Standing { rests: target.rests(now), in_flight: target.in_flight.get() }
        })
    }

    /// Closes what is closed on the other side or has been idle for too long.
    pub(in crate::proxy) fn sweep(&self, now: Instant) {
        self.0.borrow_mut().retain(|_, target| {
            let mut idle = target.idle.borrow_mut();
            idle.retain(|idle| {
                now.saturating_duration_since(idle.since) < IDLE_TIME_MAX
                    && idle.connection.is_quiet(Check::Known)
            });
            !idle.is_empty() || target.failures.get() > 0 || Rc::strong_count(target) > 1
        });
    }
}

impl Target {
    /// The connection that was used last: the others get the chance to grow too old.
    pub(super) fn take(self: &Rc<Self>, check: Check) -> Option<Lease> {
        let mut idle = self.idle.borrow_mut();
        while let Some(Idle { connection, .. }) = idle.pop() {
            if connection.is_quiet(check) {
                return Some(Lease { connection, target: InFlight::to(self) });
            }
        }
        None
    }

    pub(super) fn lease(self: &Rc<Self>, stream: TcpStream) -> Lease {
        let connection = Box::new(BackendConnection::new(stream));
        Lease { connection, target: InFlight::to(self) }
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

    fn rests(&self, now: Instant) -> bool {
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
    pub(super) fn give_back(self, now: Instant) {
        let mut idle = self.target.0.idle.borrow_mut();
        if idle.len() < IDLE_CONNECTIONS_MAX {
            idle.push(Idle { connection: self.connection, since: now });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn a_target_that_failed_rests_ever_longer_until_it_answers() {
        let target = Target::default();
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
}
