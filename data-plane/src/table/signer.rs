//! A signature key as a node holds it: prepared to sign, the secret's text no longer kept
//! where the scheme allows that. It never reads a clock and never alters a request.

use std::fmt;

use countersign_shared::id::KeyId;
use countersign_shared::key::SignatureKeyType;
use countersign_shared::secret::{Fingerprint, Secret};
use countersign_shared::signing::{BasicSigner, HmacSigner};
use http::HeaderValue;

/// Signs for all routes that are bound to one signature key.
pub enum Signer {
    Hmac(HmacSigner),
    /// The whole `Authorization` value, the same for every request.
    Basic(HeaderValue),
}

/// A signature key as a node holds it: what it signs with, and what may be shown of it.
#[derive(Debug)]
pub struct SignatureKey {
    pub id: KeyId,
    pub key_type: SignatureKeyType,
    /// What the backend knows the secret by.
    pub key: Box<str>,
    pub fingerprint: Fingerprint,
    pub signer: Signer,
}

impl SignatureKey {
    pub fn new(
        id: KeyId,
        key_type: SignatureKeyType,
        key: &str,
        secret: &Secret,
    ) -> Result<Self, InvalidSigner> {
        let signer = Signer::new(key_type, key, secret)?;
        Ok(Self { id, key_type, key: key.into(), fingerprint: secret.fingerprint(), signer })
    }
}

/// The key or secret cannot stand in a header.
#[derive(Debug, thiserror::Error)]
#[error("the key or its secret holds characters that cannot stand in a header")]
pub struct InvalidSigner;

impl Signer {
    pub fn new(
        key_type: SignatureKeyType,
        key: &str,
        secret: &Secret,
    ) -> Result<Self, InvalidSigner> {
        match key_type {
            SignatureKeyType::Hmac => {
                let visible = key.bytes().all(|b| b.is_ascii_graphic());
                if visible {
                    Ok(Self::Hmac(HmacSigner::new(key, secret)))
                } else {
                    Err(InvalidSigner)
                }
            }
            SignatureKeyType::Basic => {
                let mut value =
                    HeaderValue::from_str(BasicSigner::new(key, secret).authorization())
                        .map_err(|_| InvalidSigner)?;
                value.set_sensitive(true);
                Ok(Self::Basic(value))
            }
        }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hmac(_) => "Signer::Hmac(redacted)",
            Self::Basic(_) => "Signer::Basic(redacted)",
        })
    }
}
