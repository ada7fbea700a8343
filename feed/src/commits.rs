//! When each of the latest commits became visible, by the monotonic clock of this process: what the
//! lag of a node and the time to its signature are measured against. Written by whoever fills the
//! feed; it is never read for a decision, and knows nothing of what was committed.

use std::collections::VecDeque;
use std::sync::{PoisonError, RwLock};
use std::time::Instant;

/// Commits that are remembered; the oldest leave first.
pub const COMMITS_MAX: usize = 8_192;

/// The latest commits, oldest first: their last revision, and when it became visible.
#[derive(Debug, Default)]
pub struct Commits(RwLock<VecDeque<(u64, Instant)>>);

impl Commits {
    /// A commit ends with this revision. The first one is where the log stood at the start.
    pub fn record(&self, revision: u64, at: Instant) {
        let mut commits = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if commits.len() == COMMITS_MAX {
            commits.pop_front();
        }
        commits.push_back((revision, at));
    }

    /// The newest revision that is visible; 0 before the first.
    pub fn newest(&self) -> u64 {
        let commits = self.0.read().unwrap_or_else(PoisonError::into_inner);
        commits.back().map_or(0, |(revision, _)| *revision)
    }

    /// When the oldest commit after a revision became visible; where that one is forgotten, the
    /// oldest that is not. `None` when there is none after it.
    pub fn first_after(&self, revision: u64) -> Option<Instant> {
        let commits = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let first = commits.partition_point(|(known, _)| *known <= revision);
        commits.get(first).map(|(_, at)| *at)
    }

    /// Tells when each commit after one revision and up to another became visible, oldest first.
    pub fn each_between(&self, after: u64, up_to: u64, mut tell: impl FnMut(Instant)) {
        if up_to <= after {
            return;
        }
        let commits = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let first = commits.partition_point(|(known, _)| *known <= after);
        let wanted = commits.iter().skip(first).take_while(|(known, _)| *known <= up_to);
        wanted.for_each(|(_, at)| tell(*at));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn commits_are_found_by_what_came_before_them() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let commits = Commits::default();
        assert_eq!((commits.first_after(0), commits.newest()), (None, 0));
        for (revision, ms) in [(4, 0), (6, 10), (7, 20)] {
            commits.record(revision, at(ms));
        }
        assert_eq!(commits.first_after(4), Some(at(10)));
        assert_eq!(commits.first_after(5), Some(at(10)), "a revision within a commit");
        assert_eq!(commits.first_after(7), None);
        let between = |after, up_to| {
            let mut told = vec![];
            commits.each_between(after, up_to, |at| told.push(at));
            told
        };
        assert_eq!(between(4, 7), [at(10), at(20)]);
        assert_eq!(between(4, 6), [at(10)]);
        assert!(between(7, 7).is_empty());
        assert_eq!(commits.newest(), 7);
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let commits = Commits::default();
        let (first, later) = (Instant::now(), Instant::now() + Duration::from_secs(1));
        commits.record(1, first);
        (2..=COMMITS_MAX as u64 + 1).for_each(|revision| commits.record(revision, later));
        assert_eq!(commits.first_after(0), Some(later));
    }
}
