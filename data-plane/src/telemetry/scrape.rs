//! Writes a node's counters as Prometheus reads them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::encoding::{NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use super::histogram::{BOUNDS_US, BUCKETS, Histogram};
use super::worker::{POOL, REJECTIONS, STATUS_CLASSES};
use super::{ROUTE_CLASSES, Telemetry, WorkerMeters};
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
        self.encode_requests(&mut encoder)?;
        self.encode_latencies(&mut encoder)?;
        self.encode_connections(&mut encoder)?;
        self.encode_sync(&mut encoder)
    }
}

/// The counters of all workers, added up.
type Pick<'t> = fn(&'t WorkerMeters, usize) -> Option<&'t AtomicU64>;

impl Telemetry {
    fn encode_requests(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
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
        self.encode_family(
            encoder,
            (
                "rejections",
                "Answers of the node's own by their code, and what was closed without one",
            ),
            ("code", &REJECTIONS),
            |w, at| w.rejections.get(at),
        )?;
        self.encode_family(
            encoder,
            ("signatures", "Requests that were signed"),
            ("type", &["hmac", "basic"]),
            |w, at| w.signatures.get(at),
        )?;
        let help = "Times that a request was sent to a backend, or was tried to be";
        let tries = encoder.encode_descriptor("backend_tries", help, None, MetricType::Counter)?;
        ConstCounter::new(self.sum(|w| Some(&w.tries))).encode(tries)
    }

    fn encode_latencies(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let help = "From a request's head until its answer began";
        let unit = Some(&Unit::Seconds);
        let mut latency =
            encoder.encode_descriptor("request_latency", help, unit, MetricType::Histogram)?;
        for (class, class_name) in ROUTE_CLASSES {
            let added = self.added(|w| w.request_latency.get(class as usize));
            let labels = [("route", class_name)];
            added.encode(&mut latency.encode_family(&labels)?)?;
        }
        let help = "From sending a request to the backend until its answer began";
        let mut latency =
            encoder.encode_descriptor("backend_latency", help, unit, MetricType::Histogram)?;
        self.added(|w| Some(&w.backend_latency)).encode(&mut latency)
    }

    fn encode_connections(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let help = "Connections of clients that are open";
        let gauge = encoder.encode_descriptor("connections_open", help, None, MetricType::Gauge)?;
        ConstGauge::new(self.sum(|w| Some(&w.connections_open))).encode(gauge)?;
        let help = "Towards backends: idle connections, shared ones of HTTP/2, requests under way";
        let mut pool = encoder.encode_descriptor("backend_pool", help, None, MetricType::Gauge)?;
        for (at, what) in POOL.into_iter().enumerate() {
            let total = ConstGauge::new(self.sum(|w| w.pool.get(at)));
            total.encode(pool.encode_family(&[("what", what)])?)?;
        }
        self.encode_family(
            encoder,
            ("tls_handshakes", "Handshakes with clients"),
            ("result", &["made", "failed"]),
            |w, at| w.tls_handshakes.get(at),
        )?;
        let counters: [(_, _, Option<&Unit>, Pick<'_>); 3] = [
            ("connections", "Connections of clients that were taken", None, |w, _| {
                Some(&w.connections)
            }),
            ("received", "From clients, without TLS", Some(&Unit::Bytes), |w, _| {
                Some(&w.received_bytes)
            }),
            ("sent", "To clients, without TLS", Some(&Unit::Bytes), |w, _| Some(&w.sent_bytes)),
        ];
        for (name, help, unit, pick) in counters {
            let counter = encoder.encode_descriptor(name, help, unit, MetricType::Counter)?;
            ConstCounter::new(self.sum(|w| pick(w, 0))).encode(counter)?;
        }
        Ok(())
    }

    fn encode_family<'t>(
        &'t self,
        encoder: &mut DescriptorEncoder,
        (name, help): (&str, &str),
        (label, values): (&str, &[&str]),
        pick: Pick<'t>,
    ) -> fmt::Result {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (at, value) in values.iter().enumerate() {
            let total = ConstCounter::new(self.sum(|w| pick(w, at)));
            total.encode(family.encode_family(&[(label, *value)])?)?;
        }
        Ok(())
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
            (
                "foreign_log",
                "Whether the control plane that was tried last has another log and is refused",
                signed(&sync.foreign_log),
            ),
            (
                "cache_refused",
                "Whether the cache was refused at the start",
                i64::from(sync.refused_cache().is_some()),
            ),
        ];
        let help = "From receiving a change until requests are signed with it";
        let unit = Some(&Unit::Seconds);
        let mut in_force =
            encoder.encode_descriptor("in_force", help, unit, MetricType::Histogram)?;
        Added::of(&sync.in_force).encode(&mut in_force)?;
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

    fn added<'a>(&'a self, of: impl Fn(&'a WorkerMeters) -> Option<&'a Histogram>) -> Added {
        let buckets = (0..BUCKETS).map(|at| self.sum(|w| of(w)?.buckets.get(at)));
        let bounds = BOUNDS_US.into_iter().map(seconds).chain([f64::MAX]);
        Added {
            buckets: bounds.zip(buckets).collect(),
            sum: seconds(self.sum(|w| Some(&of(w)?.sum_us))),
        }
    }
}

/// The histograms of all workers as one.
struct Added {
    buckets: Vec<(f64, u64)>,
    sum: f64,
}

impl Added {
    /// One histogram alone.
    fn of(one: &Histogram) -> Self {
        let counts = one.buckets.iter().map(|count| count.load(Relaxed));
        let bounds = BOUNDS_US.into_iter().map(seconds).chain([f64::MAX]);
        Self { buckets: bounds.zip(counts).collect(), sum: seconds(one.sum_us.load(Relaxed)) }
    }

    fn encode(&self, encoder: &mut MetricEncoder<'_>) -> fmt::Result {
        let count = self.buckets.iter().map(|(_, count)| count).sum();
        encoder.encode_histogram::<NoLabelSet>(self.sum, count, &self.buckets, None)
    }
}

fn signed(value: &AtomicU64) -> i64 {
    i64::try_from(value.load(Relaxed)).unwrap_or(i64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "a scrape's floats hold no more")]
fn seconds(us: u64) -> f64 {
    us as f64 * MICROSECOND
}
