//! Notices a commit that does not come back: sled may wait for ever after an I/O error
//! (sled #1412), and a process that can no longer write must not look alive. Owns one
//! thread and a clock; never touches the log.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const IDLE: u64 = 0;

/// Watches what is done within `watch`, until it is dropped.
#[derive(Debug)]
pub(super) struct Watchdog {
    watched: Arc<Watched>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Watched {
    origin: Instant,
    /// Milliseconds after the origin, plus one, or `IDLE`.
    began: AtomicU64,
    stopped: AtomicBool,
}

impl Watchdog {
    /// Calls `expired` when something watched has taken longer than the limit.
    pub(super) fn start(
        limit: Duration,
        expired: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        let watched = Arc::new(Watched {
            origin: Instant::now(),
            began: AtomicU64::new(IDLE),
            stopped: AtomicBool::new(false),
        });
        let seen = Arc::clone(&watched);
        let thread = thread::Builder::new().name("log-watchdog".into()).spawn(move || {
            while !seen.stopped.load(Ordering::Acquire) {
                thread::park_timeout(limit / 10);
                if seen.is_over(limit) {
                    return expired();
                }
            }
        })?;
        Ok(Self { watched, thread: Some(thread) })
    }

    pub(super) fn watch<T>(&self, work: impl FnOnce() -> T) -> T {
        self.watched.began.store(self.watched.now() + 1, Ordering::Release);
        let done = work();
        self.watched.began.store(IDLE, Ordering::Release);
        done
    }
}

impl Watched {
    fn is_over(&self, limit: Duration) -> bool {
        let began = self.began.load(Ordering::Acquire);
        began != IDLE && u128::from(self.now().saturating_sub(began - 1)) > limit.as_millis()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX - 1)
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.watched.stopped.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // The thread only ever returns; what it would panic with was said by the panic.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn only_what_takes_too_long_is_noticed() {
        let (expired, seen) = mpsc::sync_channel(1);
        let limit = Duration::from_millis(50);
        let watchdog = Watchdog::start(limit, move || expired.send(()).unwrap()).unwrap();
        for _ in 0..10 {
            watchdog.watch(|| ());
        }
        assert_eq!(seen.recv_timeout(4 * limit), Err(mpsc::RecvTimeoutError::Timeout));
        watchdog.watch(|| seen.recv_timeout(Duration::from_secs(10))).unwrap();
    }
}
