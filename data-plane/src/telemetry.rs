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

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

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
}

impl Telemetry {
    pub fn new(workers: usize) -> Self {
        Self {
            workers: (0..workers).map(|_| Arc::default()).collect(),
            sync: SyncMeters::default(),
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
