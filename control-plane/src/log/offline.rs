//! A log that no process uses: read as it lies there, never written. Sled writes to what it
//! opens, so a copy of it is opened, in a directory that is gone afterwards. Verification and
//! backups read logs by it.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use countersign_shared::id::LogId;

use super::data_dir::{Identity, read_identity};
use super::disk::{self, DiskError};
use super::frame;
use super::segments::Segments;
use super::sled::Store;
use super::{Durability, Head, OpenError, StoredRecord};

/// The data directory of a log that no process uses, while this lives.
#[derive(Debug)]
pub struct StillLog {
    path: PathBuf,
    log_id: LogId,
    epoch: u64,
    _lock: Option<File>,
}

/// Why a log that lies still cannot be read, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum StillError {
    #[error("{} is not the data directory of a control plane: there is no `identity` in it", .0.display())]
    NoLog(PathBuf),
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The log's own bytes are wrong there.
    #[error("sled: at the frame from revision {revision}: {what}")]
    Frame { revision: u64, what: String },
}

impl StillLog {
    pub fn open(path: &Path) -> Result<Self, StillError> {
        let lock = lock(path)?;
        let identity = read_identity(path)?.ok_or_else(|| StillError::NoLog(path.to_owned()))?;
        let Identity { log_id, epoch } = identity;
        Ok(Self { path: path.to_owned(), log_id, epoch, _lock: lock })
    }

    /// The id of the log in a data directory, which a process may be using.
    pub fn id_at(path: &Path) -> Result<LogId, StillError> {
        let identity = read_identity(path)?;
        Ok(identity.ok_or_else(|| StillError::NoLog(path.to_owned()))?.log_id)
    }

    pub fn log_id(&self) -> LogId {
        self.log_id
    }

    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Its sealed segments; none in a directory that has no folder for them.
    pub fn segments(&self) -> Option<Segments> {
        let path = self.path.join("segments");
        path.exists().then(|| Segments::at(&path, self.log_id))
    }

    /// Its newest checkpoint, a note that is still to be verified, and where it lies.
    pub fn checkpoint(&self) -> Result<Option<(PathBuf, String)>, OpenError> {
        let path = self.path.join("checkpoint");
        let bytes = disk::read_if_there(&path)?;
        Ok(bytes.map(|bytes| (path, String::from_utf8_lossy(&bytes).into_owned())))
    }

    pub fn has_store(&self) -> bool {
        self.path.join("sled").exists()
    }

    /// Shows each record that sled holds, in order and verified against the chain, until `seen`
    /// says no.
    pub fn each_stored(
        &self,
        mut seen: impl FnMut(&StoredRecord) -> bool,
    ) -> Result<(), StillError> {
        let scratch = tempfile::tempdir()
            .map_err(DiskError::at("make a directory in", &std::env::temp_dir()))
            .map_err(OpenError::from)?;
        let copy = scratch.path().join("sled");
        copy_directory(&self.path.join("sled"), &copy).map_err(OpenError::from)?;
        let store = Store::open(&copy, Durability::Full)?;
        let mut head = Head::genesis(self.log_id);
        for bytes in store.frames_from(1) {
            let wrong = |what: String| StillError::Frame { revision: head.revision + 1, what };
            let bytes = bytes.map_err(|error| wrong(error.to_string()))?;
            let frame = frame::decode(&bytes).map_err(|error| wrong(error.to_string()))?;
            if frame.before != head {
                return Err(wrong("it does not follow the one before it".into()));
            }
            head = frame.last;
            if !frame.records.iter().all(&mut seen) {
                break;
            }
        }
        Ok(())
    }
}

/// Shared, so that several may read; refused while a control plane writes.
fn lock(directory: &Path) -> Result<Option<File>, StillError> {
    let path = directory.join("lock");
    let Ok(file) = File::open(&path) else { return Ok(None) };
    match file.try_lock_shared() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => {
            let pid = fs::read_to_string(&path).unwrap_or_default().trim().to_owned();
            Err(OpenError::Locked { directory: directory.to_owned(), pid }.into())
        }
        // A file system that has no locks, such as one mounted for reading only.
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

fn copy_directory(from: &Path, to: &Path) -> Result<(), DiskError> {
    disk::create_directory(to)?;
    for name in disk::names(from)? {
        let (from, to) = (from.join(&name), to.join(&name));
        if from.is_dir() {
            copy_directory(&from, &to)?;
        } else {
            fs::copy(&from, &to).map_err(DiskError::at("copy", &from))?;
        }
    }
    Ok(())
}
