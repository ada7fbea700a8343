//! What is written about the log besides the log, away from the commit path: the signed
//! checkpoint, at most once a second, and the sealed segments. Owns one thread. It reads
//! only durable frames; it never writes to sled.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::checkpoint::CheckpointKey;
use super::disk::{self, DiskError};
use super::segments::Segments;
use super::stored::Stored;
use super::{Head, LogReader, ReadError};

const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);
/// A segment is sealed when this many records wait for it,
const SEGMENT_RECORDS: u64 = 4096;
/// or when fewer have waited for so long.
const SEAL_AFTER: Duration = Duration::from_mins(10);
/// A segment ends with the frame with which it reaches this length.
const SEGMENT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The thread, until it is dropped: then it writes a last checkpoint.
pub(super) struct Keeper {
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What has been kept so far of a log, and what is needed to go on.
pub(super) struct Kept {
    log: Arc<Stored>,
    key: CheckpointKey,
    checkpoint: Head,
    sealed_revision: u64,
    sealed_at: Instant,
    /// The last round found no space, and said so.
    is_full: bool,
}

#[derive(Debug, thiserror::Error)]
enum KeepError {
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl Keeper {
    pub(super) fn start(mut kept: Kept) -> io::Result<Self> {
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopped);
        let thread = thread::Builder::new().name("log-keeper".into()).spawn(move || {
            let mut last = false;
            while !last {
                thread::park_timeout(CHECKPOINT_EVERY);
                // Asked before, so that after the last append there is one more round.
                last = stop.load(Ordering::Acquire);
                if let Err(error) = kept.keep() {
                    last |= kept.gives_up(&error);
                }
            }
        })?;
        Ok(Self { stopped, thread: Some(thread) })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // The thread only ever returns; what it would panic with was said by the panic.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keeper")
    }
}

impl Kept {
    /// Begins with a checkpoint of the log as it was opened.
    pub(super) fn new(
        log: Arc<Stored>,
        key: CheckpointKey,
        sealed_revision: u64,
    ) -> Result<Self, DiskError> {
        let (checkpoint, _) = log.anchor();
        let sealed_at = Instant::now();
        let mut kept = Self { log, key, checkpoint, sealed_revision, sealed_at, is_full: false };
        kept.anchor()?;
        Ok(kept)
    }

    fn keep(&mut self) -> Result<(), KeepError> {
        let (head, _) = self.log.anchor();
        if head != self.checkpoint {
            self.anchor()?;
        }
        while self.is_due(head) {
            self.seal(head)?;
        }
        self.is_full = false;
        Ok(())
    }

    /// Writes the head down outside sled, so that a log which ends before it is found out.
    fn anchor(&mut self) -> Result<(), DiskError> {
        let (head, root) = self.log.anchor();
        let note = self.key.sign(head, root);
        disk::replace(&self.log.dir.checkpoint_path(), note.as_bytes())?;
        self.checkpoint = head;
        Ok(())
    }

    fn is_due(&self, head: Head) -> bool {
        match head.revision - self.sealed_revision {
            0 => false,
            waiting => waiting >= SEGMENT_RECORDS || self.sealed_at.elapsed() >= SEAL_AFTER,
        }
    }

    /// Seals the next segment: whole frames, up to the head.
    fn seal(&mut self, head: Head) -> Result<(), KeepError> {
        let first = self.sealed_revision + 1;
        let mut frames = Vec::new();
        let mut bytes = 0;
        let mut last = self.sealed_revision;
        for frame in self.log.frames_after(self.sealed_revision) {
            let (encoded, frame) = frame?;
            if frame.last.revision > head.revision {
                break;
            }
            last = frame.last.revision;
            bytes += encoded.len();
            frames.push(encoded);
            if last - self.sealed_revision >= SEGMENT_RECORDS || bytes >= SEGMENT_BYTES_MAX {
                break;
            }
        }
        let segments = Segments::of(&self.log.dir);
        segments.seal(first, last, &frames)?;
        self.mark(&segments, first, last)?;
        self.sealed_revision = last;
        self.sealed_at = Instant::now();
        Ok(())
    }

    /// Writes down beside a segment what the log was at its end.
    fn mark(&self, segments: &Segments, first: u64, last: u64) -> Result<(), KeepError> {
        let tree = self.log.tree();
        let root = tree.proofs(|block| self.log.leaves(block)).root(last)?;
        if let (Some(root), Some(hash)) = (root, self.log.hash_at(last)?) {
            let note = self.key.sign(Head { revision: last, hash }, root);
            segments.mark(first, last, &note)?;
        }
        Ok(())
    }

    /// A full disk may have room again; after anything else nobody knows what is on disk.
    fn gives_up(&mut self, error: &KeepError) -> bool {
        let is_full = matches!(error, KeepError::Disk(disk) if disk.is_out_of_space());
        if !is_full {
            tracing::error!(%error, "the checkpoint and the segments are kept no longer");
            self.log.fail(&error.to_string());
        } else if !self.is_full {
            tracing::warn!(%error, "the checkpoint and the segments wait for space");
        }
        self.is_full = is_full;
        !is_full
    }
}
