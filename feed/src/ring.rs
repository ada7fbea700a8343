//! The feed: one bounded ring of encoded changes, shared by all streams. Whoever has the log pushes,
//! each stream reads with a cursor of its own; a slow stream costs the writer nothing and, once it
//! has fallen out of the ring, gets a snapshot.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use bytes::Bytes;
use countersign_shared::chain::{ChainHash, Head};
use countersign_shared::digest::TableDigest;
use countersign_shared::id::EnvironmentId;

/// How far back a node can be and still get deltas.
pub const FEED_ENTRIES_MAX: usize = 8_192;
/// The changes of the ring together; the oldest leave first.
pub const FEED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How much the ring holds.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    pub entries_max: usize,
    pub bytes_max: usize,
}

impl Default for Window {
    fn default() -> Self {
        Self { entries_max: FEED_ENTRIES_MAX, bytes_max: FEED_BYTES_MAX }
    }
}

/// What one commit changed.
#[derive(Debug)]
pub struct FeedEntry {
    /// The revision before the first event of the commit.
    pub after: u64,
    /// The log's head with the last event of the commit.
    pub head: Head,
    /// An encoded `ChangeSet` for each environment that changed.
    pub changes: BTreeMap<EnvironmentId, Bytes>,
    /// The digest of every environment after it.
    pub digests: Arc<Digests>,
}

/// The digest of each environment's table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Digests(BTreeMap<EnvironmentId, TableDigest>);

impl Digests {
    /// Of all resources of these environments together.
    pub fn of(&self, environments: &[EnvironmentId]) -> TableDigest {
        let known = environments.iter().filter_map(|environment| self.0.get(environment));
        known.fold(TableDigest::ZERO, |sum, digest| sum.plus(*digest))
    }

    /// Of one environment, to be kept up with what changes there.
    pub fn entry(&mut self, environment: EnvironmentId) -> &mut TableDigest {
        self.0.entry(environment).or_insert(TableDigest::ZERO)
    }
}

/// How much came after a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Since {
    pub entries: usize,
    pub bytes: u64,
}

#[derive(Debug)]
struct Slot {
    entry: Arc<FeedEntry>,
    /// The bytes of all entries that were ever pushed, up to and with this one.
    pushed: u64,
}

#[derive(Debug, Default)]
struct Ring {
    entries: VecDeque<Slot>,
    bytes: usize,
    pushed: u64,
    /// The revision of the newest entry that was ever pushed, or that the first one comes after.
    newest: u64,
}

/// The shared ring. Only one writes to it.
#[derive(Debug, Default)]
pub struct Feed {
    window: Window,
    ring: RwLock<Ring>,
}

impl Feed {
    /// A ring that what comes after a revision goes into.
    pub fn after(newest: u64, window: Window) -> Self {
        Self { window, ring: RwLock::new(Ring { newest, ..Ring::default() }) }
    }

    /// The entries after a revision, oldest first, at most `most`; `None` when the ring does not
    /// reach back so far.
    pub fn since(&self, revision: u64, most: usize) -> Option<Vec<Arc<FeedEntry>>> {
        let ring = self.read();
        let first = ring.first_after(revision)?;
        let entries = ring.entries.range(first..).take(most);
        Some(entries.map(|slot| Arc::clone(&slot.entry)).collect())
    }

    /// How much came after a revision; `None` when the ring does not reach back so far.
    pub fn weight_since(&self, revision: u64) -> Option<Since> {
        let ring = self.read();
        let first = ring.first_after(revision)?;
        let before = ring.entries.get(first).map(|slot| slot.pushed - slot.entry.bytes() as u64);
        let bytes = ring.pushed - before.unwrap_or(ring.pushed);
        Some(Since { entries: ring.entries.len() - first, bytes })
    }

    /// How much this ring may hold.
    pub fn window(&self) -> Window {
        self.window
    }

    /// The hash right after a revision, where the ring still has it.
    pub fn hash_at(&self, revision: u64) -> Option<ChainHash> {
        Some(self.read().at(revision)?.head.hash)
    }

    /// The digests right after a revision, where the ring still has them.
    pub fn digests_at(&self, revision: u64) -> Option<Arc<Digests>> {
        Some(Arc::clone(&self.read().at(revision)?.digests))
    }

    fn read(&self) -> RwLockReadGuard<'_, Ring> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets all entries: whoever has not got to this revision needs a snapshot.
    pub fn begin_anew_after(&self, newest: u64) {
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        *ring = Ring { newest, ..Ring::default() };
    }

    /// What comes after all that was pushed before.
    pub fn push(&self, entry: FeedEntry) {
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        ring.bytes += entry.bytes();
        ring.pushed += entry.bytes() as u64;
        ring.newest = entry.head.revision;
        let slot = Slot { entry: Arc::new(entry), pushed: ring.pushed };
        ring.entries.push_back(slot);
        let Window { entries_max, bytes_max } = self.window;
        while ring.entries.len() > entries_max || ring.bytes > bytes_max {
            let Some(oldest) = ring.entries.pop_front() else { break };
            ring.bytes -= oldest.entry.bytes();
        }
    }
}

impl Ring {
    /// Where the entries after a revision begin, if the ring reaches back so far.
    fn first_after(&self, revision: u64) -> Option<usize> {
        let first = self.entries.partition_point(|slot| slot.entry.head.revision <= revision);
        let reaches_back = match self.entries.get(first) {
            // An entry larger than the whole ring leaves it as it comes.
            None => self.newest <= revision,
            Some(slot) => slot.entry.after <= revision,
        };
        reaches_back.then_some(first)
    }

    fn at(&self, revision: u64) -> Option<&FeedEntry> {
        let found = self.entries.binary_search_by_key(&revision, |slot| slot.entry.head.revision);
        Some(&self.entries.get(found.ok()?)?.entry)
    }
}

impl FeedEntry {
    fn bytes(&self) -> usize {
        self.changes.values().map(Bytes::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use countersign_shared::id::LogId;

    use super::*;

    fn entry(after: u64, revision: u64, bytes: usize) -> FeedEntry {
        let head = Head { revision, ..Head::genesis(LogId::from_bytes([1; 16])) };
        let changes =
            BTreeMap::from([(EnvironmentId::from_bytes([1; 16]), Bytes::from(vec![0; bytes]))]);
        FeedEntry { after, head, changes, digests: Arc::default() }
    }

    fn revisions(feed: &Feed, since: u64) -> Option<Vec<u64>> {
        Some(feed.since(since, 10)?.iter().map(|entry| entry.head.revision).collect())
    }

    #[test]
    fn a_cursor_gets_what_came_after_it() {
        let feed = Feed::default();
        assert_eq!(revisions(&feed, 0), Some(vec![]));
        feed.push(entry(4, 6, 1));
        feed.push(entry(6, 7, 1));
        assert_eq!(revisions(&feed, 4), Some(vec![6, 7]));
        assert_eq!(revisions(&feed, 6), Some(vec![7]));
        assert_eq!(revisions(&feed, 7), Some(vec![]));
    }

    #[test]
    fn a_cursor_before_the_ring_gets_a_snapshot() {
        let feed = Feed::default();
        feed.push(entry(4, 6, 1));
        assert_eq!(revisions(&feed, 3), None);
        for revision in 6..6 + FEED_ENTRIES_MAX as u64 {
            feed.push(entry(revision, revision + 1, 1));
        }
        assert_eq!(revisions(&feed, 4), None);
        assert_eq!(feed.since(6, 10).map(|entries| entries.len()), Some(10));
    }

    #[test]
    fn what_came_after_a_revision_has_a_weight() {
        let feed = Feed::after(4, Window { entries_max: 2, bytes_max: 100 });
        assert_eq!(feed.weight_since(4), Some(Since { entries: 0, bytes: 0 }));
        for (after, revision, bytes) in [(4, 6, 10), (6, 7, 5), (7, 8, 1)] {
            feed.push(entry(after, revision, bytes));
        }
        assert_eq!(feed.weight_since(4), None);
        assert_eq!(feed.weight_since(6), Some(Since { entries: 2, bytes: 6 }));
        assert_eq!(feed.weight_since(7), Some(Since { entries: 1, bytes: 1 }));
        assert_eq!(feed.weight_since(8), Some(Since { entries: 0, bytes: 0 }));
    }

    #[test]
    fn so_does_one_that_missed_more_than_the_ring_holds() {
        let feed = Feed::default();
        feed.push(entry(0, 1, FEED_BYTES_MAX + 1));
        assert_eq!(revisions(&feed, 0), None);
        assert_eq!(revisions(&feed, 1), Some(vec![]));
    }
}
