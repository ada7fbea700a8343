//! The keys under which secrets travel, and the sealing of a secret. The same secret gives the same
//! bytes each time: digests are sums over what is sent, and what is sent is encoded anew for each
//! snapshot and after each restart.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, Prk};
use countersign_shared::id::{EnvironmentId, KeyId, SecretId};
use countersign_shared::key::SignatureKeyType;
use countersign_shared::secret::Secret;
use zeroize::Zeroizing;

use crate::{NotOpened, NotSealed};

pub const KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 16;

/// What all delivery keys of a log come from. The control plane's alone.
pub struct DeliveryRoot(Zeroizing<[u8; KEY_BYTES]>);

/// Opens the secrets of one environment.
pub struct DeliveryKey(Zeroizing<[u8; KEY_BYTES]>);

/// What a sealed secret is sealed for. It opens as nothing else: not as another key's, nor as an
/// earlier version, nor as a password where it was made to sign with.
#[derive(Debug, Clone, Copy)]
pub struct Bound<'b> {
    pub key_id: KeyId,
    pub key_type: SignatureKeyType,
    /// What the backend knows the secret by.
    pub key: &'b str,
    pub secret_id: SecretId,
    pub secret_version: u32,
}

impl DeliveryRoot {
    pub fn new(bytes: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        Self(bytes)
    }

    pub fn key_of(&self, environment: EnvironmentId) -> Result<DeliveryKey, NotSealed> {
        let purpose: [&[u8]; 2] = [b"countersign delivery key v1\0", environment.as_bytes()];
        derive(&self.0, &purpose).map(DeliveryKey).map_err(|_| NotSealed)
    }
}

impl DeliveryKey {
    pub fn from_bytes(bytes: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        Self(bytes)
    }

    /// For where it is sealed itself.
    pub fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    pub fn seal(&self, bound: &Bound<'_>, secret: &Secret) -> Result<Vec<u8>, NotSealed> {
        let plain = secret.expose().as_bytes();
        // Room for the tag from the start, so that the plain text is never moved and left behind.
        let mut text = Zeroizing::new(Vec::with_capacity(plain.len() + TAG_BYTES));
        text.extend_from_slice(plain);
        let sealed = self
            .of(bound)
            .and_then(|key| key.seal_in_place_append_tag(only_nonce(), Aad::empty(), &mut *text));
        sealed.map(|()| std::mem::take(&mut *text)).map_err(|_| NotSealed)
    }

    pub fn open(&self, bound: &Bound<'_>, sealed: &[u8]) -> Result<Secret, NotOpened> {
        let mut text = Zeroizing::new(sealed.to_vec());
        let key = self.of(bound).map_err(|_| NotOpened)?;
        let plain = key.open_in_place(only_nonce(), Aad::empty(), text.as_mut_slice());
        let plain = std::str::from_utf8(plain.map_err(|_| NotOpened)?).map_err(|_| NotOpened)?;
        Ok(Secret::new(plain.to_owned()))
    }

    /// All that binds goes into the key and nothing into the associated data. So whatever of it may
    /// ever change for a secret, no key seals two texts, and the one nonce is used once with each.
    fn of(&self, bound: &Bound<'_>) -> Result<LessSafeKey, Unspecified> {
        let key_type = match bound.key_type {
            SignatureKeyType::Hmac => 1,
            SignatureKeyType::Basic => 2,
        };
        // Only the last one has no fixed length.
        let purpose: [&[u8]; 6] = [
            b"countersign delivered secret v1\0",
            bound.key_id.as_bytes(),
            bound.secret_id.as_bytes(),
            &bound.secret_version.to_be_bytes(),
            &[key_type],
            bound.key.as_bytes(),
        ];
        let key = derive(&self.0, &purpose)?;
        Ok(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_slice())?))
    }
}

/// From a key that is random in all its bits, so that nothing has to be extracted first.
fn derive(
    from: &[u8; KEY_BYTES],
    purpose: &[&[u8]],
) -> Result<Zeroizing<[u8; KEY_BYTES]>, Unspecified> {
    let mut derived = Zeroizing::new([0; KEY_BYTES]);
    Prk::new_less_safe(HKDF_SHA256, from)
        .expand(purpose, HKDF_SHA256)?
        .fill(derived.as_mut_slice())?;
    Ok(derived)
}

fn only_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

impl fmt::Debug for DeliveryRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeliveryRoot(redacted)")
    }
}

impl fmt::Debug for DeliveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeliveryKey(redacted)")
    }
}
