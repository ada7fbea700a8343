//! So many things a minute, in all and from each address. It keeps nothing for longer.

use std::collections::HashMap;
use std::time::{Duration, Instant};

pub(crate) const MINUTE: Duration = Duration::from_mins(1);

/// What was counted in the minute that runs.
#[derive(Debug)]
pub(crate) struct Minute {
    per_address_max: u32,
    total_max: u32,
    began: Instant,
    total: u32,
    by_address: HashMap<String, u32>,
}

impl Minute {
    pub(crate) fn new(per_address_max: u32, total_max: u32, now: Instant) -> Self {
        Self { per_address_max, total_max, began: now, total: 0, by_address: HashMap::new() }
    }

    /// How long it goes on.
    pub(crate) fn left(&self, now: Instant) -> Duration {
        MINUTE.saturating_sub(now.saturating_duration_since(self.began))
    }

    /// Counts one more, unless there were enough.
    pub(crate) fn takes(&mut self, source: &str, now: Instant) -> bool {
        let has_room = self.has_room(source, now);
        if has_room {
            *self.by_address.entry(address(source).to_owned()).or_default() += 1;
            self.total += 1;
        }
        has_room
    }

    pub(crate) fn has_room(&mut self, source: &str, now: Instant) -> bool {
        if now.saturating_duration_since(self.began) >= MINUTE {
            *self = Self::new(self.per_address_max, self.total_max, now);
        }
        let from_there = self.by_address.get(address(source)).copied().unwrap_or_default();
        self.total < self.total_max && from_there < self.per_address_max
    }
}

/// Without the port, which every connection has anew.
fn address(source: &str) -> &str {
    source.rsplit_once(':').map_or("", |(address, _)| address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_and_all_together_have_so_many_a_minute() {
        let now = Instant::now();
        let mut minute = Minute::new(2, 3, now);
        assert!(minute.takes("a:1", now) && minute.takes("a:2", now));
        assert!(!minute.takes("a:3", now) && minute.has_room("b:1", now));
        assert!(minute.takes("b:1", now) && !minute.takes("c:1", now), "all together");
        assert_eq!(minute.left(now + MINUTE / 4), MINUTE * 3 / 4);
        assert!(minute.takes("a:4", now + MINUTE));
    }
}
