//! Where secrets rest: one data key for each version of a secret, wrapped by the master
//! key, in a file of its own beside the log. Owns sealing, unsealing, what leaves for the nodes, and
//! that file; never holds a plain secret longer than a call, and never writes one anywhere.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use countersign_delivery::{Bound, DeliveryKey, DeliveryRoot, HandOver, NotSealed, hand_over};
use countersign_shared::id::{EnvironmentId, KeyId, LogId, SecretId};
use countersign_shared::key::SignatureKey;
use countersign_shared::secret::Secret;

use crate::log::disk::DiskError;

mod envelope;
mod file;
mod master;

use envelope::WrappingKey;
pub use envelope::{Sealed, WrappedKey};
use file::{FIRST_EPOCH, KeystoreFile};
pub use master::{MasterKey, MasterKeyError};

/// The writing end of a keystore. There is one, held by the engine.
#[derive(Debug)]
pub struct Keystore {
    /// None: what is put ends with the process.
    file: Option<Arc<Mutex<KeystoreFile>>>,
    sealer: Sealer,
}

/// Reads what a keystore has on its disk, as it lies there, while others put keys into it.
#[derive(Debug, Clone)]
pub struct KeystoreImage(Option<Arc<Mutex<KeystoreFile>>>);

impl KeystoreImage {
    /// The whole file, never in the middle of a change of it: all data keys wrapped, and nothing that
    /// unwraps them. Empty where there is no file.
    pub fn read(&self) -> Result<Vec<u8>, DiskError> {
        let Some(file) = &self.0 else { return Ok(Vec::new()) };
        file.lock().unwrap_or_else(PoisonError::into_inner).read()
    }
}

/// Why a keystore is not opened.
#[derive(Debug, thiserror::Error)]
pub enum KeystoreError {
    #[error(
        "the master key is not the one that {} was made with: give that one", .0.display()
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
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error("the cryptographic library refuses to work")]
    Crypto,
}

/// Why data keys were not stored.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// Nothing was stored; there may be room again later.
    #[error("{0}: make space")]
    Full(DiskError),
    /// Nobody knows what is on disk. End the process; the next start reads the truth.
    #[error("the keystore cannot go on: {0}")]
    Fatal(DiskError),
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
    /// Opens the keystore of a log, making an empty one when there is none.
    pub fn open(path: &Path, master: &MasterKey, log_id: LogId) -> Result<Self, KeystoreError> {
        let (file, stored) = KeystoreFile::open(path, master, log_id)?;
        let keys = stored.into_iter().map(|key| (key.secret_id, key)).collect();
        let sealer = Sealer::of(master, log_id, file.epoch(), keys)?;
        Ok(Self { file: Some(Arc::new(Mutex::new(file))), sealer })
    }

    /// One that is not on a disk, for the simulator and for tests.
    pub fn in_memory(master: &MasterKey, log_id: LogId) -> Result<Self, KeystoreError> {
        let sealer = Sealer::of(master, log_id, FIRST_EPOCH, HashMap::new())?;
        Ok(Self { file: None, sealer })
    }

    /// Stores data keys, durably when it returns. Only then may their ciphertexts be logged.
    pub fn put(&mut self, keys: &[WrappedKey]) -> Result<(), PutError> {
        if let Some(file) = &self.file {
            file.lock().unwrap_or_else(PoisonError::into_inner).append(keys)?;
        }
        let mut stored = self.sealer.0.keys.write().unwrap_or_else(PoisonError::into_inner);
        stored.extend(keys.iter().map(|key| (key.secret_id, key.clone())));
        Ok(())
    }

    /// What backups read.
    pub fn image(&self) -> KeystoreImage {
        KeystoreImage(self.file.clone())
    }

    /// A handle with which other threads seal and unseal.
    pub fn sealer(&self) -> Sealer {
        self.sealer.clone()
    }
}

/// Seals and unseals secrets, on any thread.
#[derive(Clone)]
pub struct Sealer(Arc<Shared>);

struct Shared {
    wrapping: WrappingKey,
    delivery: DeliveryRoot,
    keys: RwLock<HashMap<SecretId, WrappedKey>>,
}

impl Sealer {
    fn of(
        master: &MasterKey,
        log_id: LogId,
        epoch: u32,
        keys: HashMap<SecretId, WrappedKey>,
    ) -> Result<Self, KeystoreError> {
        let wrapping =
            WrappingKey::derive(master, log_id, epoch).map_err(|_| KeystoreError::Crypto)?;
        let purpose: [&[u8]; 3] =
            [b"countersign delivery root v1\0", log_id.as_bytes(), &epoch.to_be_bytes()];
        let delivery = DeliveryRoot::new(master.derive(&purpose));
        Ok(Self(Arc::new(Shared { wrapping, delivery, keys: RwLock::new(keys) })))
    }

    /// Encrypts a secret under a new data key, bound to this log, the key and the secret's id.
    pub fn seal(
        &self,
        key: KeyId,
        secret_id: SecretId,
        secret: &Secret,
    ) -> Result<Sealed, SealError> {
        self.0.wrapping.seal(key, secret_id, secret).map_err(|_| SealError)
    }

    /// Decrypts a secret whose data key has been put.
    pub fn unseal(
        &self,
        key: KeyId,
        secret_id: SecretId,
        ciphertext: &[u8],
    ) -> Result<Secret, UnsealError> {
        let wrapped = self.find(secret_id).ok_or(UnsealError::NoDataKey(secret_id))?;
        self.0
            .wrapping
            .unseal(&wrapped, key, ciphertext)
            .map_err(|_| UnsealError::Damaged(secret_id))
    }

    /// The secret of a key as it travels to the nodes of an environment; the same bytes each time.
    pub fn deliver(
        &self,
        environment: EnvironmentId,
        key: &SignatureKey,
    ) -> Result<Vec<u8>, UnsealError> {
        let sealed = &key.secret.sealed;
        let secret = self.unseal(key.id, sealed.secret_id, &sealed.ciphertext)?;
        let bound = Bound {
            key_id: key.id,
            key_type: key.key_type,
            key: key.key.as_str(),
            secret_id: sealed.secret_id,
            secret_version: key.secret.number,
        };
        let delivered = self.delivery_key(environment).and_then(|key| key.seal(&bound, &secret));
        delivered.map_err(|NotSealed| UnsealError::NotSealed(sealed.secret_id))
    }

    /// What the secrets of an environment travel under, sealed to one node.
    pub fn hand_over(&self, of: &HandOver<'_>, public_key: &[u8]) -> Result<Vec<u8>, NotSealed> {
        hand_over(&self.delivery_key(of.environment)?, of, public_key)
    }

    fn delivery_key(&self, environment: EnvironmentId) -> Result<DeliveryKey, NotSealed> {
        self.0.delivery.key_of(environment)
    }

    /// Whether the data key of a secret is stored.
    pub fn contains(&self, secret_id: SecretId) -> bool {
        self.0.keys.read().unwrap_or_else(PoisonError::into_inner).contains_key(&secret_id)
    }

    fn find(&self, secret_id: SecretId) -> Option<WrappedKey> {
        self.0.keys.read().unwrap_or_else(PoisonError::into_inner).get(&secret_id).cloned()
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer")
    }
}
