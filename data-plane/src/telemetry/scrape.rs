//! Writes a node's counters as Prometheus reads them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::encoding::{NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use super::{LATENCY_BOUNDS_US, ROUTE_CLASSES, STATUS_CLASSES, Telemetry, WorkerMeters};
use crate::clock;

const MICROSECOND: f64 = 1e-6;

/// The text of a scrape.
pub(crate) fn scrape(telemetry: &Arc<Telemetry>) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("countersign_node");
    registry.register_collector(Box::new(Arc::clone(telemetry)));
    let mut out = String::new();
    text::encode(&mut out, &registry)?;
    Ok(out)
}

impl Collector for Telemetry {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        self.encode_workers(&mut encoder)?;
        self.encode_sync(&mut encoder)
    }
}

impl Telemetry {
    fn encode_workers(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let help =
            "Requests by how they were treated and the class of the status that the client got";
        let mut requests =
            encoder.encode_descriptor("requests", help, None, MetricType::Counter)?;
        for (class, class_name) in ROUTE_CLASSES {
            for (at, status) in STATUS_CLASSES.into_iter().enumerate() {
                let total = self.sum(|w| w.requests.get(class as usize)?.get(at));
                let labels = [("route", class_name), ("status", status)];
                ConstCounter::new(total).encode(requests.encode_family(&labels)?)?;
            }
        }
        let help = "Requests that were signed";
        let mut signatures =
            encoder.encode_descriptor("signatures", help, None, MetricType::Counter)?;
        for (at, scheme) in ["hmac", "basic"].into_iter().enumerate() {
            let total = self.sum(|w| w.signatures.get(at));
            ConstCounter::new(total).encode(signatures.encode_family(&[("type", scheme)])?)?;
        }
        self.encode_latency(encoder)
    }

    fn encode_latency(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let bounds = LATENCY_BOUNDS_US.into_iter().map(seconds).chain([f64::MAX]);
        let counts = (0..=LATENCY_BOUNDS_US.len()).map(|at| self.sum(|w| w.latency.get(at)));
        let buckets: Vec<(f64, u64)> = bounds.zip(counts).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = seconds(self.sum(|w| Some(&w.latency_sum_us)));
        let help = "From sending a request to the backend until its answer began";
        let unit = Some(&Unit::Seconds);
        encoder
            .encode_descriptor("backend_latency", help, unit, MetricType::Histogram)?
            .encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn encode_sync(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let sync = &self.sync;
        let contact = sync.last_contact_unix_seconds.load(Relaxed);
        let silence = if contact == 0 { -1 } else { (clock::unix_seconds() - contact).max(0) };
        let gauges = [
            (
                "applied_revision",
                "The revision that requests are signed with",
                signed(&sync.applied_revision),
            ),
            ("connected", "Whether a stream to the control plane is open", signed(&sync.connected)),
            (
                "last_contact_age_seconds",
                "Since the control plane was heard last; -1 before the first time",
                silence,
            ),
        ];
        for (name, help, value) in gauges {
            let gauge = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(value).encode(gauge)?;
        }
        let counters = [
            ("reconnects", "Streams that were begun after the first", &sync.reconnects),
            ("snapshots", "Snapshots that were applied", &sync.snapshots),
            ("deltas", "Deltas that were applied", &sync.deltas),
            ("nacks", "Messages that could not be used", &sync.nacks),
            (
                "digest_mismatches",
                "Times that the table differed from the control plane's",
                &sync.digest_mismatches,
            ),
        ];
        for (name, help, value) in counters {
            let counter = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            ConstCounter::new(value.load(Relaxed)).encode(counter)?;
        }
        Ok(())
    }

    fn sum<'a>(&'a self, counter: impl Fn(&'a WorkerMeters) -> Option<&'a AtomicU64>) -> u64 {
        self.workers.iter().filter_map(|worker| counter(worker)).map(|c| c.load(Relaxed)).sum()
    }
}

fn signed(value: &AtomicU64) -> i64 {
    i64::try_from(value.load(Relaxed)).unwrap_or(i64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "a scrape's floats hold no more")]
fn seconds(us: u64) -> f64 {
    us as f64 * MICROSECOND
}
