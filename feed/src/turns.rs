//! Whose turn it is to be sent a snapshot: at most so many at once, by count and by bytes, and all
//! others in the order in which they came. Pure: `now` is an argument, and nobody waits here.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// Snapshots that are sent at once, unless somebody wants another number.
pub const AT_ONCE: usize = 32;
/// Bytes of them that are not yet sent; a larger one is sent alone.
pub const BYTES_AT_ONCE_MAX: u64 = 256 * 1024 * 1024;

/// How much may be sent at once.
#[derive(Debug, Clone, Copy)]
pub struct AtOnce {
    pub count: usize,
    pub bytes: u64,
}

impl Default for AtOnce {
    fn default() -> Self {
        Self { count: AT_ONCE, bytes: BYTES_AT_ONCE_MAX }
    }
}

/// One who waits, or is sent.
pub type Number = u64;

/// Where one who waits stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub ahead: usize,
    /// About how long it will wait; zero where nothing is known of it.
    pub estimated: Duration,
}

#[derive(Debug)]
struct Sending {
    since: Instant,
    /// What is not yet sent; at first what the last one amounted to.
    bytes: u64,
}

/// Who waits, and who is being sent.
#[derive(Debug)]
pub struct Turns {
    limit: AtOnce,
    numbers: Number,
    waiting: VecDeque<Number>,
    sending: BTreeMap<Number, Sending>,
    /// How long those that were sent took of late, and what the last one amounted to.
    took: Duration,
    last_bytes: u64,
}

impl Turns {
    pub fn new(limit: AtOnce) -> Self {
        Self {
            limit,
            numbers: 0,
            waiting: VecDeque::new(),
            sending: BTreeMap::new(),
            took: Duration::ZERO,
            last_bytes: 0,
        }
    }

    /// One more wants a snapshot. `place` says whether it is its turn.
    pub fn enter(&mut self, now: Instant) -> Number {
        self.numbers += 1;
        self.waiting.push_back(self.numbers);
        self.admit(now);
        self.numbers
    }

    /// Where one stands that waits; `None` for one whose turn it is.
    pub fn place(&self, number: Number) -> Option<Place> {
        let ahead = self.waiting.binary_search(&number).ok()?;
        let rounds = (ahead + 1).div_ceil(self.limit.count.max(1));
        let rounds = u32::try_from(rounds).unwrap_or(u32::MAX);
        Some(Place { ahead, estimated: self.took.saturating_mul(rounds) })
    }

    /// What one that is sent amounts to. Returns those whose turn it is now.
    pub fn weighs(&mut self, now: Instant, number: Number, bytes: u64) -> Vec<Number> {
        self.last_bytes = bytes;
        if let Some(sending) = self.sending.get_mut(&number) {
            sending.bytes = bytes;
        }
        self.admit(now)
    }

    /// So much of it is sent. Returns those whose turn it is now.
    pub fn sent(&mut self, now: Instant, number: Number, bytes: u64) -> Vec<Number> {
        if let Some(sending) = self.sending.get_mut(&number) {
            sending.bytes = sending.bytes.saturating_sub(bytes);
        }
        self.admit(now)
    }

    /// One is gone; `whole` where it was sent to its end. Returns those whose turn it is now.
    pub fn leave(&mut self, now: Instant, number: Number, whole: bool) -> Vec<Number> {
        if let Ok(at) = self.waiting.binary_search(&number) {
            self.waiting.remove(at);
        }
        if let Some(sending) = self.sending.remove(&number)
            && whole
        {
            let took = now.saturating_duration_since(sending.since);
            let is_first = self.took.is_zero();
            self.took = if is_first { took } else { (self.took * 7 + took) / 8 };
        }
        self.admit(now)
    }

    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub fn sending(&self) -> usize {
        self.sending.len()
    }

    /// Not yet sent, of those that are being sent.
    pub fn bytes(&self) -> u64 {
        self.sending.values().map(|sending| sending.bytes).sum()
    }

    fn admit(&mut self, now: Instant) -> Vec<Number> {
        let mut admitted = Vec::new();
        while self.has_room()
            && let Some(number) = self.waiting.pop_front()
        {
            self.sending.insert(number, Sending { since: now, bytes: self.last_bytes });
            admitted.push(number);
        }
        admitted
    }

    fn has_room(&self) -> bool {
        let fits = self.bytes() + self.last_bytes <= self.limit.bytes;
        self.sending.is_empty() || (self.sending.len() < self.limit.count && fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(count: usize, bytes: u64) -> (Turns, Instant) {
        (Turns::new(AtOnce { count, bytes }), Instant::now())
    }

    #[test]
    fn so_many_are_sent_at_once_and_the_others_wait_in_order() {
        let (mut turns, now) = turns(2, 1_000);
        let numbers: Vec<Number> = (0..5).map(|_| turns.enter(now)).collect();
        let ahead = |turns: &Turns| -> Vec<Option<usize>> {
            numbers.iter().map(|n| turns.place(*n).map(|place| place.ahead)).collect()
        };
        assert_eq!(ahead(&turns), [None, None, Some(0), Some(1), Some(2)]);
        assert!(turns.leave(now, numbers[3], false).is_empty(), "one that waited is gone");
        assert_eq!(turns.leave(now, numbers[0], true), [numbers[2]]);
        assert_eq!(turns.place(numbers[4]).map(|place| place.ahead), Some(0));
        assert_eq!((turns.sending(), turns.waiting()), (2, 1));
    }

    #[test]
    fn bytes_are_a_limit_too_and_one_that_is_larger_is_sent_alone() {
        let (mut turns, now) = turns(10, 100);
        let first = turns.enter(now);
        turns.weighs(now, first, 150);
        let (second, third) = (turns.enter(now), turns.enter(now));
        assert!(turns.place(second).is_some());
        assert_eq!(turns.sent(now, first, 100), [], "the next may be as large as this one");
        assert_eq!(turns.leave(now, first, true), [second]);
        assert_eq!(turns.weighs(now, second, 40), [third]);
        assert_eq!(turns.bytes(), 80);
    }

    #[test]
    fn the_wait_is_estimated_by_what_was_sent_of_late() {
        let (mut turns, now) = turns(1, 1_000);
        let (first, second) = (turns.enter(now), turns.enter(now));
        assert_eq!(turns.place(second).map(|place| place.estimated), Some(Duration::ZERO));
        turns.leave(now + Duration::from_millis(80), first, true);
        let (third, fourth) = (turns.enter(now), turns.enter(now));
        let estimated = |number| turns.place(number).map(|place| place.estimated.as_millis());
        assert_eq!((estimated(third), estimated(fourth)), (Some(80), Some(160)));
    }
}
