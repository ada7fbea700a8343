//! Which control plane is tried next, and how long to wait before it: all in turn, the one that
//! worked last before the others; twice as long each time, up to a limit. The caller adds the
//! jitter. It never connects.

use std::time::Duration;

const PAUSE_FIRST: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// The addresses in the order in which they are tried.
#[derive(Debug)]
pub(crate) struct Tries<A> {
    addresses: Vec<A>,
    /// The place of the one that is tried now.
    at: usize,
    pause: Duration,
}

impl<A: Clone> Tries<A> {
    pub(crate) fn of(addresses: Vec<A>) -> Self {
        Self { addresses, at: 0, pause: PAUSE_FIRST }
    }

    /// The one to try now; none where there are no addresses at all.
    pub(crate) fn current(&self) -> Option<A> {
        self.addresses.get(self.at).cloned()
    }

    /// What is tried now got somewhere: from here on it is the first.
    pub(crate) fn worked(&mut self) {
        if let Some(until_it) = self.addresses.get_mut(..=self.at) {
            until_it.rotate_right(1);
        }
        self.at = 0;
        self.pause = PAUSE_FIRST;
    }

    /// What was tried has ended. The longest pause before the next one, which is the same again after
    /// it has worked.
    pub(crate) fn ended(&mut self, worked: bool) -> Duration {
        if !worked {
            self.at = (self.at + 1) % self.addresses.len().max(1);
        }
        let pause = self.pause;
        self.pause = (pause * 2).min(PAUSE_MAX);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_five_seconds_and_begins_anew_when_something_worked() {
        let mut tries = Tries::of(vec!["a"]);
        let ms: Vec<_> = (0..8).map(|_| tries.ended(false).as_millis()).collect();
        assert_eq!(ms, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        tries.worked();
        assert_eq!(tries.ended(true).as_millis(), 100);
    }

    #[test]
    fn all_are_tried_in_turn_and_the_one_that_worked_comes_first() {
        let mut tries = Tries::of(vec!["a", "b", "c"]);
        let mut order = Vec::new();
        for _ in 0..4 {
            order.push(tries.current().unwrap());
            tries.ended(false);
        }
        assert_eq!(order, ["a", "b", "c", "a"]);
        assert_eq!(tries.current(), Some("b"));
        tries.ended(false);
        tries.worked();
        assert_eq!(tries.addresses, ["c", "a", "b"]);
        tries.ended(true);
        assert_eq!(tries.current(), Some("c"), "it is tried again before the others");
        tries.ended(false);
        assert_eq!(tries.current(), Some("a"));
    }
}
