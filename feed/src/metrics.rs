//! What the streams count, in Prometheus' text form.

use std::sync::Arc;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// What the node streams count.
#[derive(Debug)]
pub struct StreamMetrics {
    pub connected: Gauge,
    pub snapshots: Counter,
    pub deltas: Counter,
    pub nacks: Counter,
    pub digest_mismatches: Counter,
    /// Refusals of nodes that asked for an environment that is not for them.
    pub not_allowed: Counter,
    /// Streams that wait for their turn, and those that are being sent a snapshot.
    pub snapshots_waiting: Gauge,
    pub snapshots_sending: Gauge,
    /// Of the snapshots that are being sent.
    pub snapshot_bytes_unsent: Gauge,
    /// Of all snapshots in memory.
    pub snapshot_bytes_held: Gauge,
    /// Tables of one environment that were encoded as a whole.
    pub snapshots_made: Counter,
    /// Streams that were ended because their node took nothing of its snapshot.
    pub snapshots_stalled: Counter,
}

impl StreamMetrics {
    pub fn register(registry: &mut Registry) -> Arc<Self> {
        let metrics = Self {
            connected: Gauge::default(),
            snapshots: Counter::default(),
            deltas: Counter::default(),
            nacks: Counter::default(),
            digest_mismatches: Counter::default(),
            not_allowed: Counter::default(),
            snapshots_waiting: Gauge::default(),
            snapshots_sending: Gauge::default(),
            snapshot_bytes_unsent: Gauge::default(),
            snapshot_bytes_held: Gauge::default(),
            snapshots_made: Counter::default(),
            snapshots_stalled: Counter::default(),
        };
        let counters = [
            ("snapshots_sent", "Snapshots sent to nodes", &metrics.snapshots),
            ("deltas_sent", "Deltas sent to nodes", &metrics.deltas),
            ("nacks", "Refusals by nodes", &metrics.nacks),
            (
                "digest_mismatches",
                "Tables of nodes that differed and were sent anew",
                &metrics.digest_mismatches,
            ),
            (
                "environments_not_allowed",
                "Nodes refused because they asked for an environment that is not for them",
                &metrics.not_allowed,
            ),
            ("snapshots_made", "Tables that were encoded as a whole", &metrics.snapshots_made),
            (
                "snapshots_stalled",
                "Streams ended because their node took nothing of its snapshot",
                &metrics.snapshots_stalled,
            ),
        ];
        for (name, help, counter) in counters {
            registry.register(format!("countersign_{name}"), help, counter.clone());
        }
        let gauges = [
            ("nodes_connected", "Nodes with an open stream", &metrics.connected),
            (
                "snapshots_waiting",
                "Streams that wait for their turn to be sent a snapshot",
                &metrics.snapshots_waiting,
            ),
            (
                "snapshots_sending",
                "Streams that are being sent a snapshot",
                &metrics.snapshots_sending,
            ),
            (
                "snapshot_bytes_unsent",
                "Of the snapshots that are being sent, what is still to be sent",
                &metrics.snapshot_bytes_unsent,
            ),
            (
                "snapshot_bytes_held",
                "Snapshots in memory, each once for all who are sent it",
                &metrics.snapshot_bytes_held,
            ),
        ];
        for (name, help, gauge) in gauges {
            registry.register(format!("countersign_{name}"), help, gauge.clone());
        }
        Arc::new(metrics)
    }
}
