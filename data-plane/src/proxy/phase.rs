//! The end of a node, as its workers see it: first it only says that it goes, then it takes no more
//! connections, and at last it cuts off what is left. It says when, and the worker does it.

use std::cell::Cell;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// How far a node is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Serving,
    /// Not ready any more, so that balancers look elsewhere; what comes is still served, and every
    /// answer is the last of its connection.
    Leaving {
        /// Requests that are not answered by then are refused.
        ends_at: Instant,
    },
    /// No more connections are taken; requests that are under way finish.
    Draining {
        ends_at: Instant,
    },
    /// Whatever is under way is cut off.
    Stopped,
}

/// How long a connection that has just come may take for its first request when the node drains:
/// the client was let in and cannot know.
pub(super) const FIRST_REQUEST_TIME: Duration = Duration::from_secs(1);

/// What a worker's connections look at.
#[derive(Debug, Default)]
pub(super) struct Farewell {
    ends_at: Cell<Option<Instant>>,
    is_draining: Cell<bool>,
    /// Wakes all connections when draining begins.
    pub(super) drain: Notify,
}

impl Farewell {
    /// Takes note of a phase; says whether connections are still taken.
    pub(super) fn note(&self, phase: Phase) -> bool {
        match phase {
            Phase::Serving => true,
            Phase::Leaving { ends_at } => {
                self.ends_at.set(Some(ends_at));
                true
            }
            Phase::Draining { ends_at } => {
                self.ends_at.set(Some(ends_at));
                false
            }
            Phase::Stopped => false,
        }
    }

    pub(super) fn begin_draining(&self) {
        self.is_draining.set(true);
        self.drain.notify_waiters();
    }

    /// Whether an answer is the last of its connection.
    pub(super) fn is_leaving(&self) -> bool {
        self.ends_at.get().is_some() || self.is_draining.get()
    }

    pub(super) fn is_draining(&self) -> bool {
        self.is_draining.get()
    }

    /// A deadline, but no later than the end.
    pub(super) fn by(&self, deadline: Instant) -> Instant {
        self.ends_at.get().map_or(deadline, |ends_at| ends_at.min(deadline))
    }

    pub(super) fn has_ended(&self, now: Instant) -> bool {
        self.ends_at.get().is_some_and(|ends_at| ends_at <= now)
    }
}
