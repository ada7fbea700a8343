//! The log on this machine's disk: frames in sled, verified when it is opened and when
//! they are read, with a signed checkpoint and sealed segments beside them. Owns the order
//! of an open and of a commit; the bytes in sled are the business of `sled.rs`.

use std::process;
use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign_shared::id::LogId;

use super::checkpoint::{Checkpoint, CheckpointError, CheckpointKey};
use super::disk::{self, DiskError};
use super::flusher::Flusher;
use super::frame;
use super::keeper::{Keeper, Kept};
use super::sled::Store;
use super::stored::Stored;
use super::watchdog::Watchdog;
use super::{AppendError, DataDir, Durability, EventLog, Head, LogReader, OpenError, Tree, admit};

/// A commit that takes longer ends the process.
const COMMIT_TIME_MAX: Duration = Duration::from_secs(10);
/// With less free space than this, appends are refused.
const FREE_BYTES_MIN: u64 = 16 * 1024 * 1024;
/// The free space is asked for again after this time,
const FREE_SPACE_EVERY: Duration = Duration::from_millis(100);
/// or after this many appended bytes.
const FREE_SPACE_EVERY_BYTES: usize = 1024 * 1024;

/// The writing end of a log on disk. Dropping it writes a last checkpoint.
#[derive(Debug)]
pub struct LocalLog {
    stored: Arc<Stored>,
    writer_epoch: u64,
    free_space: FreeSpace,
    watchdog: Watchdog,
    /// Of a copy of a log that is durable elsewhere.
    flusher: Option<Flusher>,
    _keeper: Keeper,
}

impl LocalLog {
    /// Opens the log of a data directory, after verifying all of it against its chain, its
    /// checkpoint and its newest segment. Checkpoints are signed with the key given. The directory stays locked until the log and its readers are dropped.
    pub fn open(
        dir: DataDir,
        key: CheckpointKey,
        durability: Durability,
    ) -> Result<Self, OpenError> {
        let checkpoint = read_checkpoint(&dir, &key)?;
        dir.make_room_to_open()?;
        let store = Store::open(&dir.sled_path(), durability)?;
        let (stored, last_epoch) = Stored::verify(dir, store)?;
        // The chain's hash stands for all records before it, and so for the tree's root as well.
        stored.refuse_unless(checkpoint.head, &stored.dir.checkpoint_path())?;
        let sealed_revision = stored.verify_segments()?;

        let epoch = stored.store.next_epoch().map_err(|error| stored.corrupt(&error))?;
        let stored = Arc::new(stored);
        let kept = Kept::new(Arc::clone(&stored), key, sealed_revision)?;
        stored.dir.restore_ballast()?;
        let thread = |error| DiskError::at("start a thread for", stored.dir.path())(error);
        let watchdog = Watchdog::start(COMMIT_TIME_MAX, abort).map_err(thread)?;
        let keeper = Keeper::start(kept).map_err(thread)?;
        Ok(Self {
            writer_epoch: epoch.max(last_epoch + 1),
            free_space: FreeSpace::of(&stored.dir),
            watchdog,
            flusher: None,
            _keeper: keeper,
            stored,
        })
    }
}

impl LocalLog {
    /// From now on appends are durable elsewhere when they come here: what returns is durable on this
    /// disk as well when the next one returns.
    pub(super) fn follow_behind(&mut self) -> Result<(), OpenError> {
        let stored = Arc::clone(&self.stored);
        stored.made_durable(stored.end());
        let thread = DiskError::at("start a thread for", self.stored.dir.path());
        self.flusher = Some(Flusher::start(stored).map_err(thread)?);
        Ok(())
    }

    /// Refuses what `append` would refuse. Returns the head.
    pub(super) fn admit(
        &mut self,
        expected: u64,
        records: &[Vec<u8>],
    ) -> Result<Head, AppendError> {
        let head = self.head();
        admit(head, expected, records)?;
        if let Some(failure) = self.stored.failure() {
            return Err(AppendError::Fatal(failure));
        }
        if !records.is_empty() {
            self.free_space.admit(&self.stored.dir, records)?;
        }
        Ok(head)
    }

    pub(crate) fn dir(&self) -> &DataDir {
        &self.stored.dir
    }
}

impl EventLog for LocalLog {
    fn log_id(&self) -> LogId {
        self.stored.dir.log_id()
    }

    fn head(&self) -> Head {
        self.stored.head()
    }

    fn append(&mut self, expected: u64, records: &[Vec<u8>]) -> Result<Head, AppendError> {
        let head = self.admit(expected, records)?;
        if records.is_empty() {
            return Ok(head);
        }
        let (frames, head, hashes) = frame::encode(self.writer_epoch, head, records);
        let (store, flusher) = (&self.stored.store, &mut self.flusher);
        let stored = self.watchdog.watch(|| match flusher {
            None => store.commit(&frames),
            Some(flusher) => flusher.settle().and_then(|()| store.write(&frames)),
        });
        stored.map_err(|error| {
            let failure = error.to_string();
            self.stored.fail(&failure);
            AppendError::Fatal(failure)
        })?;
        self.stored.advance(head, &hashes);
        if let Some(flusher) = &mut self.flusher {
            flusher.begin(frames.iter().map(|frame| frame.bytes.len()).sum());
        }
        Ok(head)
    }

    fn reader(&self) -> Arc<dyn LogReader> {
        self.stored.clone()
    }
}

/// The free space of the disk, as it was a moment ago.
#[derive(Debug)]
struct FreeSpace {
    needed_bytes: u64,
    asked: Option<Instant>,
    bytes: u64,
    appended_bytes: usize,
}

impl FreeSpace {
    fn of(dir: &DataDir) -> Self {
        let needed_bytes = FREE_BYTES_MIN + dir.missing_ballast_bytes();
        Self { needed_bytes, asked: None, bytes: 0, appended_bytes: 0 }
    }

    fn admit(&mut self, dir: &DataDir, records: &[Vec<u8>]) -> Result<(), AppendError> {
        self.appended_bytes += records.iter().map(Vec::len).sum::<usize>();
        let fresh = self.asked.is_some_and(|asked| asked.elapsed() < FREE_SPACE_EVERY);
        if !fresh || self.appended_bytes > FREE_SPACE_EVERY_BYTES {
            let found = dir.free_bytes();
            self.bytes = found.map_err(|error| AppendError::Fatal(error.to_string()))?;
            self.asked = Some(Instant::now());
            self.appended_bytes = 0;
        }
        if self.bytes < self.needed_bytes {
            return Err(AppendError::Full {
                path: dir.path().display().to_string(),
                free_bytes: self.bytes,
                needed_bytes: self.needed_bytes,
            });
        }
        Ok(())
    }
}

/// The anchored head. Before sled is made for the first time the empty log is anchored, so
/// that a checkpoint which is missing later is noticed.
fn read_checkpoint(dir: &DataDir, key: &CheckpointKey) -> Result<Checkpoint, OpenError> {
    let file = dir.checkpoint_path();
    let Some(bytes) = disk::read_if_there(&file)? else {
        if dir.sled_path().exists() {
            let what = "it is missing, while `sled` is there".into();
            return Err(OpenError::Corrupt { file, what });
        }
        let (log_id, head) = (dir.log_id(), Head::genesis(dir.log_id()));
        let root = Tree::default().root();
        disk::replace(&file, key.sign(head, root).as_bytes())?;
        return Ok(Checkpoint { log_id, head, root: Some(root) });
    };
    let note = String::from_utf8_lossy(&bytes);
    Checkpoint::open(&note, key.verifier()).map_err(|error| match error {
        CheckpointError::Foreign => OpenError::Foreign { file, log_id: dir.log_id() },
        error => OpenError::Corrupt { file, what: error.to_string() },
    })
}

fn abort() {
    tracing::error!(
        seconds = COMMIT_TIME_MAX.as_secs(),
        "a commit does not come back: ending the process; the next start reads what is on disk"
    );
    process::abort();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_opening_writes_under_an_epoch_of_its_own() {
        let directory = tempfile::tempdir().unwrap();
        for epoch in 1..=3 {
            let dir = DataDir::open(directory.path(), LogId::from_bytes([1; 16])).unwrap();
            let key = CheckpointKey::from_seed(&[3; 32].into(), dir.log_id());
            let mut log = LocalLog::open(dir, key, Durability::Full).unwrap();
            // The second opening writes nothing, and counts all the same.
            if epoch != 2 {
                let head = log.head();
                log.append(head.revision, &[b"record".to_vec()]).unwrap();
                let (_, frame) = log.stored.frames_after(head.revision).next().unwrap().unwrap();
                assert_eq!(frame.writer_epoch, epoch);
            }
        }
    }

    #[test]
    fn a_copy_is_anchored_no_further_than_it_is_durable_here_and_closed_with_all_of_it() {
        let directory = tempfile::tempdir().unwrap();
        let open = || {
            let dir = DataDir::open(directory.path(), LogId::from_bytes([1; 16])).unwrap();
            let key = CheckpointKey::from_seed(&[3; 32].into(), dir.log_id());
            let mut log = LocalLog::open(dir, key, Durability::Full).unwrap();
            log.follow_behind().unwrap();
            log
        };
        let mut log = open();
        for expected in 0..20 {
            log.append(expected, &[b"record".to_vec()]).unwrap();
            let (anchored, _) = log.stored.anchor();
            assert!((expected..=expected + 1).contains(&anchored.revision));
        }
        let head = log.head();
        drop(log);
        let again = open();
        assert_eq!((again.head(), again.stored.anchor().0), (head, head));
    }
}
