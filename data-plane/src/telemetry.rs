//! What a node counts, and how it tells it. Each worker counts into words of its own, so that
//! counting takes no lock and no look-up; a scrape adds them up. It never names an API, a key or
//! a client.

mod histogram;
mod otlp;
mod scrape;
mod worker;

pub(crate) use otlp::Traces;
pub(crate) use scrape::scrape;
pub(crate) use worker::PoolCount;
pub use worker::WorkerMeters;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use countersign_proto::v1::NodeCounts;
use histogram::Histogram;

/// How a request was treated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum RouteClass {
    SignedHmac,
    SignedBasic,
    Unsigned,
    /// It found no route.
    #[default]
    None,
}

const ROUTE_CLASSES: [(RouteClass, &str); 4] = [
    (RouteClass::SignedHmac, "signed_hmac"),
    (RouteClass::SignedBasic, "signed_basic"),
    (RouteClass::Unsigned, "unsigned"),
    (RouteClass::None, "none"),
];

impl RouteClass {
    pub(crate) fn name(self) -> &'static str {
        ROUTE_CLASSES.get(self as usize).map_or("", |(_, name)| name)
    }
}

/// All counters of a node.
#[derive(Debug)]
pub struct Telemetry {
    workers: Vec<Arc<WorkerMeters>>,
    pub(crate) sync: SyncMeters,
}

/// What the stream counts.
#[derive(Debug, Default)]
pub(crate) struct SyncMeters {
    pub(crate) applied_revision: AtomicU64,
    pub(crate) last_contact_unix_seconds: AtomicI64,
    pub(crate) connected: AtomicU64,
    pub(crate) reconnects: AtomicU64,
    pub(crate) snapshots: AtomicU64,
    pub(crate) deltas: AtomicU64,
    pub(crate) nacks: AtomicU64,
    pub(crate) digest_mismatches: AtomicU64,
    /// 1 while the control plane that was tried last is refused for its log.
    pub(crate) foreign_log: AtomicU64,
    in_force: Histogram,
    /// What an operator should know of the stream, in a sentence.
    trouble: Mutex<Option<String>>,
    /// Why the cache was not signed with, until there is a table.
    refused_cache: Mutex<Option<String>>,
}

impl SyncMeters {
    /// What came in was signed with after so long.
    pub(crate) fn came_into_force(&self, after: Duration) {
        self.in_force.observe(after);
    }

    /// Keeps a sentence for those who ask at `/ready`; none: all is well.
    pub(crate) fn say(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// Keeps the reason for those who ask at `/ready` before the first table.
    pub(crate) fn refuse_cache(&self, reason: String) {
        *self.refused_cache.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
    }

    pub(crate) fn refused_cache(&self) -> Option<String> {
        self.refused_cache.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Telemetry {
    pub fn new(workers: usize) -> Self {
        Self {
            workers: (0..workers).map(|_| Arc::default()).collect(),
            sync: SyncMeters::default(),
        }
    }

    /// What the control plane is told, added up as for a scrape.
    pub(crate) fn counts(&self) -> NodeCounts {
        let sum = |words: &[AtomicU64]| words.iter().map(|word| word.load(Relaxed)).sum::<u64>();
        NodeCounts {
            requests: self.workers.iter().map(|w| sum(w.requests.as_flattened())).sum(),
            signatures: self.workers.iter().map(|w| sum(&w.signatures)).sum(),
        }
    }

    pub fn workers(&self) -> impl Iterator<Item = &Arc<WorkerMeters>> {
        self.workers.iter()
    }
}

/// Each word has one writer, so that adding to it needs no more than a load and a store.
fn add(counter: &AtomicU64, more: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(more), Relaxed);
}

fn count(counter: Option<&AtomicU64>) {
    if let Some(counter) = counter {
        add(counter, 1);
    }
}
