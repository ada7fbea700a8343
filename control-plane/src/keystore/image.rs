//! What a keystore has on its disk, for those who copy it and those who verify a log: keyring and
//! keystore as they lie there. The two are only good together, and a copy of both opens with the
//! master key of its moment and with no other one.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use countersign_shared::id::{LogId, SecretId};
use zeroize::Zeroizing;

use super::file::{self, KeystoreFile};
use super::{Keyring, KeystoreError, MasterKey, keyring};
use crate::log::disk::{self, DiskError};

/// The files of an open keystore. Whoever has them locked sees no change of either.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) file: KeystoreFile,
}

/// Reads what a keystore has on its disk, as it lies there, while others put keys into it.
#[derive(Debug, Clone)]
pub struct KeystoreImage(pub(super) Option<Arc<Mutex<Files>>>);

/// All data keys, wrapped, and what wraps them, under the master key, which is not there.
#[derive(Debug, Clone, Default)]
pub struct Image {
    /// Empty where there is no file, or one from before there were keyrings.
    pub keyring: Vec<u8>,
    pub keystore: Vec<u8>,
}

impl Image {
    /// Of which secrets there are data keys, by the file's own word.
    pub fn secret_ids(&self) -> HashSet<SecretId> {
        file::secret_ids(&self.keystore).collect()
    }
}

impl KeystoreImage {
    /// Both files whole, never in the middle of a change, and what `moment` gives: no data key comes or goes
    /// between the three. So all secrets open that live at the end of a log that is read as the
    /// moment; one that is read after it may have a secret that is not in the image, and of one that was read
    /// before it a secret may have been forgotten.
    pub fn read_at<T>(&self, moment: impl FnOnce() -> T) -> Result<(T, Image), DiskError> {
        let Some(files) = &self.0 else { return Ok((moment(), Image::default())) };
        let files = files.lock().unwrap_or_else(PoisonError::into_inner);
        let ring_path = keyring::path_beside(files.file.path());
        let keyring = disk::read_if_there(&ring_path)?.unwrap_or_default();
        Ok((moment(), Image { keyring, keystore: files.file.read()? }))
    }
}

/// What the checkpoints of the log in a data directory are signed with. Changes nothing there.
pub fn checkpoint_seed(
    directory: &Path,
    master: &MasterKey,
    log_id: LogId,
) -> Result<Zeroizing<[u8; 32]>, KeystoreError> {
    let path = keyring::path_beside(&directory.join("keystore"));
    seed_of(&path, &disk::read_if_there(&path)?.unwrap_or_default(), master, log_id)
}

/// The same, of a keyring that was copied from `path`.
pub fn seed_of(
    path: &Path,
    keyring: &[u8],
    master: &MasterKey,
    log_id: LogId,
) -> Result<Zeroizing<[u8; 32]>, KeystoreError> {
    if keyring.is_empty() {
        return Ok(keyring::derived_checkpoint_seed(master, log_id));
    }
    Ok(Keyring::of(path, keyring, master, log_id)?.checkpoint_seed.bytes_zeroizing())
}
