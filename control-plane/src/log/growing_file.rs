//! The file that sled writes, opened once more to make it durable. Owns the fdatasync and
//! the zeros written ahead of sled; never touches what sled has written.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use super::disk::DiskError;

/// Sled writes its file in segments of this size, each beginning with a header.
const SEGMENT_BYTES: u64 = 512 * 1024;
const SEGMENT_HEADER_BYTES: usize = 20;
/// Written ahead whenever sled has entered the last two segments.
const RESERVE_BYTES: usize = 1024 * 1024;
/// Whether it has is asked for after it was given this much,
const CHECK_EVERY_BYTES: usize = 64 * 1024;
/// counting this for each commit besides its frames.
const COMMIT_OVERHEAD_BYTES: usize = 1024;

/// A file that sled grows. Where a file grows, every fdatasync waits for the file system's
/// journal as well; where it has been written before, only for the data, which is much
/// faster when others use the disk too. So zeros are written ahead of sled, which takes
/// them for segments that are free, after a crash as well.
#[derive(Debug)]
pub(super) struct GrowingFile {
    file: File,
    unchecked_bytes: AtomicUsize,
    /// Held by readers, because reading may make sled finish a page's split: nothing else
    /// may move sled's end of the file while it is written ahead.
    growing: RwLock<()>,
}

impl GrowingFile {
    pub(super) fn open(path: &Path) -> Result<Self, DiskError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(DiskError::at("open", path))?;
        let unchecked_bytes = AtomicUsize::new(CHECK_EVERY_BYTES);
        Ok(Self { file, unchecked_bytes, growing: RwLock::new(()) })
    }

    /// Keeps the file from being written ahead as long as the guard lives.
    pub(super) fn hold_still(&self) -> RwLockReadGuard<'_, ()> {
        self.growing.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes durable what sled has written. Called by the one writer after a flush of so
    /// many bytes of frames, so that sled has no write under way.
    pub(super) fn sync(&self, committed_bytes: usize) -> io::Result<()> {
        let committed_bytes = committed_bytes + COMMIT_OVERHEAD_BYTES;
        let unchecked = self.unchecked_bytes.fetch_add(committed_bytes, Ordering::Relaxed);
        // Not each time: to look at a file's length or into it makes the next write to it
        // update its times, and that costs as much as half an fdatasync.
        if unchecked >= CHECK_EVERY_BYTES {
            self.unchecked_bytes.store(0, Ordering::Relaxed);
            self.write_ahead()?;
        }
        self.file.sync_data()
    }

    fn write_ahead(&self) -> io::Result<()> {
        if !self.has_entered_last_segments()? {
            return Ok(());
        }
        let _still = self.growing.write().unwrap_or_else(PoisonError::into_inner);
        match self.file.write_all_at(&vec![0; RESERVE_BYTES], self.end()?) {
            Err(error) if error.kind() == io::ErrorKind::StorageFull => Ok(()),
            written => written,
        }
    }

    fn has_entered_last_segments(&self) -> io::Result<bool> {
        let mut header = [0; SEGMENT_HEADER_BYTES];
        let Some(segment) = self.end()?.checked_sub(2 * SEGMENT_BYTES) else {
            return Ok(true);
        };
        // Sled may have cut its file since, which is why an end too early is no error.
        let read = self.file.read_at(&mut header, segment)?;
        Ok(read < header.len() || header.iter().any(|byte| *byte != 0))
    }

    fn end(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len().next_multiple_of(SEGMENT_BYTES))
    }
}
