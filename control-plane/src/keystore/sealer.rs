//! Sealing and unsealing on any thread, and what leaves for the nodes. Never holds a plain secret
//! longer than a call. What it opens with, the keystore alone changes.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use countersign_delivery::{
    Bound as Delivered, DeliveryKey, DeliveryRoot, HandOver, NotSealed, hand_over,
};
use countersign_shared::id::{EnvironmentId, KeyId, LogId, SecretId};
use countersign_shared::key::SignatureKey;
use countersign_shared::secret::Secret;

use super::envelope::{Bound, DataKey, Sealed, WrappedKey, WrappingKey};
use super::keyring::Keyring;
use super::{KeystoreError, SealError, UnsealError};

/// Seals and unseals secrets, on any thread.
#[derive(Clone)]
pub struct Sealer(Arc<Shared>);

struct Shared {
    log_id: LogId,
    delivery: DeliveryRoot,
    opening: RwLock<Opening>,
}

/// What the stored data keys open with. Changes as a whole.
pub(super) struct Opening {
    pub(super) wrapping: WrappingKey,
    pub(super) keys: HashMap<SecretId, WrappedKey>,
}

impl Sealer {
    pub(super) fn of(
        ring: &Keyring,
        keys: impl IntoIterator<Item = WrappedKey>,
    ) -> Result<Self, KeystoreError> {
        let (log_id, epoch) = (ring.log_id, &ring.epoch);
        let wrapping = WrappingKey::derive(&epoch.key, log_id, epoch.number)
            .map_err(|_| KeystoreError::Crypto)?;
        let keys = keys.into_iter().map(|key| (key.secret_id, key)).collect();
        let delivery = DeliveryRoot::new(ring.delivery_root.bytes_zeroizing());
        let opening = RwLock::new(Opening { wrapping, keys });
        Ok(Self(Arc::new(Shared { log_id, delivery, opening })))
    }

    /// Encrypts a secret under a new data key, bound to this log, the key and the secret's id.
    pub fn seal(
        &self,
        key: KeyId,
        secret_id: SecretId,
        secret: &Secret,
    ) -> Result<Sealed, SealError> {
        let bound = Bound { log_id: self.0.log_id, key, secret_id };
        DataKey::seal(bound, secret).map_err(|_| SealError)
    }

    /// Decrypts a secret whose data key has been put.
    pub fn unseal(
        &self,
        key: KeyId,
        secret_id: SecretId,
        ciphertext: &[u8],
    ) -> Result<Secret, UnsealError> {
        let opening = self.opening();
        let wrapped = opening.keys.get(&secret_id).ok_or(UnsealError::NoDataKey(secret_id))?;
        let data_key = opening.wrapping.unwrap(wrapped);
        drop(opening);
        let bound = Bound { log_id: self.0.log_id, key, secret_id };
        data_key
            .and_then(|data_key| data_key.open(bound, ciphertext))
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
        let bound = Delivered {
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
        self.opening().keys.contains_key(&secret_id)
    }

    pub(super) fn opening(&self) -> RwLockReadGuard<'_, Opening> {
        self.0.opening.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn change(&self) -> RwLockWriteGuard<'_, Opening> {
        self.0.opening.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer")
    }
}
