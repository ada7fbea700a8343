//! How much a node does: made of what it has counted, as its Acks tell it. It reads no clock, and is
//! for people; nothing is decided by it.

use std::time::{Duration, Instant};

use countersign_proto::v1::{NodeCounts, NodeLoad};

/// Acks come with each change, too: a shorter time says little.
const INTERVAL_MIN: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Default)]
pub struct Load {
    /// Made here of the node's counts, or told by a relay.
    pub latest: Option<NodeLoad>,
    counted: Option<(Instant, NodeCounts)>,
}

impl Load {
    /// As a relay has told it.
    pub fn told(latest: Option<NodeLoad>) -> Self {
        Self { latest, counted: None }
    }

    /// What the node's process has counted since it started.
    pub fn counted(&mut self, counts: NodeCounts, at: Instant) {
        if let Some((since, former)) = &self.counted {
            let took = at.saturating_duration_since(*since);
            if took < INTERVAL_MIN {
                return;
            }
            let rate = |now: u64, before: u64| per_second(now.saturating_sub(before), took);
            self.latest = Some(NodeLoad {
                requests_per_second: rate(counts.requests, former.requests),
                signatures_per_second: rate(counts.signatures, former.signatures),
            });
        }
        self.counted = Some((at, counts));
    }
}

/// To two digits, so that what goes on as it was is no news.
#[expect(clippy::cast_precision_loss, reason = "two digits are less than a float holds")]
fn per_second(count: u64, took: Duration) -> f64 {
    let thousandths = u128::from(count) * 1_000_000 / took.as_millis().max(1);
    let thousandths = u64::try_from(thousandths).unwrap_or(u64::MAX);
    let mut unit = 1;
    while thousandths / unit >= 100 {
        unit *= 10;
    }
    (thousandths.saturating_add(unit / 2) / unit * unit) as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(ms: u64, requests: u64, signatures: u64) -> Option<(f64, f64)> {
        let (mut load, start) = (Load::default(), Instant::now());
        load.counted(NodeCounts { requests: 1_000, signatures: 500 }, start);
        assert_eq!(load.latest, None, "one count is no rate");
        let counts = NodeCounts { requests: 1_000 + requests, signatures: 500 + signatures };
        load.counted(counts, start + Duration::from_millis(ms));
        load.latest.map(|load| (load.requests_per_second, load.signatures_per_second))
    }

    #[test]
    fn what_was_counted_between_two_acks_is_a_rate_of_two_digits() {
        assert_eq!(after(5_000, 1, 0), Some((0.2, 0.0)));
        assert_eq!(after(5_000, 61_725, 61_700), Some((12_000.0, 12_000.0)));
        assert_eq!(after(1_000, 128, 3), Some((130.0, 3.0)));
        assert_eq!(after(1_000, 0, 0), Some((0.0, 0.0)));
    }

    #[test]
    fn acks_in_short_order_are_taken_together() {
        assert_eq!(after(999, 100, 100), None);
    }
}
