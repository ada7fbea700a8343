//! Connections to backends that wait for their next request: one pool per worker, so that
//! nothing is shared and nothing locked. A connection comes back only after its answer was read
//! to the end, and leaves when it is closed, idle for too long or one too many.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::client::conn::http1::SendRequest;

use super::body::OutboundBody;
use crate::clock;

/// Per target and worker.
const IDLE_CONNECTIONS_MAX: usize = 256;
pub(super) const IDLE_TIME_MAX: Duration = Duration::from_mins(1);

#[derive(Debug, Default)]
pub(super) struct Pool {
    idle: RefCell<HashMap<Arc<str>, Vec<Idle>>>,
}

#[derive(Debug)]
struct Idle {
    sender: SendRequest<OutboundBody>,
    since: Instant,
}

/// A connection in use. Dropped, it is closed; given back, it waits for the next request.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) sender: SendRequest<OutboundBody>,
    /// How long the connection was idle; none for a new one.
    pub(super) idle_for: Option<Duration>,
    address: Arc<str>,
    pool: Weak<Pool>,
}

impl Pool {
    /// The connection that was used last: the others get the chance to grow too old.
    pub(super) fn take(self: &Rc<Self>, address: &Arc<str>, now: Instant) -> Option<Lease> {
        let mut pools = self.idle.borrow_mut();
        let idle = pools.get_mut(address)?;
        let usable = |idle: &Idle| idle.sender.is_ready();
        while let Some(last) = idle.pop() {
            if usable(&last) {
                let idle_for = Some(now.saturating_duration_since(last.since));
                return Some(self.lease(Arc::clone(address), last.sender, idle_for));
            }
        }
        None
    }

    pub(super) fn lease(
        self: &Rc<Self>,
        address: Arc<str>,
        sender: SendRequest<OutboundBody>,
        idle_for: Option<Duration>,
    ) -> Lease {
        Lease { sender, idle_for, address, pool: Rc::downgrade(self) }
    }

    /// Closes what has been idle for too long.
    pub(super) fn sweep(&self) {
        let now = clock::now();
        self.idle.borrow_mut().retain(|_, idle| {
            idle.retain(|idle| {
                !idle.sender.is_closed()
                    && now.saturating_duration_since(idle.since) < IDLE_TIME_MAX
            });
            !idle.is_empty()
        });
    }
}

impl Lease {
    pub(super) fn give_back(self, now: Instant) {
        let Some(pool) = self.pool.upgrade() else { return };
        if self.sender.is_closed() {
            return;
        }
        let mut pools = pool.idle.borrow_mut();
        let idle = pools.entry(self.address).or_default();
        if idle.len() < IDLE_CONNECTIONS_MAX {
            idle.push(Idle { sender: self.sender, since: now });
        }
    }
}
