//! What one turn measured. Owns the arithmetic of rates, quantiles and medians.

use std::time::Duration;

#[derive(Debug)]
pub(crate) struct Sample {
    took: Duration,
    /// In ascending order.
    latencies: Vec<Duration>,
}

impl Sample {
    pub(crate) fn new(took: Duration, mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        Self { took, latencies }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of one second")]
    pub(crate) fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.took.as_secs_f64()
    }

    #[allow(dead_code, reason = "not each of the measurements that take this file counts")]
    pub(crate) fn count(&self) -> usize {
        self.latencies.len()
    }

    pub(crate) fn quantile_us(&self, percent: usize) -> f64 {
        let at = self.latencies.len() * percent / 100;
        self.latencies.get(at).copied().unwrap_or_default().as_secs_f64() * 1e6
    }
}

pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
