//! A key from which others are derived: 256 random bits. The master key is one, and so is the key of
//! an epoch. Never written anywhere in plain.

use std::fmt;

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::{hkdf, rand};
use zeroize::Zeroizing;

pub(super) const KEY_BYTES: usize = 32;

/// Overwritten when dropped.
pub(super) struct RootKey(Zeroizing<[u8; KEY_BYTES]>);

impl RootKey {
    pub(super) fn new(bytes: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        Self(bytes)
    }

    pub(super) fn random() -> Result<Self, Unspecified> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        rand::fill(bytes.as_mut_slice())?;
        Ok(Self(bytes))
    }

    /// For where it is sealed itself.
    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    pub(super) fn bytes_zeroizing(&self) -> Zeroizing<[u8; KEY_BYTES]> {
        self.0.clone()
    }

    /// A second one of the same bits: of those that have to outlive a call there are few.
    pub(super) fn copy(&self) -> Self {
        Self(self.0.clone())
    }

    /// The key for one purpose. The parts are a constant that ends in a zero byte and
    /// fields of fixed length, so that two purposes never run into the same bytes.
    #[expect(clippy::expect_used, reason = "32 bytes are within HKDF's limit of 255 × 32")]
    pub(super) fn derive(&self, purpose: &[&[u8]]) -> Zeroizing<[u8; KEY_BYTES]> {
        let mut derived = Zeroizing::new([0; KEY_BYTES]);
        hkdf::Salt::new(hkdf::HKDF_SHA256, b"countersign")
            .extract(self.0.as_slice())
            .expand(purpose, hkdf::HKDF_SHA256)
            .and_then(|key| key.fill(derived.as_mut_slice()))
            .expect("HKDF gives 32 bytes");
        derived
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootKey(redacted)")
    }
}
