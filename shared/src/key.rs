//! Signature keys: type, key, and the version of the secret in force. The secret itself is here
//! only as ciphertext; its data key is in the control plane's keystore.

use std::sync::Arc;

use crate::id::{KeyId, SecretId};
use crate::secret::Fingerprint;
use crate::state::Stamp;
use crate::text::{KeyName, KeyText};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SignatureKeyType {
    /// `Authorization: SDK-HMAC-SHA256 …`
    Hmac,
    /// `Authorization: Basic …`
    Basic,
}

/// A secret as it is stored: sealed, and known by its fingerprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedSecret {
    pub secret_id: SecretId,
    pub fingerprint: Fingerprint,
    pub ciphertext: Arc<[u8]>,
    /// Whether the control plane made it up.
    pub generated: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretVersion {
    /// 1 for the first secret of a key, one more for each that replaced it.
    pub number: u32,
    pub sealed: SealedSecret,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureKey {
    pub id: KeyId,
    pub name: KeyName,
    pub key_type: SignatureKeyType,
    pub key: KeyText,
    pub secret: SecretVersion,
    pub created: Stamp,
    pub updated: Stamp,
}
