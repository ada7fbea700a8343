//! One node's stream, sans-IO: where it may begin, what is to be sent next, and what an answer
//! means. `server` does the sending and the waiting; the simulator runs these very lines. It
//! never waits and never reads a clock: `now` is the time since the stream began.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use countersign_proto::v1;
use countersign_shared::id::{EnvironmentId, LogId};

use crate::ring::{Feed, FeedEntry};
use crate::source::{ServedEnvironment, Tip};
use crate::turns::Place;

/// The newest version of the protocol that is spoken here, and the oldest.
pub const PROTOCOL_VERSION: u32 = 1;
pub const PROTOCOL_VERSION_MIN: u32 = 1;
/// Entries of the feed taken at a time.
const ENTRIES_AT_ONCE_MAX: usize = 256;

/// The version to speak with a node whose newest one is this: the newest that both know. `None` for
/// a node that speaks too little.
pub fn spoken(theirs: u32) -> Option<u32> {
    (theirs >= PROTOCOL_VERSION_MIN).then(|| theirs.min(PROTOCOL_VERSION))
}

/// What is to be sent.
#[derive(Debug)]
pub enum Next {
    Delta(v1::Delta),
    Bookmark(v1::Bookmark),
    /// A whole table, of this revision or a later one, in chunks, and then `snapshot_end`.
    Snapshot {
        least: u64,
    },
}

/// What an acknowledgement means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acked {
    /// Whether the node's table is ours; `None` where we no longer know what ours was.
    pub same: Option<bool>,
    /// Whether the table is sent anew.
    pub heals: bool,
}

/// A cursor in the feed, and what is still owed to the node.
#[derive(Debug)]
pub struct NodeStream {
    environments: Vec<EnvironmentId>,
    bookmark_interval: Duration,
    resumed: bool,
    /// The revision that the node has after all that was sent.
    sent: u64,
    /// The revision up to which entries of the feed were looked at.
    entries: u64,
    /// Taken from the feed, and not yet looked at.
    taken: VecDeque<Arc<FeedEntry>>,
    snapshot_due: bool,
    /// When the node was last told that it waits for a snapshot.
    told_to_wait_at: Option<Duration>,
    /// A stream's first bookmark follows at once.
    greeted: bool,
    bookmark_at: Duration,
    /// When a table that differed was last sent anew.
    healed_at: Option<Duration>,
}

impl NodeStream {
    /// Goes on after a revision where the feed reaches back to it, and begins anew otherwise.
    pub fn begin(
        environments: Vec<EnvironmentId>,
        resume: Option<u64>,
        bookmark_interval: Duration,
        feed: &Feed,
    ) -> Self {
        let from = resume.unwrap_or_default();
        let resume = resume.filter(|revision| feed.since(*revision, 1).is_some());
        Self {
            environments,
            bookmark_interval,
            resumed: resume.is_some(),
            sent: resume.unwrap_or_default(),
            // Where a snapshot is needed, it is none from before what the node has.
            entries: from,
            taken: VecDeque::new(),
            snapshot_due: resume.is_none(),
            told_to_wait_at: None,
            greeted: false,
            bookmark_at: Duration::ZERO,
            healed_at: None,
        }
    }

    pub fn environments(&self) -> &[EnvironmentId] {
        &self.environments
    }

    /// The revision that the node has after all that was sent.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// When there is something to be sent, even if nothing happens.
    pub fn bookmark_at(&self) -> Duration {
        self.bookmark_at
    }

    /// The first message, to a node that speaks our newest version; without delivery keys.
    pub fn welcome(
        &self,
        (log_id, epoch): (LogId, u64),
        served: &[ServedEnvironment],
    ) -> v1::Welcome {
        let served = served.iter().map(|environment| v1::ServedEnvironment {
            id: environment.id.as_bytes().to_vec(),
            name: environment.name.clone(),
            ..v1::ServedEnvironment::default()
        });
        v1::Welcome {
            log_id: log_id.to_string(),
            epoch,
            protocol_version: PROTOCOL_VERSION,
            bookmark_interval_ms: u32::try_from(self.bookmark_interval.as_millis())
                .unwrap_or(u32::MAX),
            environments: served.collect(),
            resumed: self.resumed,
        }
    }

    /// What is to be sent now; asked again after each, until there is nothing.
    pub fn next(&mut self, now: Duration, feed: &Feed, tip: &Tip) -> Option<Next> {
        loop {
            if self.snapshot_due {
                // The feed is a moment ahead of the view: a node is never taken backwards.
                let least = self.entries;
                return (tip.head.revision >= least).then_some(Next::Snapshot { least });
            }
            if let Some(entry) = self.taken.pop_front() {
                if let Some(delta) = self.delta(&entry) {
                    self.bookmark_at = now + self.bookmark_interval;
                    return Some(Next::Delta(delta));
                }
                continue;
            }
            match feed.since(self.entries, ENTRIES_AT_ONCE_MAX) {
                None => self.snapshot_due = true,
                Some(entries) if entries.is_empty() => return self.bookmark(now, tip),
                Some(entries) => self.taken.extend(entries),
            }
        }
    }

    /// It is not this stream's turn to be sent a snapshot: what the node is told of that, at first and
    /// then once in each bookmark interval.
    pub fn waits(&mut self, now: Duration, place: Place) -> Option<v1::Waiting> {
        if self.told_to_wait_at.is_some_and(|told| now < told + self.bookmark_interval) {
            return None;
        }
        self.told_to_wait_at = Some(now);
        self.bookmark_at = now + self.bookmark_interval;
        let ahead = u32::try_from(place.ahead).unwrap_or(u32::MAX);
        let estimated_ms = u32::try_from(place.estimated.as_millis()).unwrap_or(u32::MAX);
        Some(v1::Waiting { ahead, estimated_ms })
    }

    /// The end of a snapshot that was taken here, which is what the node has then.
    pub fn snapshot_end(&mut self, tip: &Tip) -> v1::SnapshotEnd {
        let revision = tip.head.revision;
        (self.sent, self.entries, self.snapshot_due) = (revision, revision, false);
        self.told_to_wait_at = None;
        self.taken.clear();
        let hash = tip.head.hash.as_bytes().to_vec();
        v1::SnapshotEnd { revision, hash, digest: self.digest(tip) }
    }

    /// A table that differs from ours is sent anew, once in a bookmark interval.
    pub fn acked(&mut self, now: Duration, ack: &v1::Ack, feed: &Feed, tip: &Tip) -> Acked {
        let ours = if tip.head.revision == ack.revision {
            Some(Arc::clone(&tip.digests))
        } else {
            feed.digests_at(ack.revision)
        };
        let same = ours.map(|ours| ours.of(&self.environments).as_bytes().as_slice() == ack.digest);
        let is_time = self.healed_at.is_none_or(|healed| now > healed + self.bookmark_interval);
        let heals = same == Some(false) && is_time;
        if heals {
            self.healed_at = Some(now);
            self.snapshot_due = true;
        }
        Acked { same, heals }
    }

    fn delta(&mut self, entry: &FeedEntry) -> Option<v1::Delta> {
        let revision = entry.head.revision;
        self.entries = revision;
        let environments: Vec<v1::EnvironmentChanges> = (self.environments.iter())
            .filter_map(|id| {
                let change_set = entry.changes.get(id)?.clone();
                Some(v1::EnvironmentChanges { environment_id: id.as_bytes().to_vec(), change_set })
            })
            .collect();
        if environments.is_empty() {
            return None;
        }
        self.sent = revision;
        Some(v1::Delta { revision, hash: entry.head.hash.as_bytes().to_vec(), environments })
    }

    /// Tells the node how far the log is, and what its table amounts to there: where nothing of
    /// what came was for it, and where nothing came.
    fn bookmark(&mut self, now: Duration, tip: &Tip) -> Option<Next> {
        let is_due = now >= self.bookmark_at;
        if is_due {
            self.bookmark_at = now + self.bookmark_interval;
        }
        // What is in the feed and not yet in the view is bookmarked when it is in both.
        let is_level = tip.head.revision == self.entries;
        if !is_level || !(is_due || !self.greeted || self.sent < self.entries) {
            return None;
        }
        self.greeted = true;
        self.bookmark_at = now + self.bookmark_interval;
        self.sent = self.entries;
        let hash = tip.head.hash.as_bytes().to_vec();
        let digest = self.digest(tip);
        Some(Next::Bookmark(v1::Bookmark { revision: self.sent, hash, digest }))
    }

    fn digest(&self, tip: &Tip) -> Vec<u8> {
        tip.digests.of(&self.environments).as_bytes().to_vec()
    }
}
