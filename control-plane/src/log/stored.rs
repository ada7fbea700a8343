//! The stored log as others see it: frames read from the store, verified against the chain
//! and given out up to the durable head. Shared by the writer, the readers and the keeper;
//! never writes.

use std::fmt;
use std::path::Path;
use std::sync::{Mutex, PoisonError, RwLock};

use bytes::Bytes;

use super::frame::{self, Frame};
use super::segments::{SegmentError, Segments};
use super::sled::{Store, StoreError};
use super::{
    ChainHash, DataDir, Head, LogReader, OpenError, READ_BYTES_MAX, ReadError, StoredRecord, Tree,
    TreeHash,
};

/// A log that is open on disk.
pub(super) struct Stored {
    pub(super) dir: DataDir,
    pub(super) store: Store,
    /// The last durable record, and the tree up to it.
    end: RwLock<(Head, Tree)>,
    /// The same on this disk, where it is behind, because it is durable elsewhere.
    end_here: RwLock<Option<(Head, Tree)>>,
    /// Why nothing may be appended any more.
    failure: Mutex<Option<String>>,
}

impl Stored {
    /// Verifies the whole chain in the store. Returns the log and the last writer's epoch.
    pub(super) fn verify(dir: DataDir, store: Store) -> Result<(Self, u64), OpenError> {
        let genesis = Head::genesis(dir.log_id());
        let end = RwLock::new((genesis, Tree::default()));
        let (end_here, failure) = (RwLock::new(None), Mutex::new(None));
        let stored = Self { dir, store, end, end_here, failure };
        let mut head = genesis;
        let mut writer_epoch = 0;
        for frame in stored.frames_after(0) {
            let (_, frame) = frame.map_err(|error| stored.corrupt(&error))?;
            if frame.before != head {
                return Err(stored.out_of_place(&frame, head));
            }
            head = frame.last;
            writer_epoch = frame.writer_epoch;
            stored.advance(head, frame.records.iter().map(|record| &record.hash));
        }
        Ok((stored, writer_epoch))
    }

    /// Refuses a log that ends before what the anchor shows, or differs there.
    pub(super) fn refuse_unless(&self, anchor: Head, shown_by: &Path) -> Result<(), OpenError> {
        let found = self.hash_at(anchor.revision).map_err(|error| self.corrupt(&error))?;
        if found == Some(anchor.hash) {
            return Ok(());
        }
        Err(OpenError::RolledBack {
            log_revision: self.head().revision,
            anchor: shown_by.to_owned(),
            anchor_revision: anchor.revision,
        })
    }

    /// Verifies that the newest segment is of this log. Returns the last sealed revision.
    pub(super) fn verify_segments(&self) -> Result<u64, OpenError> {
        let segments = Segments::of(&self.dir);
        let Some(newest) = segments.list().map_err(open_error)?.pop() else {
            return Ok(0);
        };
        let last = segments.read(&newest).map_err(open_error)?.last;
        self.refuse_unless(last, newest.path())?;
        Ok(last.revision)
    }

    /// The frames after a revision, which has to be the last one of a frame, and their bytes.
    pub(super) fn frames_after(
        &self,
        revision: u64,
    ) -> impl Iterator<Item = Result<(Bytes, Frame), ReadError>> {
        let mut next = revision + 1;
        self.store.frames_from(next).map(move |bytes| {
            let bytes = bytes?;
            let frame = decode(&bytes, next)?;
            next = frame.last.revision + 1;
            Ok((bytes, frame))
        })
    }

    /// Makes records visible, once they are durable: the new head, and the chain's hash after
    /// each of them.
    pub(super) fn advance<'a>(&self, head: Head, hashes: impl IntoIterator<Item = &'a ChainHash>) {
        let mut end = self.end.write().unwrap_or_else(PoisonError::into_inner);
        end.0 = head;
        hashes.into_iter().for_each(|hash| end.1.push(*hash));
    }

    pub(super) fn end(&self) -> (Head, Tree) {
        self.end.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is visible, and durable elsewhere, is durable on this disk up to here.
    pub(super) fn made_durable(&self, end: (Head, Tree)) {
        *self.end_here.write().unwrap_or_else(PoisonError::into_inner) = Some(end);
    }

    /// The last record that is durable on this disk, and the tree's root there: what a checkpoint says.
    pub(super) fn anchor(&self) -> (Head, TreeHash) {
        let here = self.end_here.read().unwrap_or_else(PoisonError::into_inner).clone();
        let (head, tree) = here.unwrap_or_else(|| self.end());
        (head, tree.root())
    }

    pub(super) fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn fail(&self, why: &str) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.get_or_insert_with(|| why.to_owned());
    }

    pub(super) fn corrupt(&self, error: &impl ToString) -> OpenError {
        OpenError::Corrupt { file: self.dir.sled_path(), what: error.to_string() }
    }

    fn out_of_place(&self, frame: &Frame, head: Head) -> OpenError {
        if head.revision == 0 && frame.before.revision == 0 {
            return OpenError::Foreign { file: self.dir.sled_path(), log_id: self.dir.log_id() };
        }
        self.corrupt(&format!(
            "after revision {} comes the frame from revision {}, which does not follow it",
            head.revision,
            frame.before.revision + 1
        ))
    }

    /// The frame with a revision that is not beyond the head.
    fn frame_with(&self, revision: u64) -> Result<Frame, ReadError> {
        let lost = || ReadError::Corrupt { revision, what: "its frame is gone".into() };
        let bytes = self.store.frame_at(revision)?.ok_or_else(lost)?;
        let frame = decode(&bytes, revision)?;
        if frame.before.revision < revision && revision <= frame.last.revision {
            Ok(frame)
        } else {
            Err(lost())
        }
    }
}

impl LogReader for Stored {
    fn head(&self) -> Head {
        self.end.read().unwrap_or_else(PoisonError::into_inner).0
    }

    fn tree(&self) -> Tree {
        self.end.read().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    fn read(&self, from: u64, records_max: usize) -> Result<Vec<StoredRecord>, ReadError> {
        let mut page = Page::new(records_max);
        let from = from.max(1);
        let head = self.head();
        if from > head.revision {
            return Ok(page.records);
        }
        let frame = self.frame_with(from)?;
        let mut last = frame.last;
        page.fill(frame.records.into_iter().filter(|record| record.revision >= from));
        let mut frames = self.frames_after(last.revision);
        // A frame beyond the head may be there before it is durable; it is not given out.
        while page.has_room() && last.revision < head.revision {
            let Some(next) = frames.next() else { break };
            let (_, frame) = next?;
            follows(&frame, last)?;
            last = frame.last;
            page.fill(frame.records);
        }
        Ok(page.records)
    }

    fn read_back(&self, from: u64, records_max: usize) -> Result<Vec<StoredRecord>, ReadError> {
        let mut page = Page::new(records_max);
        let from = from.min(self.head().revision);
        let mut next = from;
        while page.has_room() && next > 0 {
            let frame = self.frame_with(next)?;
            next = frame.before.revision;
            page.fill(frame.records.into_iter().rev().filter(|record| record.revision <= from));
        }
        Ok(page.records)
    }

    fn hash_at(&self, revision: u64) -> Result<Option<ChainHash>, ReadError> {
        if revision == 0 {
            return Ok(Some(ChainHash::genesis(self.dir.log_id())));
        }
        if revision > self.head().revision {
            return Ok(None);
        }
        let frame = self.frame_with(revision)?;
        let record = frame.records.iter().find(|record| record.revision == revision);
        Ok(record.map(|record| record.hash))
    }
}

/// The records of one answer, within its limits.
struct Page {
    records: Vec<StoredRecord>,
    records_max: usize,
    bytes: usize,
}

impl Page {
    fn new(records_max: usize) -> Self {
        Self { records: Vec::new(), records_max, bytes: 0 }
    }

    fn has_room(&self) -> bool {
        self.records.len() < self.records_max && self.bytes < READ_BYTES_MAX
    }

    fn fill(&mut self, records: impl IntoIterator<Item = StoredRecord>) {
        for record in records {
            if !self.has_room() {
                break;
            }
            self.bytes += record.bytes.len();
            self.records.push(record);
        }
    }
}

fn decode(bytes: &Bytes, revision: u64) -> Result<Frame, ReadError> {
    frame::decode(bytes).map_err(|error| ReadError::Corrupt { revision, what: error.to_string() })
}

fn follows(frame: &Frame, last: Head) -> Result<(), ReadError> {
    if frame.before == last {
        return Ok(());
    }
    let what = "the frame after it does not follow it".into();
    Err(ReadError::Corrupt { revision: last.revision, what })
}

fn open_error(error: SegmentError) -> OpenError {
    match error {
        SegmentError::Corrupt { file, what } => OpenError::Corrupt { file, what },
        SegmentError::Disk(error) => OpenError::Disk(error),
    }
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stored").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl From<StoreError> for ReadError {
    fn from(error: StoreError) -> Self {
        Self::Storage(error.to_string())
    }
}
