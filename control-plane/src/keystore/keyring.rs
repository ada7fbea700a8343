//! The keyring: a file of 256 bytes with all that the master key itself wraps, so that a new master
//! key means a new keyring and nothing else. In it are the key of the epoch, which wraps the data
//! keys of the keystore, and two that outlive every rotation: what checkpoints are signed with, for
//! auditors have pinned its public key, and what secrets travel under.
//!
//! ```text
//! 0 "countersign keyring v1\0\0"  24 number of the master key  28 log id  44 check value  60 nonce
//! 72 sealed: 0 checkpoint seed  32 delivery root  64 epoch  68 its key  100 next epoch or 0  104 its key
//! 224 SHA-256 of 0..224
//! ```
//! Between a keystore of one epoch and that of the next there are both keys in it, for one of them.

use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::constant_time;
use aws_lc_rs::error::Unspecified;
use countersign_shared::id::LogId;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::envelope::NONCE_BYTES;
use super::file::Fields;
use super::master::MasterKey;
use super::root::{KEY_BYTES, RootKey};
use super::shred::{self, Step};
use super::{KeystoreError, PutError};
use crate::log::disk;

const MAGIC: &[u8; 24] = b"countersign keyring v1\0\0";
const HEAD_BYTES: usize = 60;
const SEALED_AT: usize = HEAD_BYTES + NONCE_BYTES;
const PLAIN_BYTES: usize = 2 * KEY_BYTES + 2 * (4 + KEY_BYTES);
const CHECKED_BYTES: usize = SEALED_AT + PLAIN_BYTES + 16;
/// The number of the first master key of a log.
pub const FIRST_MASTER_KEY: u32 = 1;

/// The keys of a log, as they are in memory.
pub(super) struct Keyring {
    pub(super) log_id: LogId,
    pub(super) master: MasterKey,
    /// How many master keys there have been: each rotation adds one.
    pub(super) master_number: u32,
    pub(super) checkpoint_seed: RootKey,
    pub(super) delivery_root: RootKey,
    pub(super) epoch: Epoch,
    pub(super) next: Option<Epoch>,
}

/// What one keystore file is keyed by.
pub(super) struct Epoch {
    pub(super) number: u32,
    pub(super) key: RootKey,
}

impl Epoch {
    pub(super) fn random(number: u32) -> Result<Self, Unspecified> {
        Ok(Self { number, key: RootKey::random()? })
    }

    fn copy(&self) -> Self {
        Self { number: self.number, key: self.key.copy() }
    }
}

impl Keyring {
    /// That of a new log: nothing in it follows from the master key.
    pub(super) fn random(master: &MasterKey, log_id: LogId) -> Result<Self, Unspecified> {
        Ok(Self {
            log_id,
            master: master.copy(),
            master_number: FIRST_MASTER_KEY,
            checkpoint_seed: RootKey::random()?,
            delivery_root: RootKey::random()?,
            epoch: Epoch::random(1)?,
            next: None,
        })
    }

    /// That of a log whose keystore, of the epoch given, is from before there were keyrings: what was
    /// derived from the master key then stays what it was.
    pub(super) fn derived(
        master: &MasterKey,
        log_id: LogId,
        epoch: u32,
    ) -> Result<Self, Unspecified> {
        let root: [&[u8]; 3] =
            [b"countersign delivery root v1\0", log_id.as_bytes(), &epoch.to_be_bytes()];
        Ok(Self {
            log_id,
            master: master.copy(),
            master_number: FIRST_MASTER_KEY,
            checkpoint_seed: RootKey::new(derived_checkpoint_seed(master, log_id)),
            delivery_root: RootKey::new(master.derive(&root)),
            epoch: Epoch::random(epoch.saturating_add(1))?,
            next: None,
        })
    }

    pub(super) fn read(
        path: &Path,
        master: &MasterKey,
        log_id: LogId,
    ) -> Result<Option<Self>, KeystoreError> {
        let bytes = disk::read_if_there(path)?;
        bytes.map(|bytes| Self::of(path, &bytes, master, log_id)).transpose()
    }

    /// What is in the bytes of one, which lie or lay at the path.
    pub(super) fn of(
        path: &Path,
        bytes: &[u8],
        master: &MasterKey,
        log_id: LogId,
    ) -> Result<Self, KeystoreError> {
        let corrupt = |what| KeystoreError::Corrupt { path: path.to_owned(), offset: 0, what };
        let (checked, digest) =
            bytes.split_at_checked(CHECKED_BYTES).ok_or_else(|| corrupt("it is cut short"))?;
        if Sha256::digest(checked).as_slice() != digest {
            return Err(corrupt("its digest is wrong"));
        }
        let mut fields = Fields(checked);
        if fields.take() != Some(*MAGIC) {
            return Err(corrupt("the format is not `countersign keyring v1`"));
        }
        let (Some(number), Some(found), Some(check)) =
            (fields.take().map(u32::from_be_bytes), fields.take(), fields.take::<16>())
        else {
            return Err(corrupt("it is cut short"));
        };
        let found = LogId::from_bytes(found);
        if found != log_id {
            let path = path.to_owned();
            return Err(KeystoreError::Foreign { path, found, expected: log_id });
        }
        constant_time::verify_slices_are_equal(&check, &check_value(master, log_id, number))
            .map_err(|_| KeystoreError::WrongMasterKey(path.to_owned()))?;
        Self::open(checked, master, log_id, number)
            .ok_or_else(|| corrupt("what is sealed in it does not open"))
    }

    fn open(checked: &[u8], master: &MasterKey, log_id: LogId, number: u32) -> Option<Self> {
        let (head, rest) = checked.split_at_checked(HEAD_BYTES)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>()?;
        let mut sealed = Zeroizing::new(sealed.to_vec());
        let plain = sealing_key(master, log_id, number)
            .ok()?
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(head), &mut sealed)
            .ok()?;
        let mut fields = Fields(plain);
        let mut key = || fields.take().map(Zeroizing::new).map(RootKey::new);
        let (checkpoint_seed, delivery_root) = (key()?, key()?);
        let mut epoch = || {
            let number = fields.take().map(u32::from_be_bytes)?;
            let key = fields.take().map(Zeroizing::new).map(RootKey::new)?;
            Some(Epoch { number, key })
        };
        let (epoch, next) = (epoch()?, epoch()?);
        let next = Some(next).filter(|next| next.number != 0);
        let (master, master_number) = (master.copy(), number);
        Some(Self { log_id, master, master_number, checkpoint_seed, delivery_root, epoch, next })
    }

    /// Writes it in the place of the one before, of which nothing stays.
    pub(super) fn write(&self, path: &Path, step: Step<'_>) -> Result<(), PutError> {
        let bytes = self.encode().map_err(|_| PutError::Crypto)?;
        shred::replace(path, &bytes, step).map_err(PutError::of)
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, Unspecified> {
        let mut bytes = Vec::with_capacity(CHECKED_BYTES + 32);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.master_number.to_be_bytes());
        bytes.extend_from_slice(self.log_id.as_bytes());
        bytes.extend_from_slice(&check_value(&self.master, self.log_id, self.master_number));
        let mut plain = Zeroizing::new(Vec::with_capacity(PLAIN_BYTES + 16));
        plain.extend_from_slice(self.checkpoint_seed.bytes());
        plain.extend_from_slice(self.delivery_root.bytes());
        plain.extend_from_slice(&self.epoch.number.to_be_bytes());
        plain.extend_from_slice(self.epoch.key.bytes());
        if let Some(next) = &self.next {
            plain.extend_from_slice(&next.number.to_be_bytes());
            plain.extend_from_slice(next.key.bytes());
        }
        plain.resize(PLAIN_BYTES, 0);
        let nonce = sealing_key(&self.master, self.log_id, self.master_number)?
            .seal_in_place_append_tag(Aad::from(bytes.as_slice()), &mut *plain)?;
        bytes.extend_from_slice(nonce.as_ref());
        bytes.extend_from_slice(&plain);
        let digest = Sha256::digest(&bytes);
        bytes.extend_from_slice(&digest);
        Ok(bytes)
    }

    /// The same keys under another master key.
    pub(super) fn under(&self, master: &MasterKey) -> Self {
        let master_number = self.master_number.saturating_add(1);
        Self { master: master.copy(), master_number, ..self.copy() }
    }

    pub(super) fn copy(&self) -> Self {
        Self {
            log_id: self.log_id,
            master: self.master.copy(),
            master_number: self.master_number,
            checkpoint_seed: self.checkpoint_seed.copy(),
            delivery_root: self.delivery_root.copy(),
            epoch: self.epoch.copy(),
            next: self.next.as_ref().map(Epoch::copy),
        }
    }

    /// Whether a key is the one that it is under.
    pub(super) fn is_under(&self, master: &MasterKey) -> bool {
        let same = constant_time::verify_slices_are_equal(
            self.master.root().bytes(),
            master.root().bytes(),
        );
        same.is_ok()
    }
}

/// Where the keyring of a keystore lies.
pub(super) fn path_beside(keystore: &Path) -> PathBuf {
    keystore.with_file_name("keyring")
}

/// What checkpoints were signed with before there were keyrings.
pub(super) fn derived_checkpoint_seed(
    master: &MasterKey,
    log_id: LogId,
) -> Zeroizing<[u8; KEY_BYTES]> {
    master.derive(&[b"countersign checkpoint key v1\0", log_id.as_bytes()])
}

/// What tells the right master key without telling anything of it.
fn check_value(master: &MasterKey, log_id: LogId, number: u32) -> [u8; 16] {
    let purpose: [&[u8]; 3] =
        [b"countersign keyring check v1\0", log_id.as_bytes(), &number.to_be_bytes()];
    let derived = master.derive(&purpose);
    let mut check = [0; 16];
    check.copy_from_slice(derived.split_at(16).0);
    check
}

fn sealing_key(
    master: &MasterKey,
    log_id: LogId,
    number: u32,
) -> Result<RandomizedNonceKey, Unspecified> {
    let purpose: [&[u8]; 3] =
        [b"countersign keyring v1\0", log_id.as_bytes(), &number.to_be_bytes()];
    RandomizedNonceKey::new(&AES_256_GCM, master.derive(&purpose).as_slice())
}
