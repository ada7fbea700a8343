//! Connections to backends that wait for their next request: one pool per worker, so that
//! nothing is shared and nothing locked. A connection comes back only after an exchange that
//! ended cleanly, and leaves when it is closed, idle for too long or one too many.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use super::connection::{BackendConnection, Check};

/// Per target and worker.
const IDLE_CONNECTIONS_MAX: usize = 256;
const IDLE_TIME_MAX: Duration = Duration::from_mins(1);

#[derive(Debug, Default)]
pub(in crate::proxy) struct Pool(RefCell<HashMap<Arc<str>, Rc<Target>>>);

/// The idle connections to one `host:port`.
#[derive(Debug, Default)]
pub(super) struct Target(RefCell<Vec<Idle>>);

#[derive(Debug)]
struct Idle {
    connection: Box<BackendConnection>,
    since: Instant,
}

/// A connection in use. Dropped, it is closed; given back, it waits for the next request.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) connection: Box<BackendConnection>,
    target: Rc<Target>,
}

impl Pool {
    pub(super) fn target(&self, address: &Arc<str>) -> Rc<Target> {
        let mut targets = self.0.borrow_mut();
        match targets.get(address) {
            Some(target) => Rc::clone(target),
            None => Rc::clone(targets.entry(Arc::clone(address)).or_default()),
        }
    }

    /// Closes what is closed on the other side or has been idle for too long.
    pub(in crate::proxy) fn sweep(&self, now: Instant) {
        self.0.borrow_mut().retain(|_, target| {
            let mut idle = target.0.borrow_mut();
            idle.retain(|idle| {
                now.saturating_duration_since(idle.since) < IDLE_TIME_MAX
                    && idle.connection.is_quiet(Check::Known)
            });
            !idle.is_empty() || Rc::strong_count(target) > 1
        });
    }
}

impl Target {
    /// The connection that was used last: the others get the chance to grow too old.
    pub(super) fn take(self: &Rc<Self>, check: Check) -> Option<Lease> {
        let mut idle = self.0.borrow_mut();
        while let Some(Idle { connection, .. }) = idle.pop() {
            if connection.is_quiet(check) {
                return Some(Lease { connection, target: Rc::clone(self) });
            }
        }
        None
    }

    pub(super) fn lease(self: &Rc<Self>, stream: TcpStream) -> Lease {
        let connection = Box::new(BackendConnection::new(stream));
        Lease { connection, target: Rc::clone(self) }
    }
}

impl Lease {
    pub(super) fn give_back(self, now: Instant) {
        let mut idle = self.target.0.borrow_mut();
        if idle.len() < IDLE_CONNECTIONS_MAX {
            idle.push(Idle { connection: self.connection, since: now });
        }
    }
}
