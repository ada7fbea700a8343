//! The data directory of a control plane: where everything in it lies, the lock that one
//! process holds on it, the identity that says whose log it is, and the ballast that is
//! dropped when the disk is full. Never looks into the log or the keystore.
//!
//! ```text
//! lock         held while a process uses the directory; names its pid
//! identity     the format, the log's id, and its epoch, where it was ever restored under a new one
//! sled/        the log
//! segments/    the log again, in plain files that are only ever added, each with its checkpoint
//! snapshots/   states, to start from
//! checkpoint   the newest head known to be durable, and the tree's root there, signed
//! attempts     writes that were refused, and attempts.older
//! replica      there where the log is a copy of one in etcd: the replica's name
//! keystore     the wrapped data keys of secrets
//! keyring      what wraps them, and what signs checkpoints, under the master key
//! master.key   the master key, unless another file is given
//! ballast      space that opening the log may use when the disk is full
//! ```

use std::fs::{File, TryLockError};
use std::io::{Read, Seek};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use countersign_shared::id::LogId;

use super::OpenError;
use super::disk::{self, DiskError};
use crate::keystore::{MasterKey, MasterKeyError, MasterKeySource};

/// The space that can be freed to open the log on a full disk.
const BALLAST_BYTES: usize = 16 * 1024 * 1024;
/// With less space than this the ballast is dropped before the log is opened.
const OPEN_BYTES_MIN: u64 = 8 * 1024 * 1024;
/// The master key, where no other one is named.
pub const OWN_MASTER_KEY: &str = "master.key";
const IDENTITY_FORMAT: &str = "countersign data directory v1";
const PID_DIGITS: usize = 10;
/// A process writes its pid right after it has the lock; this long one looks for it.
const PID_WAIT_TRIES: u32 = 20;
const PID_WAIT: Duration = Duration::from_millis(10);
const LOCK_WAIT_TRIES: u32 = 30;
const LOCK_WAIT: Duration = Duration::from_millis(10);

/// A data directory that this process has locked, until it is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    log_id: LogId,
    epoch: u64,
    _lock: File,
}

/// Whose log a directory holds. The epoch counts how often a copy was declared to go on from: 0 at
/// first, and in directories from before there were any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) log_id: LogId,
    pub(crate) epoch: u64,
}

impl Identity {
    pub(super) fn text(self) -> String {
        let Self { log_id, epoch } = self;
        let epoch = if epoch == 0 { String::new() } else { format!("epoch {epoch}\n") };
        format!("{IDENTITY_FORMAT}\nlog_id {log_id}\n{epoch}")
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(IDENTITY_FORMAT)?.strip_prefix("\nlog_id ")?;
        let rest = rest.strip_suffix('\n')?;
        let (log_id, epoch) = rest.split_once("\nepoch ").unwrap_or((rest, "0"));
        Some(Self { log_id: log_id.parse().ok()?, epoch: epoch.parse().ok()? })
    }
}

impl DataDir {
    /// Locks the directory, and makes it, with a log of the id `new_log_id`, if it is new.
    pub fn open(path: &Path, new_log_id: LogId) -> Result<Self, OpenError> {
        let dir = Self::begin(path)?;
        let identity = read_identity(path)?;
        if identity.is_none() && dir.replica()?.is_some() {
            return Err(OpenError::Replica { directory: path.to_owned() });
        }
        dir.with(identity, new_log_id)
    }

    /// The same for a copy of a log in etcd. A new directory is known as a replica's before it is known
    /// whose log it has: at no moment would a control plane begin an empty log there.
    pub(crate) fn open_copy(path: &Path, log_id: LogId, replica: &str) -> Result<Self, OpenError> {
        let dir = Self::begin(path)?;
        let identity = read_identity(path)?;
        if identity.is_none() && dir.replica()?.is_none() {
            dir.become_replica(replica)?;
        }
        dir.with(identity, log_id)
    }

    /// Locked, and whose log it is still to be read.
    fn begin(path: &Path) -> Result<Self, OpenError> {
        disk::create_directory(path)?;
        let lock = lock(path)?;
        disk::remove_unfinished(path)?;
        let log_id = LogId::from_bytes([0; 16]);
        Ok(Self { path: path.to_owned(), log_id, epoch: 0, _lock: lock })
    }

    fn with(self, identity: Option<Identity>, new_log_id: LogId) -> Result<Self, OpenError> {
        let Identity { log_id, epoch } = match identity {
            Some(identity) => identity,
            None => create_identity(&self.path, new_log_id)?,
        };
        for directory in ["segments", "snapshots"] {
            disk::create_directory(&self.path.join(directory))?;
            disk::remove_unfinished(&self.path.join(directory))?;
        }
        Ok(Self { log_id, epoch, ..self })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn log_id(&self) -> LogId {
        self.log_id
    }

    pub fn attempts_path(&self) -> PathBuf {
        self.path.join("attempts")
    }

    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(crate) fn identity(&self) -> Identity {
        Identity { log_id: self.log_id, epoch: self.epoch }
    }

    /// Declares that the log goes on from what is here, whatever was written after it elsewhere: what
    /// nodes have seen of it until now is another history from here on. Returns the new epoch.
    pub fn begin_epoch(&mut self) -> Result<u64, DiskError> {
        let (log_id, epoch) = (self.log_id, self.epoch + 1);
        write_identity(&self.path, Identity { log_id, epoch })?;
        self.epoch = epoch;
        Ok(epoch)
    }

    /// The same, of a copy that was a replica's: from now on it is a log of its own.
    pub fn go_on_alone(&mut self) -> Result<u64, DiskError> {
        let epoch = self.begin_epoch()?;
        if self.replica()?.is_some() {
            self.cease_replica()?;
        }
        Ok(epoch)
    }

    pub fn keystore_path(&self) -> PathBuf {
        self.path.join("keystore")
    }

    /// The name of the replica that the directory is of, if its log is a copy of one in etcd.
    pub(crate) fn replica(&self) -> Result<Option<String>, DiskError> {
        let name = disk::read_if_there(&self.replica_path())?;
        Ok(name.map(|name| String::from_utf8_lossy(&name).trim_end().to_owned()))
    }

    /// From now on the log here is a copy of one in etcd.
    pub(crate) fn become_replica(&self, name: &str) -> Result<(), DiskError> {
        disk::replace(&self.replica_path(), format!("{name}\n").as_bytes())
    }

    /// From now on it is a log of its own.
    pub(crate) fn cease_replica(&self) -> Result<(), DiskError> {
        disk::remove(&self.replica_path())?;
        disk::sync_directory(&self.path)
    }

    fn replica_path(&self) -> PathBuf {
        self.path.join("replica")
    }

    /// The master key as it is given, or the directory's own, which is made on the first start.
    pub fn master_key(&self, given: Option<&MasterKeySource>) -> Result<MasterKey, MasterKeyError> {
        if let Some(given) = given {
            return given.read();
        }
        let own = self.path.join(OWN_MASTER_KEY);
        // What was encrypted with a key that is gone would not open with a new one.
        if self.holds_sealed_keys() {
            return MasterKey::load(&own);
        }
        MasterKey::load_or_create(&own)
    }

    /// Whether there is anything here that only its master key opens.
    fn holds_sealed_keys(&self) -> bool {
        ["keystore", "keyring", "checkpoint"].iter().any(|name| self.path.join(name).exists())
    }

    pub(crate) fn sled_path(&self) -> PathBuf {
        self.path.join("sled")
    }

    pub(crate) fn segments_path(&self) -> PathBuf {
        self.path.join("segments")
    }

    pub(crate) fn snapshots_path(&self) -> PathBuf {
        self.path.join("snapshots")
    }

    pub(crate) fn checkpoint_path(&self) -> PathBuf {
        self.path.join("checkpoint")
    }

    /// Gives up the ballast when there is too little space to open the log.
    pub(crate) fn make_room_to_open(&self) -> Result<(), DiskError> {
        let free_bytes = self.free_bytes()?;
        if free_bytes < OPEN_BYTES_MIN {
            tracing::warn!(
                free_bytes,
                "the disk is nearly full: dropping the ballast to open the log"
            );
            disk::remove(&self.ballast_path())?;
        }
        Ok(())
    }

    /// Puts the ballast back, if it is not there and there is space for it.
    pub(crate) fn restore_ballast(&self) -> Result<(), DiskError> {
        let path = self.ballast_path();
        let needed_bytes = BALLAST_BYTES as u64 + OPEN_BYTES_MIN;
        if path.exists() || self.free_bytes()? < needed_bytes {
            return Ok(());
        }
        match disk::allocate(&path, BALLAST_BYTES) {
            // Others took the space meanwhile; appends wait until there is some again.
            Err(error) if error.is_out_of_space() => disk::remove_unfinished(&self.path),
            allocated => allocated,
        }
    }

    /// The space that is kept free for the ballast while it is not there.
    pub(crate) fn missing_ballast_bytes(&self) -> u64 {
        if self.ballast_path().exists() { 0 } else { BALLAST_BYTES as u64 }
    }

    /// The space that this process may still use on the directory's disk.
    pub(crate) fn free_bytes(&self) -> Result<u64, DiskError> {
        let found = rustix::fs::statvfs(&self.path).map_err(|error| {
            DiskError::at("ask for the free space of", &self.path)(error.into())
        })?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }

    fn ballast_path(&self) -> PathBuf {
        self.path.join("ballast")
    }
}

fn lock(directory: &Path) -> Result<File, OpenError> {
    let path = directory.join("lock");
    let mut file = disk::open_or_create(&path)?;
    match try_lock(&file) {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let pid =
                read_pid(&mut file).map_or_else(|| "unknown".to_owned(), |pid| pid.to_string());
            return Err(OpenError::Locked { directory: directory.to_owned(), pid });
        }
        Err(TryLockError::Error(error)) => return Err(DiskError::at("lock", &path)(error).into()),
    }
    // Always of one length and never cut: on a full disk there may be no other block for it.
    file.write_all_at(format!("{:<PID_DIGITS$}\n", std::process::id()).as_bytes(), 0)
        .map_err(DiskError::at("write", &path))?;
    Ok(file)
}

/// Whoever has just let go may still seem to hold it: a process that it was about to start has a copy
/// of the open file until it runs.
fn try_lock(file: &File) -> Result<(), TryLockError> {
    for _ in 0..LOCK_WAIT_TRIES {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => thread::sleep(LOCK_WAIT),
            done => return done,
        }
    }
    file.try_lock()
}

fn read_pid(lock: &mut File) -> Option<u32> {
    for _ in 0..PID_WAIT_TRIES {
        let mut text = String::new();
        lock.rewind().ok()?;
        lock.read_to_string(&mut text).ok()?;
        if let Some(pid) = text.strip_suffix('\n').and_then(|pid| pid.trim_end().parse().ok()) {
            return Some(pid);
        }
        thread::sleep(PID_WAIT);
    }
    None
}

pub(crate) fn read_identity(directory: &Path) -> Result<Option<Identity>, OpenError> {
    let path = directory.join("identity");
    let Some(bytes) = disk::read_if_there(&path)? else {
        return Ok(None);
    };
    let identity = Identity::parse(&String::from_utf8_lossy(&bytes));
    let what = format!("it is not `{IDENTITY_FORMAT}` and a log id");
    identity.map(Some).ok_or(OpenError::Corrupt { file: path, what })
}

/// Only a directory without a log gets an identity, so that a lost one is noticed.
fn create_identity(directory: &Path, log_id: LogId) -> Result<Identity, OpenError> {
    let path = directory.join("identity");
    for other in ["sled", "segments", "snapshots", "checkpoint", "keystore", "keyring"] {
        if directory.join(other).exists() {
            let what = format!("it is missing, while `{other}` is there");
            return Err(OpenError::Corrupt { file: path, what });
        }
    }
    let identity = Identity { log_id, epoch: 0 };
    write_identity(directory, identity)?;
    Ok(identity)
}

pub(super) fn write_identity(directory: &Path, identity: Identity) -> Result<(), DiskError> {
    disk::replace(&directory.join("identity"), identity.text().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: LogId = LogId::from_bytes([1; 16]);

    #[test]
    fn a_copy_that_was_broken_off_at_any_moment_is_no_log_of_its_own() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("data");
        DataDir::begin(&path).unwrap().become_replica("one").unwrap();
        assert!(matches!(DataDir::open(&path, LOG), Err(OpenError::Replica { .. })));
        assert!(!path.join("identity").exists());
        let dir = DataDir::open_copy(&path, LOG, "two").unwrap();
        assert_eq!(dir.replica().unwrap().as_deref(), Some("one"));
        assert_eq!(dir.log_id(), LOG);
    }

    #[test]
    fn a_log_of_its_own_is_made_no_copy_by_being_opened_as_one() {
        let directory = tempfile::tempdir().unwrap();
        drop(DataDir::open(directory.path(), LOG).unwrap());
        let dir = DataDir::open_copy(directory.path(), LOG, "one").unwrap();
        assert_eq!(dir.replica().unwrap(), None);
    }
}
