//! When the last client of a fleet has received something newer than a revision: the one measuring
//! point of all servers.

use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    awaited: Mutex<Awaited>,
    complete: Notify,
}

#[derive(Debug, Default)]
struct Awaited {
    round: u64,
    above: u64,
    missing: usize,
    last: Option<Instant>,
}

/// In which round a client was counted last.
#[derive(Debug, Default)]
pub(crate) struct Counted(u64);

impl Arrivals {
    /// From now on so many clients have to see something above this revision.
    pub(crate) fn expect(&self, clients: usize, above: u64) {
        let mut awaited = self.lock();
        awaited.round += 1;
        (awaited.above, awaited.missing, awaited.last) = (above, clients, None);
    }

    /// A client has this revision.
    pub(crate) fn saw(&self, revision: u64, counted: &mut Counted) {
        let mut awaited = self.lock();
        if revision <= awaited.above || counted.0 == awaited.round {
            return;
        }
        counted.0 = awaited.round;
        awaited.missing = awaited.missing.saturating_sub(1);
        if awaited.missing == 0 && awaited.last.is_none() {
            awaited.last = Some(Instant::now());
            self.complete.notify_one();
        }
    }

    /// When the last one saw it.
    pub(crate) async fn complete(&self) -> Instant {
        loop {
            if let Some(last) = self.lock().last {
                return last;
            }
            self.complete.notified().await;
        }
    }

    pub(crate) fn missing(&self) -> usize {
        self.lock().missing
    }

    fn lock(&self) -> MutexGuard<'_, Awaited> {
        self.awaited.lock().unwrap()
    }
}
