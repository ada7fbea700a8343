//! Durations, counted into buckets of microseconds. It knows no names.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// Upper bounds; what is longer counts as the last bucket, which has none.
pub(super) const BOUNDS_US: [u64; 14] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000,
    5_000_000, 30_000_000,
];
pub(super) const BUCKETS: usize = BOUNDS_US.len() + 1;

#[derive(Debug, Default)]
pub(super) struct Histogram {
    pub(super) buckets: [AtomicU64; BUCKETS],
    pub(super) sum_us: AtomicU64,
}

impl Histogram {
    pub(super) fn observe(&self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_US.iter().position(|bound| us <= *bound).unwrap_or(BOUNDS_US.len());
        super::count(self.buckets.get(bucket));
        super::add(&self.sum_us, us);
    }
}
