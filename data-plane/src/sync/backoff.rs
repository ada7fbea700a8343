//! How long to wait before the next stream: twice as long each time, up to a limit. The caller
//! adds the jitter.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const MAX: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Backoff {
    pub(super) fn next_max(&mut self) -> Duration {
        let now = self.next;
        self.next = (now * 2).min(MAX);
        now
    }

    /// A stream got somewhere.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_five_seconds_and_begins_anew_after_a_reset() {
        let mut backoff = Backoff::default();
        let ms: Vec<_> = (0..8).map(|_| backoff.next_max().as_millis()).collect();
        assert_eq!(ms, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        backoff.reset();
        assert_eq!(backoff.next_max().as_millis(), 100);
    }
}
