//! Connections that were refused: all are counted, and so many a minute are told of in the log, so that
//! who knocks again and again does not fill it.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;
use tracing::warn;

const LINES_PER_MINUTE_MAX: u32 = 30;
const MINUTE: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub(crate) struct Refusals {
    counter: Counter,
    minute: Mutex<Minute>,
}

#[derive(Debug)]
struct Minute {
    began: Instant,
    count: u32,
}

impl Refusals {
    pub(crate) fn new(now: Instant) -> Self {
        let minute = Mutex::new(Minute { began: now, count: 0 });
        Self { counter: Counter::default(), minute }
    }

    pub(crate) fn counter(&self) -> Counter {
        self.counter.clone()
    }

    pub(crate) fn note(&self, address: SocketAddr, reason: &str, now: Instant) {
        self.counter.inc();
        let (is_told, untold) =
            self.minute.lock().unwrap_or_else(PoisonError::into_inner).one_more(now);
        if untold > 0 {
            warn!(untold, "so many connections more were refused in the last minute");
        }
        if is_told {
            warn!(%address, reason, "a connection was refused");
        }
    }
}

impl Minute {
    /// Whether this one is told of, and how many were not in the minute that is over.
    fn one_more(&mut self, now: Instant) -> (bool, u32) {
        let mut untold = 0;
        if now.saturating_duration_since(self.began) >= MINUTE {
            untold = self.count.saturating_sub(LINES_PER_MINUTE_MAX);
            *self = Self { began: now, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        (self.count <= LINES_PER_MINUTE_MAX, untold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_knocks_again_and_again_does_not_fill_the_log() {
        let now = Instant::now();
        let mut minute = Minute { began: now, count: 0 };
        let told = (0..1_000).filter(|_| minute.one_more(now).0).count();
        assert_eq!(told, 30);
        assert_eq!(minute.one_more(now + MINUTE), (true, 970));
        assert_eq!(minute.one_more(now + MINUTE * 2), (true, 0));

        let refusals = Refusals::new(now);
        for _ in 0..100 {
            refusals.note(SocketAddr::from(([192, 0, 2, 1], 1)), "no handshake", now);
        }
        assert_eq!(refusals.counter().get(), 100, "all are counted");
    }
}
