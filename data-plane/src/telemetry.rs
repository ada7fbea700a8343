//! What a node counts, and how it tells it. Each worker counts into words of its own, so that
//! counting takes no lock and no look-up; a scrape adds them up. It never names an API, a key or
//! a client.

mod scrape;

pub(crate) use scrape::scrape;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use http::StatusCode;

/// How a request was treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RouteClass {
    SignedHmac,
    SignedBasic,
    Unsigned,
    /// It found no route.
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

/// Status codes 100–599 by their hundreds; anything else counts as the last.
const STATUS_CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
const LATENCY_BOUNDS_US: [u64; 12] = [
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 2_000_000, 10_000_000,
];

/// All counters of a node.
#[derive(Debug)]
pub struct Telemetry {
    workers: Vec<Arc<WorkerMeters>>,
    pub(crate) sync: SyncMeters,
}

/// What one worker counts.
#[derive(Debug, Default)]
pub struct WorkerMeters {
    requests: [[AtomicU64; STATUS_CLASSES.len()]; ROUTE_CLASSES.len()],
    signatures: [AtomicU64; 2],
    latency: [AtomicU64; LATENCY_BOUNDS_US.len() + 1],
    latency_sum_us: AtomicU64,
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

impl WorkerMeters {
    pub(crate) fn answered(&self, class: RouteClass, status: StatusCode) {
        let hundreds = usize::from(status.as_u16() / 100).clamp(1, STATUS_CLASSES.len());
        let counter = self.requests.get(class as usize).and_then(|row| row.get(hundreds - 1));
        count(counter);
    }

    pub(crate) fn signed(&self, class: RouteClass) {
        count(self.signatures.get(class as usize));
    }

    pub(crate) fn backend_answered(&self, after: Duration) {
        let us = u64::try_from(after.as_micros()).unwrap_or(u64::MAX);
        let bucket = LATENCY_BOUNDS_US.iter().position(|bound| us <= *bound);
        count(self.latency.get(bucket.unwrap_or(LATENCY_BOUNDS_US.len())));
        self.latency_sum_us.fetch_add(us, Relaxed);
    }
}

fn count(counter: Option<&AtomicU64>) {
    if let Some(counter) = counter {
        counter.fetch_add(1, Relaxed);
    }
}
