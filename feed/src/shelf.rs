//! Snapshots that are made once and shared: an edition is all tables at one revision, and the chunks
//! of those that were asked for. A stream that needs a snapshot is given the edition on the shelf,
//! and the deltas after it, as long as the ring reaches back to it and they do not outweigh it. Pure:
//! `now` is an argument, and the chunks are made by whoever asks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use countersign_proto::v1;
use countersign_shared::id::EnvironmentId;
use prometheus_client::metrics::gauge::Gauge;

use crate::ring::Feed;
use crate::source::Tip;

/// An edition that nobody asked for in so long is dropped.
pub const EDITION_KEPT: Duration = Duration::from_secs(30);
/// What a message costs besides the changes in it.
const ENTRY_BYTES: u64 = 128;
/// An edition of fewer bytes counts as one of so many, when it is weighed against the deltas after it.
const EDITION_BYTES_MIN: u64 = 16 * 1024;

/// All tables at one revision, of which those are encoded that were asked for.
#[derive(Debug)]
pub struct Edition<V> {
    view: Arc<V>,
    parts: Mutex<BTreeMap<EnvironmentId, Arc<Part>>>,
    held: Gauge,
}

/// The table of one environment.
#[derive(Debug)]
pub struct Part {
    pub chunks: Vec<v1::SnapshotChunk>,
    pub bytes: u64,
    held: Gauge,
}

impl<V: AsRef<Tip>> Edition<V> {
    pub fn view(&self) -> &Arc<V> {
        &self.view
    }

    /// The table of an environment, if somebody had it made.
    pub fn part(&self, environment: EnvironmentId) -> Option<Arc<Part>> {
        self.parts().get(&environment).cloned()
    }

    /// Keeps what was made, for all that ask from now on.
    pub fn keep(&self, environment: EnvironmentId, chunks: Vec<v1::SnapshotChunk>) -> Arc<Part> {
        let changes = chunks.iter().flat_map(|chunk| &chunk.environments);
        let bytes = changes.map(|changes| changes.change_set.len() as u64).sum();
        let held = self.held.clone();
        held.inc_by(signed(bytes));
        let part = Arc::new(Part { chunks, bytes, held });
        self.parts().insert(environment, Arc::clone(&part));
        part
    }

    fn revision(&self) -> u64 {
        V::as_ref(&self.view).head.revision
    }

    fn bytes(&self) -> u64 {
        self.parts().values().map(|part| part.bytes).sum()
    }

    fn parts(&self) -> MutexGuard<'_, BTreeMap<EnvironmentId, Arc<Part>>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.held.dec_by(signed(self.bytes));
    }
}

#[derive(Debug)]
struct Shelved<V> {
    edition: Arc<Edition<V>>,
    asked_at: Instant,
}

/// Where the newest edition is. Older ones live as long as a stream is sending them.
#[derive(Debug)]
pub struct Shelf<V> {
    newest: Mutex<Option<Shelved<V>>>,
    /// Bytes of all editions that are in memory.
    held: Gauge,
}

impl<V: AsRef<Tip>> Shelf<V> {
    /// `held` tells how many bytes of snapshots are in memory.
    pub fn new(held: Gauge) -> Self {
        Self { newest: Mutex::new(None), held }
    }

    /// The edition for a stream whose node has seen `least`: the one on the shelf, where it will do.
    pub fn edition(&self, now: Instant, feed: &Feed, least: u64) -> Option<Arc<Edition<V>>> {
        let mut newest = self.lock();
        let shelved = newest.as_mut().filter(|s| will_do(&s.edition, feed, least))?;
        shelved.asked_at = now;
        Some(Arc::clone(&shelved.edition))
    }

    /// A new edition in its place, whose tables are still to be made. Says whether the shelf was
    /// empty, and is to be swept from now on.
    pub fn replace(&self, now: Instant, view: &Arc<V>) -> (Arc<Edition<V>>, bool) {
        let (view, held) = (Arc::clone(view), self.held.clone());
        let edition = Arc::new(Edition { view, parts: Mutex::default(), held });
        let shelved = Shelved { edition: Arc::clone(&edition), asked_at: now };
        let former = self.lock().replace(shelved);
        (edition, former.is_none())
    }

    /// Drops what nobody has asked for in a while. Says when to ask again, if anything is left.
    pub fn sweep(&self, now: Instant) -> Option<Instant> {
        let mut newest = self.lock();
        let due = newest.as_ref()?.asked_at + EDITION_KEPT;
        if now >= due {
            *newest = None;
            return None;
        }
        Some(due)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Shelved<V>>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an edition is not older than what a node has, and what came after it is both in the ring,
/// far from its end, and less than the edition.
fn will_do<V: AsRef<Tip>>(edition: &Edition<V>, feed: &Feed, least: u64) -> bool {
    let revision = edition.revision();
    revision >= least
        && feed.weight_since(revision).is_some_and(|since| {
            let weight = since.bytes + since.entries as u64 * ENTRY_BYTES;
            let window = feed.window();
            since.entries <= window.entries_max / 2
                && since.bytes <= window.bytes_max as u64 / 2
                && weight <= edition.bytes().max(EDITION_BYTES_MIN)
        })
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use countersign_shared::chain::Head;
    use countersign_shared::id::LogId;

    use super::*;
    use crate::ring::{FeedEntry, Window};

    const RELEASE: EnvironmentId = EnvironmentId::from_bytes([1; 16]);

    struct View(Tip);

    impl AsRef<Tip> for View {
        fn as_ref(&self) -> &Tip {
            &self.0
        }
    }

    fn head(revision: u64) -> Head {
        Head { revision, ..Head::genesis(LogId::from_bytes([1; 16])) }
    }

    fn view(revision: u64) -> Arc<View> {
        Arc::new(View(Tip { head: head(revision), digests: Arc::default() }))
    }

    fn push(feed: &Feed, revision: u64, bytes: usize) {
        let changes = BTreeMap::from([(RELEASE, Bytes::from(vec![0; bytes]))]);
        let head = head(revision);
        feed.push(FeedEntry { after: revision - 1, head, changes, digests: Arc::default() });
    }

    /// A shelf with an edition of revision 5, whose one table has so many bytes.
    fn given(entries_max: usize, bytes: usize) -> (Shelf<View>, Feed, Instant, Gauge) {
        let (now, held) = (Instant::now(), Gauge::default());
        let feed = Feed::after(5, Window { entries_max, bytes_max: 1_000_000 });
        let shelf = Shelf::new(held.clone());
        assert!(shelf.edition(now, &feed, 0).is_none());
        let (edition, is_first) = shelf.replace(now, &view(5));
        assert!(is_first);
        let change_set = Bytes::from(vec![0; bytes]);
        let environment_id = RELEASE.as_bytes().to_vec();
        let environments = vec![v1::EnvironmentChanges { environment_id, change_set }];
        edition.keep(RELEASE, vec![v1::SnapshotChunk { environments }]);
        (shelf, feed, now, held)
    }

    #[test]
    fn an_edition_is_shared_with_all_that_have_not_seen_more() {
        let (shelf, feed, now, held) = given(8, 100);
        push(&feed, 6, 10);
        let shared = shelf.edition(now, &feed, 5).unwrap();
        assert_eq!(shared.part(RELEASE).unwrap().bytes, 100);
        assert_eq!(held.get(), 100, "it is there once");
        assert!(shelf.edition(now, &feed, 6).is_none(), "a node is never taken backwards");
    }

    #[test]
    fn it_is_shared_no_more_when_much_came_after_it() {
        let (shelf, feed, now, _) = given(8, 20_000);
        (6..10).for_each(|revision| push(&feed, revision, 1));
        assert!(shelf.edition(now, &feed, 5).is_some());
        push(&feed, 10, 1);
        assert!(shelf.edition(now, &feed, 5).is_none(), "the half of the ring");
        let (shelf, feed, now, _) = given(100, 20_000);
        push(&feed, 6, 19_000);
        assert!(shelf.edition(now, &feed, 5).is_some());
        push(&feed, 7, 1_000);
        assert!(shelf.edition(now, &feed, 5).is_none(), "the deltas outweigh it");
    }

    #[test]
    fn one_that_nobody_asks_for_is_dropped() {
        let (shelf, feed, now, held) = given(8, 100);
        let later = now + EDITION_KEPT / 2;
        assert!(shelf.edition(later, &feed, 0).is_some());
        assert_eq!(shelf.sweep(now + EDITION_KEPT), Some(later + EDITION_KEPT));
        let sent = shelf.edition(later, &feed, 0).unwrap();
        assert_eq!(shelf.sweep(later + EDITION_KEPT), None);
        assert_eq!(held.get(), 100, "a stream still sends it");
        drop(sent);
        assert_eq!(held.get(), 0);
        assert!(shelf.edition(later, &feed, 0).is_none());
    }
}
