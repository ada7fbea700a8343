//! The keystore's file: slots of 128 bytes, the first a header, each other one a wrapped
//! data key. Slots never straddle a sector, so after a loss of power a slot is whole or
//! all zeros, and a damaged one is told from a torn one. Never sees a data key in plain.
//!
//! ```text
//! header  0 "countersign keystore v2\0"  24 epoch  28 log id  44 check value  60 zeros  96 SHA-256 of 0..96
//! key     0 kind 1  1 zeros  4 epoch  8 put  16 secret id  32 nonce  44 wrapped key  92 zeros  96 HMAC of 0..96
//! ```
//! Numbers are big-endian. `put` numbers the appends, which is how a torn append is known. All is
//! keyed by the key of the epoch, which is in the keyring; in v1 it was by the master key.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::{constant_time, hmac};
use countersign_shared::id::{LogId, SecretId};
use sha2::{Digest, Sha256};

use super::envelope::{NONCE_BYTES, WRAPPED_BYTES, WrappedKey};
use super::keyring::Epoch;
use super::root::RootKey;
use super::shred::{self, Step};
use super::{KeystoreError, PutError};
use crate::log::disk::{self, DiskError};

const SLOT_BYTES: usize = 128;
const CHECKED_BYTES: usize = 96;
const MAGIC: &[u8; 24] = b"countersign keystore v2\0";
const FORMER_MAGIC: &[u8; 24] = b"countersign keystore v1\0";
const KIND_WRAPPED_KEY: u8 = 1;
type Slot = [u8; SLOT_BYTES];

/// The open file, at the end of which keys are appended.
#[derive(Debug)]
pub(super) struct KeystoreFile {
    path: PathBuf,
    file: File,
    epoch: u32,
    mac: hmac::Key,
    slots: u64,
    next_put: u64,
}

impl KeystoreFile {
    /// Opens the file, of which the header was read, and reads the keys in it. What a crash left of an
    /// append that never returned is cut off; any other damage is refused.
    pub(super) fn open(
        path: &Path,
        bytes: &[u8],
        header: &Header,
        root: &RootKey,
    ) -> Result<(Self, Vec<WrappedKey>), KeystoreError> {
        let (log_id, epoch) = (header.log_id, header.epoch);
        constant_time::verify_slices_are_equal(&header.check, &check_value(root, log_id, epoch))
            .map_err(|_| KeystoreError::WrongMasterKey(path.to_owned()))?;
        let mac = mac_key(root, log_id, epoch);
        let entries = Entries::read(path, bytes, epoch, &mac)?;
        let file = disk::open_or_create(path)?;
        let kept = (1 + entries.keys.len()) * SLOT_BYTES;
        if kept < bytes.len() {
            tracing::warn!(path = %path.display(), bytes = bytes.len() - kept, "cut off a torn append");
            file.set_len(kept as u64)
                .and_then(|()| file.sync_all())
                .map_err(DiskError::at("cut", path))?;
        }
        let slots = (kept / SLOT_BYTES) as u64;
        let next_put = entries.last_put + 1;
        let path = path.to_owned();
        Ok((Self { path, file, epoch, mac, slots, next_put }, entries.keys))
    }

    /// Writes a file of these keys in the place of the one that is there, of which nothing stays.
    pub(super) fn create(
        path: &Path,
        log_id: LogId,
        epoch: &Epoch,
        keys: &[WrappedKey],
        step: Step<'_>,
    ) -> Result<Self, DiskError> {
        let mac = mac_key(&epoch.key, log_id, epoch.number);
        let mut bytes = header(log_id, epoch);
        for key in keys {
            bytes.extend_from_slice(&encode(key, epoch.number, 1, &mac));
        }
        shred::replace(path, &bytes, step)?;
        let file = disk::open_or_create(path)?;
        let slots = 1 + keys.len() as u64;
        let next_put = if keys.is_empty() { 1 } else { 2 };
        Ok(Self { path: path.to_owned(), file, epoch: epoch.number, mac, slots, next_put })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What is durable of it, byte for byte.
    pub(super) fn read(&self) -> Result<Vec<u8>, DiskError> {
        let bytes = usize::try_from(self.slots).unwrap_or(usize::MAX).saturating_mul(SLOT_BYTES);
        let mut read = vec![0; bytes];
        self.file.read_exact_at(&mut read, 0).map_err(DiskError::at("read", &self.path))?;
        Ok(read)
    }

    /// Durable when it returns. After an append for which there was no room, the next
    /// one begins at the same slot.
    pub(super) fn append(&mut self, keys: &[WrappedKey]) -> Result<(), PutError> {
        if keys.is_empty() {
            return Ok(());
        }
        let slots: Vec<Slot> =
            keys.iter().map(|key| encode(key, self.epoch, self.next_put, &self.mac)).collect();
        self.file
            .write_all_at(slots.as_flattened(), self.slots * SLOT_BYTES as u64)
            .map_err(DiskError::at("append to", &self.path))
            .map_err(PutError::of)?;
        self.file
            .sync_data()
            .map_err(DiskError::at("sync", &self.path))
            .map_err(PutError::Fatal)?;
        self.slots += slots.len() as u64;
        self.next_put += 1;
        Ok(())
    }
}

/// Of which secrets a file has data keys, by its own word: without the key of the epoch nothing is
/// verified.
pub(super) fn secret_ids(bytes: &[u8]) -> impl Iterator<Item = SecretId> {
    let (slots, _) = bytes.as_chunks::<SLOT_BYTES>();
    slots.iter().skip(1).filter_map(|slot| {
        let (_, fields) = slot.split_at_checked(16)?;
        (slot.first() == Some(&KIND_WRAPPED_KEY)).then_some(())?;
        Fields(fields).take().map(SecretId::from_bytes)
    })
}

fn header(log_id: LogId, epoch: &Epoch) -> Vec<u8> {
    let mut header = Vec::with_capacity(SLOT_BYTES);
    header.extend_from_slice(MAGIC);
    header.extend_from_slice(&epoch.number.to_be_bytes());
    header.extend_from_slice(log_id.as_bytes());
    header.extend_from_slice(&check_value(&epoch.key, log_id, epoch.number));
    header.resize(CHECKED_BYTES, 0);
    let digest = Sha256::digest(&header);
    header.extend_from_slice(&digest);
    header
}

/// What a file says of itself.
pub(super) struct Header {
    /// It is from before there were keyrings, and keyed by the master key.
    pub(super) is_former: bool,
    pub(super) epoch: u32,
    log_id: LogId,
    check: [u8; 16],
}

impl Header {
    /// The header of a file, after checking that it is whole and of this log.
    pub(super) fn read(path: &Path, bytes: &[u8], log_id: LogId) -> Result<Self, KeystoreError> {
        let corrupt = |what| KeystoreError::Corrupt { path: path.to_owned(), offset: 0, what };
        let (checked, digest) = bytes
            .first_chunk::<SLOT_BYTES>()
            .and_then(|slot| slot.split_at_checked(CHECKED_BYTES))
            .ok_or_else(|| corrupt("the header is cut short"))?;
        if Sha256::digest(checked).as_slice() != digest {
            return Err(corrupt("the header's digest is wrong"));
        }
        let mut fields = Fields(checked);
        let magic = fields.take::<24>();
        if magic != Some(*MAGIC) && magic != Some(*FORMER_MAGIC) {
            return Err(corrupt("the format is not `countersign keystore v2`"));
        }
        let (Some(epoch), Some(found), Some(check)) =
            (fields.take().map(u32::from_be_bytes), fields.take(), fields.take::<16>())
        else {
            return Err(corrupt("the header is cut short"));
        };
        let found = LogId::from_bytes(found);
        if found != log_id {
            return Err(KeystoreError::Foreign { path: path.to_owned(), found, expected: log_id });
        }
        Ok(Self { is_former: magic == Some(*FORMER_MAGIC), epoch, log_id, check })
    }
}

/// The keys of a file up to its end or to the append that was torn.
struct Entries {
    keys: Vec<WrappedKey>,
    last_put: u64,
}

impl Entries {
    fn read(path: &Path, bytes: &[u8], epoch: u32, mac: &hmac::Key) -> Result<Self, KeystoreError> {
        let mut entries = Self { keys: Vec::new(), last_put: 0 };
        // The first slot that a crash left unwritten. All after it must be of one append.
        let mut torn = None;
        let mut torn_put = None;
        let (slots, _cut_short) = bytes.as_chunks::<SLOT_BYTES>();
        for (index, slot) in slots.iter().enumerate().skip(1) {
            let corrupt = |what| KeystoreError::Corrupt {
                path: path.to_owned(),
                offset: index * SLOT_BYTES,
                what,
            };
            if slot.iter().all(|byte| *byte == 0) {
                torn.get_or_insert(index);
                continue;
            }
            let (put, key) =
                decode(slot, epoch, mac).ok_or_else(|| corrupt("a wrapped key is altered"))?;
            if put < entries.last_put || put > entries.last_put + 1 {
                return Err(corrupt("a wrapped key is out of order"));
            }
            if torn.is_none() {
                entries.last_put = put;
                entries.keys.push(key);
            } else if *torn_put.get_or_insert(put) != put {
                return Err(corrupt("wrapped keys before it are gone"));
            }
        }
        Ok(entries)
    }
}

fn encode(key: &WrappedKey, epoch: u32, put: u64, mac: &hmac::Key) -> Slot {
    let mut bytes = Vec::with_capacity(SLOT_BYTES);
    bytes.extend_from_slice(&[KIND_WRAPPED_KEY, 0, 0, 0]);
    bytes.extend_from_slice(&epoch.to_be_bytes());
    bytes.extend_from_slice(&put.to_be_bytes());
    bytes.extend_from_slice(key.secret_id.as_bytes());
    bytes.extend_from_slice(&key.nonce);
    bytes.extend_from_slice(&key.wrapped);
    bytes.resize(CHECKED_BYTES, 0);
    let tag = hmac::sign(mac, &bytes);
    bytes.extend_from_slice(tag.as_ref());
    let mut slot = [0; SLOT_BYTES];
    slot.copy_from_slice(&bytes);
    slot
}

fn decode(slot: &Slot, epoch: u32, mac: &hmac::Key) -> Option<(u64, WrappedKey)> {
    let (checked, tag) = slot.split_at_checked(CHECKED_BYTES)?;
    hmac::verify(mac, checked, tag).ok()?;
    let mut fields = Fields(checked);
    if fields.take::<4>()? != [KIND_WRAPPED_KEY, 0, 0, 0] {
        return None;
    }
    let found_epoch = u32::from_be_bytes(fields.take()?);
    let put = u64::from_be_bytes(fields.take()?);
    let secret_id = SecretId::from_bytes(fields.take()?);
    let nonce = fields.take::<NONCE_BYTES>()?;
    let wrapped = fields.take::<WRAPPED_BYTES>()?;
    (found_epoch == epoch).then_some((put, WrappedKey { secret_id, nonce, wrapped }))
}

/// What tells the right key without telling anything of it.
fn check_value(root: &RootKey, log_id: LogId, epoch: u32) -> [u8; 16] {
    let derived = derive(root, b"countersign keystore check v1\0", log_id, epoch);
    let mut check = [0; 16];
    check.copy_from_slice(derived.split_at(16).0);
    check
}

fn mac_key(root: &RootKey, log_id: LogId, epoch: u32) -> hmac::Key {
    let bytes = derive(root, b"countersign keystore mac v1\0", log_id, epoch);
    hmac::Key::new(hmac::HMAC_SHA256, bytes.as_slice())
}

fn derive(
    root: &RootKey,
    purpose: &[u8],
    log_id: LogId,
    epoch: u32,
) -> zeroize::Zeroizing<[u8; 32]> {
    root.derive(&[purpose, log_id.as_bytes(), &epoch.to_be_bytes()])
}

/// Takes fields of fixed length off a slice.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl Fields<'_> {
    pub(super) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }
}
