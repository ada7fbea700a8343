//! How long it took from a commit until a node signed with it: one histogram for each node, in
//! plain words of memory. It knows neither clocks nor names.

use std::time::Duration;

/// Upper bounds in microseconds; what took longer counts as the last bucket, which has none.
pub const BOUNDS_US: [u64; 13] = [
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000,
    30_000_000,
];

/// From commit to acknowledgement, counted by how long it took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Propagation {
    buckets: [u64; BOUNDS_US.len() + 1],
    sum_us: u64,
}

impl Propagation {
    pub fn observe(&mut self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_US.iter().position(|bound| us <= *bound).unwrap_or(BOUNDS_US.len());
        if let Some(bucket) = self.buckets.get_mut(bucket) {
            *bucket += 1;
        }
        self.sum_us = self.sum_us.saturating_add(us);
    }

    /// Counts what another one counted as well.
    pub fn add(&mut self, other: &Self) {
        for (bucket, more) in self.buckets.iter_mut().zip(other.buckets) {
            *bucket += more;
        }
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
    }

    /// The counts of each bucket, in the order of the bounds.
    pub fn counts(&self) -> &[u64] {
        &self.buckets
    }

    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    pub fn sum_us(&self) -> u64 {
        self.sum_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_counts_in_the_first_bucket_that_holds_it() {
        let mut times = Propagation::default();
        for us in [0, 250, 251, 30_000_001] {
            times.observe(Duration::from_micros(us));
        }
        assert_eq!((times.counts()[0], times.counts()[1]), (2, 1));
        assert_eq!((times.counts()[BOUNDS_US.len()], times.count()), (1, 4));
        assert_eq!(times.sum_us(), 30_000_502);
    }
}
