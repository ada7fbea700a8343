//! How many requests may be tried again: a share of those that came, and a few each second for
//! where few come. Without it, a backend that fails under its load gets several times that load.
//! Sans-IO.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// A retry costs as much as so many requests bring: 20 %.
const REQUESTS_PER_RETRY: u32 = 5;
/// Of one worker, however few requests come.
const RETRIES_PER_SECOND_MIN: u32 = 3;
/// Of one worker, after requests that needed none.
const RETRIES_SAVED_MAX: u32 = 100;

/// One worker's. Counted in what a request brings.
#[derive(Debug)]
pub(in crate::proxy) struct RetryBudget {
    saved: Cell<u32>,
    /// Up to when the few of each second were added.
    added_until: Cell<Option<Instant>>,
}

impl Default for RetryBudget {
    fn default() -> Self {
        let saved = Cell::new(RETRIES_PER_SECOND_MIN * REQUESTS_PER_RETRY);
        Self { saved, added_until: Cell::new(None) }
    }
}

impl RetryBudget {
    /// A request came.
    pub(in crate::proxy) fn deposit(&self) {
        self.add(1);
    }

    /// Whether a request may be tried again now.
    pub(in crate::proxy) fn withdraw(&self, now: Instant) -> bool {
        self.add_few(now);
        let left = self.saved.get().checked_sub(REQUESTS_PER_RETRY);
        if let Some(left) = left {
            self.saved.set(left);
        }
        left.is_some()
    }

    fn add_few(&self, now: Instant) {
        let retry = Duration::from_secs(1) / RETRIES_PER_SECOND_MIN;
        let since = self.added_until.get().unwrap_or(now);
        let passed = now.saturating_duration_since(since).as_nanos() / retry.as_nanos();
        let passed = u32::try_from(passed).unwrap_or(u32::MAX).min(RETRIES_SAVED_MAX);
        self.add(passed * REQUESTS_PER_RETRY);
        let is_full = passed == RETRIES_SAVED_MAX;
        self.added_until.set(Some(if is_full { now } else { since + retry * passed }));
    }

    fn add(&self, requests: u32) {
        self.saved.set((self.saved.get() + requests).min(RETRIES_SAVED_MAX * REQUESTS_PER_RETRY));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    fn granted(budget: &RetryBudget, now: Instant) -> usize {
        (0..1_000).filter(|_| budget.withdraw(now)).count()
    }

    #[test]
    fn one_in_five_and_no_more_than_were_saved() {
        let (budget, now) = (RetryBudget::default(), clock::now());
        assert_eq!(granted(&budget, now), 3);
        (0..50).for_each(|_| budget.deposit());
        assert_eq!(granted(&budget, now), 10);
        (0..100_000).for_each(|_| budget.deposit());
        assert_eq!(granted(&budget, now), 100);
    }

    #[test]
    fn a_few_each_second_however_few_requests_come() {
        let (budget, now) = (RetryBudget::default(), clock::now());
        granted(&budget, now);
        assert_eq!(granted(&budget, now + Duration::from_millis(300)), 0);
        assert_eq!(granted(&budget, now + Duration::from_millis(400)), 1, "parts add up");
        assert_eq!(granted(&budget, now + Duration::from_secs(1)), 2);
        assert_eq!(granted(&budget, now + Duration::from_hours(1)), 100);
    }
}
