//! The envelope of a secret: a data key of its own encrypts it, and a key derived from that of the
//! epoch wraps the data key. The ciphertext goes into the log, the wrapped data key into the
//! keystore; drop the latter, and the epoch, and the secret is forgotten. Never on disk itself.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand;
use countersign_shared::id::{KeyId, LogId, SecretId};
use countersign_shared::secret::Secret;
use zeroize::Zeroizing;

use super::root::{KEY_BYTES, RootKey};

pub(super) const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
/// A data key, encrypted, with its tag.
pub(super) const WRAPPED_BYTES: usize = KEY_BYTES + TAG_BYTES;
/// The first byte of every ciphertext.
const CIPHERTEXT_VERSION: u8 = 1;

/// A secret as it rests: the ciphertext for its event, and the data key for the keystore.
#[derive(Debug)]
pub struct Sealed {
    pub ciphertext: Vec<u8>,
    pub data_key: DataKey,
}

/// What opens one version of a secret. In memory only on its way to the keystore, which wraps it.
#[derive(Clone)]
pub struct DataKey {
    secret_id: SecretId,
    bytes: Zeroizing<[u8; KEY_BYTES]>,
}

impl DataKey {
    pub fn secret_id(&self) -> SecretId {
        self.secret_id
    }

    /// Encrypts a secret under a new key, bound to this log, the key and the secret's id.
    pub(super) fn seal(bound: Bound, secret: &Secret) -> Result<Sealed, Unspecified> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        rand::fill(bytes.as_mut_slice())?;
        let (nonce, text) = encrypt(&aes(bytes.as_slice())?, &bound.aad(), secret)?;
        let parts: [&[u8]; 3] = [&[CIPHERTEXT_VERSION], nonce.as_ref(), &text];
        let data_key = Self { secret_id: bound.secret_id, bytes };
        Ok(Sealed { ciphertext: parts.concat(), data_key })
    }

    pub(super) fn open(&self, bound: Bound, ciphertext: &[u8]) -> Result<Secret, Unspecified> {
        let Some((&CIPHERTEXT_VERSION, sealed)) = ciphertext.split_first() else {
            return Err(Unspecified);
        };
        let (nonce, text) = sealed.split_at_checked(NONCE_BYTES).ok_or(Unspecified)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce)?;
        let mut text = Zeroizing::new(text.to_vec());
        let aad = Aad::from(bound.aad());
        let plain = aes(self.bytes.as_slice())?.open_in_place(nonce, aad, text.as_mut_slice())?;
        std::str::from_utf8(plain)
            .map(|plain| Secret::new(plain.to_owned()))
            .map_err(|_| Unspecified)
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataKey").field("secret_id", &self.secret_id).finish_non_exhaustive()
    }
}

/// What a ciphertext is bound to: moved to another key or another log, it does not open.
#[derive(Clone, Copy)]
pub(super) struct Bound {
    pub(super) log_id: LogId,
    pub(super) key: KeyId,
    pub(super) secret_id: SecretId,
}

impl Bound {
    fn aad(&self) -> Vec<u8> {
        let bound: [&[u8]; 4] = [
            b"countersign secret v1\0",
            self.log_id.as_bytes(),
            self.key.as_bytes(),
            self.secret_id.as_bytes(),
        ];
        bound.concat()
    }
}

/// A data key as it rests.
#[derive(Clone)]
pub(super) struct WrappedKey {
    pub(super) secret_id: SecretId,
    pub(super) nonce: [u8; NONCE_BYTES],
    pub(super) wrapped: [u8; WRAPPED_BYTES],
}

/// What wraps data keys: derived from the key of an epoch.
pub(super) struct WrappingKey {
    log_id: LogId,
    epoch: u32,
    key: RandomizedNonceKey,
}

impl WrappingKey {
    pub(super) fn derive(root: &RootKey, log_id: LogId, epoch: u32) -> Result<Self, Unspecified> {
        let bytes = root.derive(&[
            b"countersign wrapping key v1\0",
            log_id.as_bytes(),
            &epoch.to_be_bytes(),
        ]);
        Ok(Self { log_id, epoch, key: aes(bytes.as_slice())? })
    }

    pub(super) fn wrap(&self, data_key: &DataKey) -> Result<WrappedKey, Unspecified> {
        let secret_id = data_key.secret_id;
        let mut wrapped = [0; WRAPPED_BYTES];
        let (text, end) = wrapped.split_at_mut(KEY_BYTES);
        text.copy_from_slice(data_key.bytes.as_slice());
        let aad = Aad::from(self.aad(secret_id));
        let (nonce, tag) = self.key.seal_in_place_separate_tag(aad, text)?;
        end.copy_from_slice(tag.as_ref());
        Ok(WrappedKey { secret_id, nonce: *nonce.as_ref(), wrapped })
    }

    pub(super) fn unwrap(&self, key: &WrappedKey) -> Result<DataKey, Unspecified> {
        let mut wrapped = Zeroizing::new(key.wrapped);
        let plain = self.key.open_in_place(
            Nonce::assume_unique_for_key(key.nonce),
            Aad::from(self.aad(key.secret_id)),
            wrapped.as_mut_slice(),
        )?;
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        bytes.copy_from_slice(plain);
        Ok(DataKey { secret_id: key.secret_id, bytes })
    }

    fn aad(&self, secret_id: SecretId) -> Vec<u8> {
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
