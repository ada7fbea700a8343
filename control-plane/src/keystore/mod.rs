//! Where secrets rest: one data key for each version of a secret, wrapped by the key of an epoch, in a
//! file of its own beside the log; and the keyring, which the master key wraps. Owns these two files.
//! To forget secrets is to write the others' data keys to a new file under the key of a new epoch, and
//! to leave nothing of the old file and the old key (docs/security.md says what that promises).

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use countersign_shared::id::{LogId, SecretId};

use crate::log::disk::{self, DiskError};

mod envelope;
mod file;
mod image;
mod keyring;
mod master;
mod moving;
mod root;
mod sealer;
mod shared;
mod shred;
mod source;
mod vouching;

use envelope::WrappingKey;
pub use envelope::{DataKey, Sealed};
use file::{Header, KeystoreFile};
use image::Files;
pub use image::{Image, KeystoreImage, checkpoint_seed, seed_of};
pub use keyring::FIRST_MASTER_KEY;
use keyring::Keyring;
pub use master::{MasterKey, MasterKeyError};
pub use sealer::Sealer;
pub(crate) use shared::Shared;
use shared::Sharing;
pub use shared::{SharedKeys, Unreached};
pub use source::{MASTER_KEY_VARIABLE, MasterKeySource};
pub use vouching::Vouching;

/// The writing end of a keystore. There is one, held by the engine.
pub struct Keystore {
    /// None: what is put ends with the process.
    files: Option<Arc<Mutex<Files>>>,
    ring: Keyring,
    sealer: Sealer,
    /// None: no other replica has the same data keys.
    sharing: Option<Sharing>,
}

/// Why a keystore is not opened.
#[derive(Debug, thiserror::Error)]
pub enum KeystoreError {
    #[error(
        "the master key is not the one that {} was made with: give that one. After a rotation it is \
         the newer of the two; `countersign master-key` and docs/operations.md say how they are told",
        .0.display()
    )]
    WrongMasterKey(PathBuf),
    #[error(
        "{path} belongs to the log {found}, not to {expected}: put back the keystore of this \
         data directory", path = path.display()
    )]
    Foreign { path: PathBuf, found: LogId, expected: LogId },
    #[error(
        "{path} is damaged at byte {offset}: {what}. Restore it from a backup; secrets whose data \
         keys are lost must be set again", path = path.display()
    )]
    Corrupt { path: PathBuf, offset: usize, what: &'static str },
    #[error(
        "{} is of epoch {epoch}, of which the keyring beside it has no key: put back the keystore and \
         the keyring of one copy", .path.display()
    )]
    OtherEpoch { path: PathBuf, epoch: u32 },
    #[error(
        "{} is not of the keyring that replicas share ({}): give a new data directory, or put back the \
         keystore and the keyring of this log", path.display(), place.display()
    )]
    OtherKeyring { path: PathBuf, place: PathBuf },
    #[error(transparent)]
    Unreached(#[from] Unreached),
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error("{0}")]
    Put(#[from] PutError),
    #[error("the cryptographic library refuses to work")]
    Crypto,
}

/// Why data keys were not stored.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// Nothing was stored; there may be room again later.
    #[error("{0}: make space")]
    Full(DiskError),
    /// Nothing was stored here.
    #[error(transparent)]
    Unreached(#[from] Unreached),
    /// Nobody knows what is on disk. End the process; the next start reads the truth.
    #[error("the keystore cannot go on: {0}")]
    Fatal(DiskError),
    #[error("the keystore cannot go on: the cryptographic library refuses to work")]
    Crypto,
}

impl PutError {
    fn of(error: DiskError) -> Self {
        if error.is_out_of_space() { Self::Full(error) } else { Self::Fatal(error) }
    }
}

/// The secret was not encrypted; nothing was written.
#[derive(Debug, thiserror::Error)]
#[error("the secret cannot be encrypted: the cryptographic library refuses to work")]
pub struct SealError;

/// Why a secret is not read.
#[derive(Debug, thiserror::Error)]
pub enum UnsealError {
    #[error(
        "the keystore has no data key for the secret {0}: it was forgotten, or the keystore is \
         older than the log"
    )]
    NoDataKey(SecretId),
    #[error("the ciphertext of the secret {0} does not belong to its key, or is damaged")]
    Damaged(SecretId),
    #[error(
        "the secret {0} cannot be sealed for the nodes: the cryptographic library refuses to work"
    )]
    NotSealed(SecretId),
}

impl Keystore {
    /// Opens the keystore of a log, making an empty one when there is none. What a crash left of a
    /// move to another epoch or to another master key is finished here.
    pub fn open(path: &Path, master: &MasterKey, log_id: LogId) -> Result<Self, KeystoreError> {
        let ring_path = keyring::path_beside(path);
        shred::finish(path)?;
        shred::finish(&ring_path)?;
        let header = match disk::read_if_there(path)? {
            Some(bytes) => Some((Header::read(path, &bytes, log_id)?, bytes)),
            None => None,
        };
        if let Some((header, bytes)) = &header
            && header.is_former
        {
            return Self::bring_up_to_date(path, master, log_id, header, bytes);
        }
        let ring = Keyring::read(&ring_path, master, log_id)?;
        let (Some((header, bytes)), Some(mut ring)) = (header, ring) else {
            return Self::begin(path, master, log_id, ring_path);
        };
        ring.settle(path, header.epoch, &ring_path)?;
        let (file, keys) = KeystoreFile::open(path, &bytes, &header, &ring.epoch.key)?;
        let sealer = Sealer::of(&ring, keys)?;
        Ok(Self::on_disk(file, ring, sealer))
    }

    /// One that is not on a disk, for the simulator and for tests.
    pub fn in_memory(master: &MasterKey, log_id: LogId) -> Result<Self, KeystoreError> {
        let ring = Keyring::derived(master, log_id, 1).map_err(|_| KeystoreError::Crypto)?;
        let sealer = Sealer::of(&ring, [])?;
        Ok(Self { files: None, ring, sealer, sharing: None })
    }

    /// Stores data keys, durably when it returns. Only then may their ciphertexts be logged.
    pub fn put(&mut self, keys: &[DataKey]) -> Result<(), PutError> {
        if let Some(sharing) = &self.sharing {
            sharing.put(keys)?;
        }
        self.store(keys)
    }

    fn store(&mut self, keys: &[DataKey]) -> Result<(), PutError> {
        // Wrapped here and by nobody else: so no key is ever under an epoch that has ended.
        let wrapped = keys.iter().map(|key| self.sealer.opening().wrapping.wrap(key));
        let wrapped: Vec<_> = wrapped.collect::<Result<_, _>>().map_err(|_| PutError::Crypto)?;
        if let Some(files) = &self.files {
            files.lock().unwrap_or_else(PoisonError::into_inner).file.append(&wrapped)?;
        }
        self.sealer.change().keys.extend(wrapped.into_iter().map(|key| (key.secret_id, key)));
        Ok(())
    }

    fn on_disk(file: KeystoreFile, ring: Keyring, sealer: Sealer) -> Self {
        Self { files: Some(Arc::new(Mutex::new(Files { file }))), ring, sealer, sharing: None }
    }

    /// What backups read.
    pub fn image(&self) -> KeystoreImage {
        KeystoreImage(self.files.clone())
    }

    /// A handle with which other threads seal and unseal.
    pub fn sealer(&self) -> Sealer {
        self.sealer.clone()
    }

    /// What checkpoints are signed with.
    pub fn checkpoint_seed(&self) -> zeroize::Zeroizing<[u8; 32]> {
        self.ring.checkpoint_seed.bytes_zeroizing()
    }

    /// How many master keys there have been.
    pub fn master_number(&self) -> u32 {
        self.ring.master_number
    }

    /// Which file of data keys this is: it is another after secrets were forgotten.
    pub fn epoch(&self) -> u32 {
        self.ring.epoch.number
    }

    /// Stored data keys of secrets that do not live.
    pub fn dead(&self, living: &HashSet<SecretId>) -> usize {
        self.sealer.opening().keys.keys().filter(|id| !living.contains(id)).count()
    }
}

impl fmt::Debug for Keystore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keystore").field("epoch", &self.epoch()).finish_non_exhaustive()
    }
}
