//! Frames in sled: the only file that names sled, and the guards without which sled 0.34
//! loses data. It knows frames as bytes with a first revision; it never checks a hash.
//!
//! - `flush` alone is not durable on Linux (sled #1452): an fdatasync of sled's file follows it.
//! - A torn `snap.*.generating` would be taken for the newest snapshot (#1527, #1533): such
//!   files are removed before sled is opened.
//! - Pages over 128 KiB go to `blobs/`, which sled never syncs: a page has up to 16 values,
//!   so no value is longer than 6 KiB, and a `blobs/` with anything in it is refused.
//! - A torn tail is dropped in silence: whoever reads frames verifies the chain and the end.

use std::any::Any;
use std::io::ErrorKind;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLockReadGuard};
use std::thread;
use std::time::Duration;

use bytes::Bytes;

use super::disk::{self, DiskError};
use super::frame::{self, Encoded, FRAME_BYTES_MAX};
use super::growing_file::GrowingFile;
use super::{Durability, OpenError, RESTORE};

/// Sled keeps this much of its pages in memory.
const CACHE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// A handle of this process that is just being dropped still holds sled's lock for a moment.
const RELEASE_WAIT_TRIES: u32 = 500;
const RELEASE_WAIT: Duration = Duration::from_millis(10);
const EPOCH_KEY: &str = "writer epoch";

/// Frames by their first revision. Writing is for one thread, reading for any.
pub(super) struct Store {
    db: sled::Db,
    frames: sled::Tree,
    file: GrowingFile,
    durability: Durability,
}

/// Sled failed, or what it holds is not frames.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} the log in sled: {what}")]
pub(super) struct StoreError {
    doing: &'static str,
    what: String,
}

impl StoreError {
    fn at<E: std::fmt::Display>(doing: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self { doing, what: error.to_string() }
    }
}

impl Store {
    /// Opens sled, whose directory the caller has locked.
    pub(super) fn open(path: &Path, durability: Durability) -> Result<Self, OpenError> {
        disk::create_directory(path)?;
        remove_torn_snapshots(path)?;
        refuse_blobs(path)?;
        let corrupt = |what: String| OpenError::Corrupt { file: path.to_owned(), what };
        let db = open_sled(path)?;
        let frames = db.open_tree("frames").map_err(|error| corrupt(error.to_string()))?;
        let file = GrowingFile::open(&path.join("db"))?;
        sync_names(path)?;
        Ok(Self { db, frames, file, durability })
    }

    /// Counts this opening of the log, durably, and returns its number.
    pub(super) fn next_epoch(&self) -> Result<u64, StoreError> {
        let stored = self.db.get(EPOCH_KEY).map_err(StoreError::at("read"))?;
        let last = match stored.as_deref().map(<[u8; 8]>::try_from) {
            None => 0,
            Some(Ok(bytes)) => u64::from_be_bytes(bytes),
            Some(Err(_)) => return Err(StoreError::at("read")("the writer epoch is damaged")),
        };
        let epoch = last + 1;
        self.db.insert(EPOCH_KEY, &epoch.to_be_bytes()).map_err(StoreError::at("write"))?;
        self.make_durable(EPOCH_KEY.len())?;
        Ok(epoch)
    }

    /// Stores all of the frames or none, durably when it returns.
    pub(super) fn commit(&self, frames: &[Encoded]) -> Result<(), StoreError> {
        self.write(frames)?;
        self.make_durable(frames.iter().map(|frame| frame.bytes.len()).sum())
    }

    /// Stores all of the frames or none. They are not durable before `make_durable`, and nothing else
    /// may be written until then.
    pub(super) fn write(&self, frames: &[Encoded]) -> Result<(), StoreError> {
        let mut parts = frames.iter().flat_map(parts);
        match (parts.next(), parts.next()) {
            // Alone, a value is written whole or not at all. That is a third faster than a
            // batch, which makes sled write its buffer twice.
            (Some((key, value)), None) => self.frames.insert(key, value).map(drop),
            (first, second) => {
                let mut batch = sled::Batch::default();
                for (key, value) in first.into_iter().chain(second).chain(parts) {
                    batch.insert(&key, value);
                }
                self.frames.apply_batch(batch)
            }
        }
        .map_err(StoreError::at("write"))
    }

    /// The frames in order, from the one that begins at the revision or next after it.
    pub(super) fn frames_from(&self, first_revision: u64) -> Frames<'_> {
        let still = self.file.hold_still();
        Frames { parts: self.frames.range(part_key(first_revision, 0)..), _still: still }
    }

    /// The frame that begins at the revision or next before it.
    pub(super) fn frame_at(&self, revision: u64) -> Result<Option<Bytes>, StoreError> {
        let last_part = {
            let _still = self.file.hold_still();
            self.frames.range(..=part_key(revision, u16::MAX)).next_back()
        };
        let Some(found) = last_part else {
            return Ok(None);
        };
        let (key, _) = found.map_err(StoreError::at("read"))?;
        let (first_revision, _) = parse_part_key(&key)?;
        self.frames_from(first_revision).next().transpose()
    }

    pub(super) fn make_durable(&self, committed_bytes: usize) -> Result<(), StoreError> {
        self.db.flush().map_err(StoreError::at("flush"))?;
        match self.durability {
            Durability::FlushOnlyForTests => Ok(()),
            Durability::Full => self.file.sync(committed_bytes).map_err(StoreError::at("sync")),
        }
    }
}

/// The frames from some revision on.
pub(super) struct Frames<'a> {
    parts: sled::Iter,
    _still: RwLockReadGuard<'a, ()>,
}

impl Iterator for Frames<'_> {
    type Item = Result<Bytes, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let first = self.parts.next()?;
        Some(self.assemble(first))
    }
}

impl Frames<'_> {
    fn assemble(
        &mut self,
        first: Result<(sled::IVec, sled::IVec), sled::Error>,
    ) -> Result<Bytes, StoreError> {
        let missing = || StoreError::at("read")("a part of a frame is missing");
        let (key, value) = first.map_err(StoreError::at("read"))?;
        let (first_revision, 0) = parse_part_key(&key)? else {
            return Err(missing());
        };
        let mut bytes = value.to_vec();
        let length = frame::length(&bytes).unwrap_or(0);
        for part in 1.. {
            if bytes.len() >= length {
                break;
            }
            let (key, value) =
                self.parts.next().ok_or_else(missing)?.map_err(StoreError::at("read"))?;
            if parse_part_key(&key)? != (first_revision, part) {
                return Err(missing());
            }
            bytes.extend_from_slice(&value);
        }
        Ok(Bytes::from(bytes))
    }
}

/// A frame as sled has it: in values that are not too long for its pages.
fn parts(frame: &Encoded) -> impl Iterator<Item = ([u8; 10], &[u8])> {
    let values = frame.bytes.chunks(FRAME_BYTES_MAX);
    (0..).zip(values).map(|(part, value)| (part_key(frame.first_revision, part), value))
}

fn part_key(first_revision: u64, part: u16) -> [u8; 10] {
    let mut key = [0; 10];
    let (revision, number) = key.split_at_mut(8);
    revision.copy_from_slice(&first_revision.to_be_bytes());
    number.copy_from_slice(&part.to_be_bytes());
    key
}

fn parse_part_key(key: &[u8]) -> Result<(u64, u16), StoreError> {
    key.split_first_chunk::<8>()
        .and_then(|(revision, part)| {
            Some((u64::from_be_bytes(*revision), u16::from_be_bytes(part.try_into().ok()?)))
        })
        .ok_or_else(|| StoreError::at("read")("a key is not that of a frame"))
}

fn remove_torn_snapshots(path: &Path) -> Result<(), DiskError> {
    for name in disk::names(path)?.iter().filter(|name| name.ends_with(".generating")) {
        tracing::warn!(%name, "removing a snapshot of sled that a crash left unfinished");
        disk::remove(&path.join(name))?;
    }
    disk::sync_directory(path)
}

fn refuse_blobs(path: &Path) -> Result<(), OpenError> {
    let blobs = path.join("blobs");
    if blobs.exists() && !disk::names(&blobs)?.is_empty() {
        return Err(OpenError::BlobsPresent { directory: blobs });
    }
    Ok(())
}

/// Sled makes its files for all to read, and syncs neither its configuration nor directories.
fn sync_names(path: &Path) -> Result<(), DiskError> {
    disk::make_private(&path.join("conf"))?;
    disk::make_private(&path.join("db"))?;
    disk::sync_directory(&path.join("blobs"))?;
    disk::sync_directory(path)
}

fn open_sled(path: &Path) -> Result<sled::Db, OpenError> {
    let config = sled::Config::new()
        .path(path)
        .cache_capacity(CACHE_BYTES_MAX)
        // Every append flushes; sled's own clock would only flush in between.
        .flush_every_ms(None);
    let corrupt = |what: String| OpenError::Corrupt { file: path.to_owned(), what };
    for _ in 0..RELEASE_WAIT_TRIES {
        match catch_panic(|| config.open()).map_err(corrupt)? {
            Ok(db) => return Ok(db),
            Err(sled::Error::Io(error)) if error.kind() == ErrorKind::StorageFull => {
                return Err(OpenError::Full { directory: path.to_owned() });
            }
            Err(error) if error.to_string().contains("could not acquire lock") => {
                thread::sleep(RELEASE_WAIT);
            }
            Err(error) => return Err(corrupt(error.to_string())),
        }
    }
    Err(corrupt(
        "sled's own lock on it is held by a process that ignores the lock beside it".into(),
    ))
}

/// Sled may panic on damaged files. Where a panic unwinds it becomes an error; where it
/// aborts the process, the hook has said what it means.
fn catch_panic<T>(open: impl FnOnce() -> T) -> Result<T, String> {
    /// The hook is the process's: two that open at once would put back each other's.
    static HOOK: Mutex<()> = Mutex::new(());
    let _alone = HOOK.lock().unwrap_or_else(PoisonError::into_inner);
    let usual = Arc::new(panic::take_hook());
    let within = Arc::clone(&usual);
    panic::set_hook(Box::new(move |panic| {
        tracing::error!("sled panics on opening the log, so its files are damaged: {RESTORE}");
        within(panic);
    }));
    let opened = panic::catch_unwind(AssertUnwindSafe(open));
    drop(panic::take_hook());
    panic::set_hook(Box::new(move |panic| usual(panic)));
    opened.map_err(|panic| format!("sled panicked: {}", panic_text(panic.as_ref())))
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a reason")
}
