//! What an operator can measure of the control plane, in Prometheus' text form.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use countersign_feed::commits::Commits;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// What the engine counts.
#[derive(Debug)]
pub struct EngineMetrics {
    events: Counter,
    bytes: Counter,
    appends: Histogram,
    revision: Gauge<u64, AtomicU64>,
    leading: Gauge,
    /// What nodes' acknowledgements are timed against.
    pub commits: Arc<Commits>,
}

impl EngineMetrics {
    pub fn register(registry: &mut Registry) -> Arc<Self> {
        let metrics = Self {
            events: Counter::default(),
            bytes: Counter::default(),
            appends: Histogram::new(exponential_buckets(0.000_1, 2.0, 16)),
            revision: Gauge::default(),
            leading: Gauge::default(),
            commits: Arc::default(),
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
        registry.register(
            "countersign_log_leading",
            "Whether this replica appends; of several, one does",
            metrics.leading.clone(),
        );
        Arc::new(metrics)
    }

    pub fn appended(&self, events: usize, bytes: usize, took: Duration) {
        self.events.inc_by(events as u64);
        self.bytes.inc_by(bytes as u64);
        self.appends.observe(took.as_secs_f64());
    }

    pub fn stands(&self, leads: bool) {
        self.leading.set(leads.into());
    }

    /// Every revision up to this one is visible from now on.
    pub fn committed(&self, revision: u64) {
        self.revision.set(revision);
        self.commits.record(revision, Instant::now());
    }
}
