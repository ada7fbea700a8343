//! The envelope of a secret: a data key of its own encrypts it, and a key derived from
//! the master key wraps the data key. The ciphertext goes into the log, the wrapped data
//! key into the keystore; drop the latter and the secret is forgotten. Never on disk itself.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand;
use countersign_shared::id::{KeyId, LogId, SecretId};
use countersign_shared::secret::Secret;
use zeroize::Zeroizing;

use super::master::MasterKey;

const DATA_KEY_BYTES: usize = 32;
pub(super) const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
/// A data key, encrypted, with its tag.
pub(super) const WRAPPED_BYTES: usize = DATA_KEY_BYTES + TAG_BYTES;
/// The first byte of every ciphertext.
const CIPHERTEXT_VERSION: u8 = 1;

/// A secret as it rests: the ciphertext for its event, the wrapped data key for the keystore.
#[derive(Debug)]
pub struct Sealed {
    pub ciphertext: Vec<u8>,
    pub wrapped: WrappedKey,
}

/// A data key as it rests.
#[derive(Clone)]
pub struct WrappedKey {
    pub(super) secret_id: SecretId,
    /// Which master key wraps it: the first is 1, each rotation adds 1.
    pub(super) epoch: u32,
    pub(super) nonce: [u8; NONCE_BYTES],
    pub(super) wrapped: [u8; WRAPPED_BYTES],
}

impl WrappedKey {
    pub fn secret_id(&self) -> SecretId {
        self.secret_id
    }
}

impl fmt::Debug for WrappedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WrappedKey")
            .field("secret_id", &self.secret_id)
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}

/// What wraps data keys: derived from the master key for one log and one epoch.
pub(super) struct WrappingKey {
    log_id: LogId,
    epoch: u32,
    key: RandomizedNonceKey,
}

impl WrappingKey {
    pub(super) fn derive(
        master: &MasterKey,
        log_id: LogId,
        epoch: u32,
    ) -> Result<Self, Unspecified> {
        let bytes = master.derive(&[
            b"countersign wrapping key v1\0",
            log_id.as_bytes(),
            &epoch.to_be_bytes(),
        ]);
        Ok(Self { log_id, epoch, key: aes(bytes.as_slice())? })
    }

    pub(super) fn seal(
        &self,
        key: KeyId,
        secret_id: SecretId,
        secret: &Secret,
    ) -> Result<Sealed, Unspecified> {
        let mut data_key = Zeroizing::new([0; DATA_KEY_BYTES]);
        rand::fill(data_key.as_mut_slice())?;
        let (nonce, text) =
            encrypt(&aes(data_key.as_slice())?, &self.secret_aad(key, secret_id), secret)?;
        let parts: [&[u8]; 3] = [&[CIPHERTEXT_VERSION], nonce.as_ref(), &text];
        let ciphertext = parts.concat();
        Ok(Sealed { ciphertext, wrapped: self.wrap(secret_id, data_key)? })
    }

    pub(super) fn unseal(
        &self,
        wrapped: &WrappedKey,
        key: KeyId,
        ciphertext: &[u8],
    ) -> Result<Secret, Unspecified> {
        let Some((&CIPHERTEXT_VERSION, sealed)) = ciphertext.split_first() else {
            return Err(Unspecified);
        };
        let (nonce, text) = sealed.split_at_checked(NONCE_BYTES).ok_or(Unspecified)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce)?;
        let mut text = Zeroizing::new(text.to_vec());
        let data_key = self.unwrap(wrapped)?;
        let plain = aes(data_key.as_slice())?.open_in_place(
            nonce,
            Aad::from(self.secret_aad(key, wrapped.secret_id)),
            text.as_mut_slice(),
        )?;
        std::str::from_utf8(plain)
            .map(|plain| Secret::new(plain.to_owned()))
            .map_err(|_| Unspecified)
    }

    fn wrap(
        &self,
        secret_id: SecretId,
        mut data_key: Zeroizing<[u8; DATA_KEY_BYTES]>,
    ) -> Result<WrappedKey, Unspecified> {
        let aad = Aad::from(self.wrap_aad(secret_id));
        let (nonce, tag) = self.key.seal_in_place_separate_tag(aad, data_key.as_mut_slice())?;
        let mut wrapped = [0; WRAPPED_BYTES];
        let (key, rest) = wrapped.split_at_mut(DATA_KEY_BYTES);
        key.copy_from_slice(data_key.as_slice());
        rest.copy_from_slice(tag.as_ref());
        Ok(WrappedKey { secret_id, epoch: self.epoch, nonce: *nonce.as_ref(), wrapped })
    }

    fn unwrap(&self, key: &WrappedKey) -> Result<Zeroizing<[u8; DATA_KEY_BYTES]>, Unspecified> {
        let mut wrapped = Zeroizing::new(key.wrapped);
        let plain = self.key.open_in_place(
            Nonce::assume_unique_for_key(key.nonce),
            Aad::from(self.wrap_aad(key.secret_id)),
            wrapped.as_mut_slice(),
        )?;
        let mut data_key = Zeroizing::new([0; DATA_KEY_BYTES]);
        data_key.copy_from_slice(plain);
        Ok(data_key)
    }

    /// What a ciphertext is bound to: moved to another key or another log, it does not open.
    fn secret_aad(&self, key: KeyId, secret_id: SecretId) -> Vec<u8> {
        let bound: [&[u8]; 4] = [
            b"countersign secret v1\0",
            self.log_id.as_bytes(),
            key.as_bytes(),
            secret_id.as_bytes(),
        ];
        bound.concat()
    }

    fn wrap_aad(&self, secret_id: SecretId) -> Vec<u8> {
        let bound: [&[u8]; 4] = [
            b"countersign data key v1\0",
            self.log_id.as_bytes(),
            &self.epoch.to_be_bytes(),
            secret_id.as_bytes(),
        ];
        bound.concat()
    }
}

fn encrypt(
    key: &RandomizedNonceKey,
    aad: &[u8],
    secret: &Secret,
) -> Result<(Nonce, Zeroizing<Vec<u8>>), Unspecified> {
    let plain = secret.expose().as_bytes();
    // Room for the tag from the start, so that the plain text is never moved and left behind.
    let mut text = Zeroizing::new(Vec::with_capacity(plain.len() + TAG_BYTES));
    text.extend_from_slice(plain);
    let nonce = key.seal_in_place_append_tag(Aad::from(aad), &mut *text)?;
    Ok((nonce, text))
}

fn aes(key: &[u8]) -> Result<RandomizedNonceKey, Unspecified> {
    RandomizedNonceKey::new(&AES_256_GCM, key)
}
