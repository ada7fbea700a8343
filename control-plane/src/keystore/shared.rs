//! What replicas of one control plane share of their keystores: one keyring, which the master key
//! wraps and each takes its own from, and every data key once more, wrapped under the epoch of that
//! keyring. Where it lies is another's business. Each replica's own files stay what they are, and
//! what is in them needs nothing of this to be opened.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use countersign_shared::id::{LogId, SecretId};

use super::envelope::{DataKey, NONCE_BYTES, WRAPPED_BYTES, WrappedKey, WrappingKey};
use super::file::Fields;
use super::keyring::{self, Keyring};
use super::{Keystore, KeystoreError, MasterKey, PutError, Sealer, shred};
use crate::log::disk;

/// Where replicas share what they hold. What is put there is durable when the call returns.
pub trait SharedKeys: Send {
    /// Where it is, for messages.
    fn place(&self) -> String;

    fn keyring(&self) -> Result<Option<Vec<u8>>, Unreached>;

    /// Makes it the keyring of all, unless there is one. Returns the one there is.
    fn claim_keyring(&self, candidate: Vec<u8>) -> Result<Vec<u8>, Unreached>;

    fn put(&self, keys: Vec<(SecretId, Vec<u8>)>) -> Result<(), Unreached>;

    fn get(&self, id: SecretId) -> Result<Option<Vec<u8>>, Unreached>;

    fn all(&self) -> Result<Vec<(SecretId, Vec<u8>)>, Unreached>;

    /// Removes keys, if the leader is still the one of this time.
    fn remove(&self, fence: i64, ids: &[SecretId]) -> Result<(), Unreached>;
}

/// It does not answer; nobody knows whether it did what it was asked for.
#[derive(Debug, thiserror::Error)]
#[error("the data keys that replicas share cannot be reached: {0}")]
pub struct Unreached(pub String);

/// The way to what is shared.
pub(super) struct Sharing {
    store: Box<dyn SharedKeys>,
    wrapping: WrappingKey,
}

impl Keystore {
    /// Opens the keystore of a replica, or makes it from what is shared.
    pub fn open_shared(
        path: &Path,
        master: &MasterKey,
        log_id: LogId,
        store: Box<dyn SharedKeys>,
    ) -> Result<Self, KeystoreError> {
        let ring_path = keyring::path_beside(path);
        let place = PathBuf::from(store.place());
        let shared = if let Some(bytes) = store.keyring()? {
            bytes
        } else {
            let ring = match Keyring::read(&ring_path, master, log_id)? {
                Some(own) => own,
                None => Keyring::random(master, log_id).map_err(|_| KeystoreError::Crypto)?,
            };
            store.claim_keyring(ring.encode().map_err(|_| KeystoreError::Crypto)?)?
        };
        let ring = Keyring::of(&place, &shared, master, log_id)?;
        if disk::read_if_there(&ring_path)?.is_none() && disk::read_if_there(path)?.is_none() {
            shred::replace(&ring_path, &shared, &mut || {})?;
        }
        let mut keystore = Self::open(path, master, log_id)?;
        if *keystore.checkpoint_seed() != *ring.checkpoint_seed.bytes() {
            return Err(KeystoreError::OtherKeyring { path: ring_path, place });
        }
        let wrapping = WrappingKey::derive(&ring.epoch.key, log_id, ring.epoch.number)
            .map_err(|_| KeystoreError::Crypto)?;
        keystore.sharing = Some(Sharing { store, wrapping });
        Ok(keystore)
    }

    /// Whether other replicas have the same data keys.
    pub fn is_shared(&self) -> bool {
        self.sharing.is_some()
    }

    /// Takes the data keys of these secrets from the other replicas. Returns whether none is missing,
    /// which one is that was forgotten meanwhile.
    pub fn fetch(&mut self, ids: &[SecretId]) -> Result<bool, KeystoreError> {
        let Some(sharing) = &self.sharing else { return Ok(true) };
        let lacking = ids.iter().filter(|id| !self.sealer.contains(**id));
        let mut found = Vec::new();
        let mut missing = false;
        for id in lacking {
            match sharing.store.get(*id)? {
                Some(bytes) => found.push(sharing.unwrap(*id, &bytes)?),
                None => missing = true,
            }
        }
        self.store(&found)?;
        Ok(!missing)
    }

    /// Has the other replicas find only the data keys of secrets that live.
    pub fn forget_shared(&self, living: &HashSet<SecretId>, fence: i64) -> Result<(), Unreached> {
        let Some(sharing) = &self.sharing else { return Ok(()) };
        let ids = sharing.store.all()?.into_iter().map(|(id, _)| id);
        let dead: Vec<SecretId> = ids.filter(|id| !living.contains(id)).collect();
        sharing.store.remove(fence, &dead)
    }

    /// Takes all data keys that other replicas have put there. To be done when the log is read, for those
    /// of its secrets were there before their events.
    pub fn take_shared(&mut self) -> Result<(), KeystoreError> {
        let Some(sharing) = &self.sharing else { return Ok(()) };
        let there = sharing.store.all()?;
        let lacking = there.iter().filter(|(id, _)| !self.sealer.contains(*id));
        let taken = lacking.map(|(id, bytes)| sharing.unwrap(*id, bytes));
        let taken = taken.collect::<Result<Vec<_>, _>>()?;
        self.store(&taken)?;
        Ok(())
    }
}

/// What replicas share, as it is moved to where they share it.
pub(crate) struct Shared {
    pub(crate) keyring: Vec<u8>,
    pub(crate) keys: Vec<(SecretId, Vec<u8>)>,
}

impl Keystore {
    /// What replicas are to share of it, of the secrets that live.
    pub(crate) fn to_share(&self, living: &HashSet<SecretId>) -> Result<Shared, KeystoreError> {
        let keyring = self.ring.encode().map_err(|_| KeystoreError::Crypto)?;
        let opening = self.sealer.opening();
        // They are wrapped under the epoch of this very keyring.
        let keys = opening.keys.values().filter(|key| living.contains(&key.secret_id)).map(encode);
        Ok(Shared { keyring, keys: keys.collect() })
    }

    /// What opens with what is shared at a place, and with nothing else.
    pub(crate) fn sealer_of_shared(
        store: &dyn SharedKeys,
        master: &MasterKey,
        log_id: LogId,
    ) -> Result<Sealer, KeystoreError> {
        let place = PathBuf::from(store.place());
        let ring = Keyring::of(&place, &store.keyring()?.unwrap_or_default(), master, log_id)?;
        let keys = store.all()?.into_iter().map(|(id, bytes)| decode(&place, id, &bytes));
        Sealer::of(&ring, keys.collect::<Result<Vec<_>, _>>()?)
    }
}

fn encode(key: &WrappedKey) -> (SecretId, Vec<u8>) {
    (key.secret_id, [&key.nonce[..], &key.wrapped[..]].concat())
}

fn decode(place: &Path, secret_id: SecretId, bytes: &[u8]) -> Result<WrappedKey, KeystoreError> {
    let mut fields = Fields(bytes);
    let nonce = fields.take::<NONCE_BYTES>();
    let key = nonce.zip(fields.take::<WRAPPED_BYTES>());
    key.map(|(nonce, wrapped)| WrappedKey { secret_id, nonce, wrapped })
        .ok_or_else(|| broken(place))
}

fn broken(place: &Path) -> KeystoreError {
    let what = "a shared data key does not open";
    KeystoreError::Corrupt { path: place.to_owned(), offset: 0, what }
}

impl Sharing {
    pub(super) fn put(&self, keys: &[DataKey]) -> Result<(), PutError> {
        let wrapped = keys.iter().map(|key| {
            self.wrapping.wrap(key).map(|key| encode(&key)).map_err(|_| PutError::Crypto)
        });
        Ok(self.store.put(wrapped.collect::<Result<Vec<_>, PutError>>()?)?)
    }

    fn unwrap(&self, secret_id: SecretId, bytes: &[u8]) -> Result<DataKey, KeystoreError> {
        let place = PathBuf::from(self.store.place());
        let key = decode(&place, secret_id, bytes)?;
        self.wrapping.unwrap(&key).map_err(|_| broken(&place))
    }
}
