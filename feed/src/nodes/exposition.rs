//! The nodes as a scrape shows them: gauges and the histogram of each by its name, and one
//! histogram of all. It reads the registry and changes nothing.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use super::propagation::{BOUNDS_US, Propagation};
use super::{NodeRegistry, NodeStatus};
use crate::commits::Commits;

/// Nodes that have lines of their own, the first by name; all others count in the sums alone.
pub const NODES_TOLD_MAX: usize = 1_000;

/// Reads the registry at each scrape.
#[derive(Debug)]
pub struct Exposition {
    pub nodes: Arc<NodeRegistry>,
    pub commits: Arc<Commits>,
    /// The clock of this process.
    pub now_ms: fn() -> i64,
    /// A node that was not heard for so long is stale.
    pub silence_ms_max: i64,
}

impl Collector for Exposition {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let mut nodes = self.nodes.list();
        let mut all = Propagation::default();
        for (_, node) in nodes.iter().filter(|(_, node)| !node.relay) {
            all.add(&node.propagation);
        }
        nodes.truncate(NODES_TOLD_MAX);
        self.encode_gauges(&mut encoder, &nodes)?;
        let help = "From a commit to the acknowledgement of a node, which signs with it from then \
                    on: of all nodes";
        let unit = Some(&Unit::Seconds);
        let histogram = MetricType::Histogram;
        encode(&all, encoder.encode_descriptor("countersign_propagation", help, unit, histogram)?)?;
        let help = "The same for each node";
        let name = "countersign_stream_propagation";
        let mut family = encoder.encode_descriptor(name, help, unit, histogram)?;
        for (name, node) in &nodes {
            encode(&node.propagation, family.encode_family(&[("node", name.as_str())])?)?;
        }
        Ok(())
    }
}

type Gauge<'g> = (&'static str, &'static str, &'g dyn Fn(&NodeStatus) -> i64);

impl Exposition {
    fn encode_gauges(
        &self,
        encoder: &mut DescriptorEncoder,
        nodes: &[(String, NodeStatus)],
    ) -> fmt::Result {
        let heard_since_ms = (self.now_ms)() - self.silence_ms_max;
        let (head, now) = (self.commits.newest(), Instant::now());
        let gauges: [Gauge<'_>; 6] = [
            ("connected", "Whether its stream is open", &|node| i64::from(node.connected)),
            ("stale", "Whether its stream is open and nothing is heard", &|node| {
                i64::from(node.is_stale(heard_since_ms))
            }),
            ("in_sync", "Whether its table equals ours at the acknowledged revision", &|node| {
                i64::from(node.in_sync)
            }),
            ("acked_revision", "The newest revision that it signs with", &|node| {
                signed(node.acked_revision)
            }),
            ("lag_revisions", "How many revisions it is behind the log", &|node| {
                signed(head.saturating_sub(node.acked_revision))
            }),
            (
                "lag_milliseconds",
                "For how long the oldest revision that it has not acknowledged is there",
                &|node| {
                    let first = self.commits.first_after(node.acked_revision);
                    let lag = first.map(|first| now.saturating_duration_since(first));
                    lag.map_or(0, |lag| i64::try_from(lag.as_millis()).unwrap_or(i64::MAX))
                },
            ),
        ];
        for (name, help, value) in gauges {
            let name = format!("countersign_stream_{name}");
            let mut family = encoder.encode_descriptor(&name, help, None, MetricType::Gauge)?;
            for (name, node) in nodes {
                let labels = [("node", name.as_str())];
                ConstGauge::new(value(node)).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

fn encode(times: &Propagation, mut encoder: MetricEncoder<'_>) -> fmt::Result {
    let bounds = BOUNDS_US.into_iter().map(seconds).chain([f64::MAX]);
    let buckets: Vec<(f64, u64)> = bounds.zip(times.counts().iter().copied()).collect();
    encoder.encode_histogram::<NoLabelSet>(seconds(times.sum_us()), times.count(), &buckets, None)
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "a scrape's floats hold no more")]
fn seconds(us: u64) -> f64 {
    us as f64 * 1e-6
}
