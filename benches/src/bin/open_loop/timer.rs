//! A timer that rings to the microsecond. The timeout of `epoll_wait` counts in milliseconds,
//! which would be as long as the latencies that are measured.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::fd::OwnedFd;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

#[derive(Debug)]
pub(crate) struct Timer(OwnedFd);

impl Timer {
    pub(crate) fn new() -> Self {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        Self(timerfd_create(TimerfdClockId::Monotonic, flags).unwrap())
    }

    pub(crate) fn ring_in(&self, wait: Duration) {
        // Zero would stop it.
        let wait = wait.max(Duration::from_nanos(1));
        let wait =
            Timespec { tv_sec: wait.as_secs().cast_signed(), tv_nsec: wait.subsec_nanos().into() };
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: wait };
        timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &once).unwrap();
    }

    /// Is not heard again until it rings again.
    pub(crate) fn rung(&self) {
        let mut count = [0; 8];
        // It may have been set anew since, and then there is nothing to read.
        let _ = rustix::io::read(&self.0, &mut count);
    }
}

impl AsFd for Timer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
