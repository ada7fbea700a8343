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
