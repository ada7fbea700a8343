//! One timer for a client's connection and for whatever its request waits for. Every request
//! moves the deadline, mostly further away; the timer itself is moved only when it has to ring
//! earlier, or when it rang and the deadline had been moved on. So a busy connection touches the
//! runtime's timers once in a while, not twice per request.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::time::Sleep;

/// Belongs to one task: only that task is woken.
#[derive(Debug)]
pub(super) struct Alarm {
    deadline: Cell<Option<Instant>>,
    timer: RefCell<Pin<Box<Sleep>>>,
    /// Whether the timer knows the task that it is to wake.
    is_armed: Cell<bool>,
}

impl Alarm {
    pub(super) fn new(deadline: Instant) -> Self {
        Self {
            deadline: Cell::new(Some(deadline)),
            timer: RefCell::new(Box::pin(tokio::time::sleep_until(deadline.into()))),
            is_armed: Cell::new(false),
        }
    }

    /// From now on this is the deadline.
    pub(super) fn set(&self, deadline: Instant) {
        self.deadline.set(Some(deadline));
        let mut timer = self.timer.borrow_mut();
        if deadline < timer.deadline().into_std() {
            timer.as_mut().reset(deadline.into());
            self.is_armed.set(false);
        }
    }

    /// There is no deadline until the next one is set.
    pub(super) fn silence(&self) {
        self.deadline.set(None);
    }

    /// Whether the deadline has passed. `now` is asked only when the timer rings.
    pub(super) fn poll_rung(&self, cx: &mut Context<'_>, now: fn() -> Instant) -> Poll<()> {
        let Some(deadline) = self.deadline.get() else { return Poll::Pending };
        let mut timer = self.timer.borrow_mut();
        if self.is_armed.get() && !timer.is_elapsed() {
            return Poll::Pending;
        }
        while timer.as_mut().poll(cx).is_ready() {
            if now() >= deadline {
                self.is_armed.set(false);
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline.into());
        }
        self.is_armed.set(true);
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use super::*;
    use crate::clock;

    async fn rings(alarm: &Alarm) {
        poll_fn(|cx| alarm.poll_rung(cx, clock::now)).await;
    }

    #[tokio::test]
    async fn it_rings_at_the_deadline_that_was_set_last() {
        let start = clock::now();
        let after = |ms| start + Duration::from_millis(ms);
        let alarm = Alarm::new(after(60_000));
        for ms in [40, 20, 50] {
            alarm.set(after(ms));
            // Looked at once, so that the timer is armed for it.
            let looked = poll_fn(|cx| Poll::Ready(alarm.poll_rung(cx, clock::now)));
            assert!(looked.await.is_pending(), "too early");
        }
        rings(&alarm).await;
        assert!(clock::now() >= after(50), "an earlier deadline no longer counts");
        alarm.set(after(80));
        rings(&alarm).await;
        assert!(clock::now() >= after(80));
    }

    #[tokio::test]
    async fn silenced_it_does_not_ring() {
        let alarm = Alarm::new(clock::now());
        alarm.silence();
        let rung = tokio::time::timeout(Duration::from_millis(20), rings(&alarm)).await;
        assert!(rung.is_err());
        alarm.set(clock::now());
        rings(&alarm).await;
    }
}
