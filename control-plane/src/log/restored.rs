//! A new data directory for records that were read elsewhere. It gets its name when everything in it
//! is durable; until then it lies beside. Needs no master key: what is signed came with the records.

use std::fs;
use std::path::{Path, PathBuf};

use countersign_shared::id::LogId;

use crate::keystore::Image;

use super::data_dir::{Identity, write_identity};
use super::disk::{self, DiskError};
use super::sled::Store;
use super::{Durability, Head, OpenError, StoredRecord, frame};

/// How its name ends until it is whole.
const UNFINISHED: &str = ".unfinished";
/// The frames of no opening of the log: the first start counts from here.
const NO_WRITER: u64 = 0;

/// A data directory in the making. Dropped before it is finished, it is removed.
pub(crate) struct NewDirectory {
    path: PathBuf,
    unfinished: PathBuf,
    log_id: LogId,
    head: Head,
    store: Option<Store>,
}

impl NewDirectory {
    /// Beside a path at which there is nothing yet.
    pub(crate) fn beside(path: &Path, log_id: LogId) -> Result<Self, OpenError> {
        let unfinished = Self::unfinished(path);
        disk::create_directory(&unfinished)?;
        let head = Head::genesis(log_id);
        let mut begun = Self { path: path.to_owned(), unfinished, log_id, head, store: None };
        begun.store = Some(Store::open(&begun.unfinished.join("sled"), Durability::Full)?);
        Ok(begun)
    }

    /// Where it lies until it is finished.
    pub(crate) fn unfinished(path: &Path) -> PathBuf {
        let mut name = path.as_os_str().to_owned();
        name.push(UNFINISHED);
        PathBuf::from(name)
    }

    pub(crate) fn head(&self) -> Head {
        self.head
    }

    /// Stores the records that follow, durably when it returns.
    pub(crate) fn append(&mut self, records: &[StoredRecord]) -> Result<(), OpenError> {
        let bytes: Vec<_> = records.iter().map(|record| record.bytes.to_vec()).collect();
        let (frames, head, _) = frame::encode(NO_WRITER, self.head, &bytes);
        if let Some(store) = &self.store {
            let wrong = |what: String| OpenError::Corrupt { file: self.unfinished.clone(), what };
            store.commit(&frames).map_err(|error| wrong(error.to_string()))?;
        }
        self.head = head;
        Ok(())
    }

    /// Gives it its epoch, a checkpoint of what is in it and its keystore, and its name.
    pub(crate) fn finish(
        mut self,
        epoch: u64,
        checkpoint: &str,
        image: &Image,
    ) -> Result<(), DiskError> {
        self.store = None;
        write_identity(&self.unfinished, Identity { log_id: self.log_id, epoch })?;
        disk::replace(&self.unfinished.join("checkpoint"), checkpoint.as_bytes())?;
        for (name, bytes) in [("keyring", &image.keyring), ("keystore", &image.keystore)] {
            if !bytes.is_empty() {
                disk::replace(&self.unfinished.join(name), bytes)?;
            }
        }
        fs::rename(&self.unfinished, &self.path).map_err(DiskError::at("rename to", &self.path))?;
        disk::sync_parent(&self.path)
    }
}

impl Drop for NewDirectory {
    fn drop(&mut self) {
        self.store = None;
        // Once it has its name there is nothing here; what cannot be removed is found and named by the next.
        let _ = fs::remove_dir_all(&self.unfinished);
    }
}
