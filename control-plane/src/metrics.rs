//! What an operator can measure of the control plane, in Prometheus' text form.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::commits::Commits;

/// What the engine counts.
#[derive(Debug)]
pub struct EngineMetrics {
    events: Counter,
    bytes: Counter,
    appends: Histogram,
    revision: Gauge<u64, AtomicU64>,
    /// What nodes' acknowledgements are timed against.
    pub commits: Commits,
}

impl EngineMetrics {
    pub fn register(registry: &mut Registry) -> Arc<Self> {
        let metrics = Self {
            events: Counter::default(),
            bytes: Counter::default(),
            appends: Histogram::new(exponential_buckets(0.000_1, 2.0, 16)),
            revision: Gauge::default(),
            commits: Commits::default(),
        };
        registry.register(
            "countersign_log_events",
            "Events appended since the start",
            metrics.events.clone(),
        );
        registry.register(
            "countersign_log_bytes",
            "Bytes of records appended since the start",
            metrics.bytes.clone(),
        );
        registry.register_with_unit(
            "countersign_log_append",
            "Time of one append with its flush, of data keys and records",
            Unit::Seconds,
            metrics.appends.clone(),
        );
        registry.register(
            "countersign_log_revision",
            "Revision of the log",
            metrics.revision.clone(),
        );
        Arc::new(metrics)
    }

    pub fn appended(&self, events: usize, bytes: usize, took: Duration) {
        self.events.inc_by(events as u64);
        self.bytes.inc_by(bytes as u64);
        self.appends.observe(took.as_secs_f64());
    }

    /// Every revision up to this one is visible from now on.
    pub fn committed(&self, revision: u64) {
        self.revision.set(revision);
        self.commits.record(revision, Instant::now());
    }

    /// The newest that is visible.
    pub fn revision(&self) -> u64 {
        self.revision.get()
    }
}

/// What the node streams count.
#[derive(Debug)]
pub struct StreamMetrics {
    pub connected: Gauge,
    pub snapshots: Counter,
    pub deltas: Counter,
    pub nacks: Counter,
    pub digest_mismatches: Counter,
}

impl StreamMetrics {
    pub fn register(registry: &mut Registry) -> Arc<Self> {
        let metrics = Self {
            connected: Gauge::default(),
            snapshots: Counter::default(),
            deltas: Counter::default(),
            nacks: Counter::default(),
            digest_mismatches: Counter::default(),
        };
        registry.register(
            "countersign_nodes_connected",
            "Nodes with an open stream",
            metrics.connected.clone(),
        );
        registry.register(
            "countersign_snapshots_sent",
            "Snapshots sent to nodes",
            metrics.snapshots.clone(),
        );
        registry.register(
            "countersign_deltas_sent",
            "Deltas sent to nodes",
            metrics.deltas.clone(),
        );
        registry.register("countersign_nacks", "Refusals by nodes", metrics.nacks.clone());
        registry.register(
            "countersign_digest_mismatches",
            "Tables of nodes that differed and were sent anew",
            metrics.digest_mismatches.clone(),
        );
        Arc::new(metrics)
    }
}
