//! A secret in memory: never cloned, printed or serialised, compared in constant time,
//! overwritten when dropped. `expose` is the one way to its text, and a test lists who calls it.

use std::fmt;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The secret half of a signature key.
pub struct Secret(Zeroizing<Box<str>>);

impl Secret {
    pub fn new(text: String) -> Self {
        let text = Zeroizing::new(text);
        Self(Zeroizing::new(Box::from(text.as_str())))
    }

    /// The plain text, for the few places that must have it: sealing, signing, the stream to a node.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is none, which no signature key has.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn fingerprint(&self) -> Fingerprint {
        // In one place until it is overwritten: each move of a hasher leaves the secret on the stack,
        // for what is shorter than a block is kept in it.
        let mut hasher = Sha256::new_with_prefix(b"countersign secret fingerprint v1\0");
        hasher.update(self.0.as_bytes());
        let digest = hasher.finalize_reset();
        let mut first = [0; 6];
        first.iter_mut().zip(digest).for_each(|(byte, hashed)| *byte = hashed);
        Fingerprint(first)
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

/// What is shown instead of a secret: the first 12 hex digits of SHA-256 over a domain tag and the secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; 6]);

impl Fingerprint {
    /// Reads the 12 hex digits back, as a stored event holds them.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_tells_nothing() {
        assert_eq!(format!("{:?}", Secret::new("hunter2hunter2".into())), "Secret(redacted)");
    }

    #[test]
    fn the_fingerprint_is_twelve_hex_digits_and_pinned() {
        let print = Secret::new("signature_secret1".into()).fingerprint();
        assert_eq!(print.to_string().len(), 12);
        assert_eq!(Fingerprint::parse(&print.to_string()), Some(print));
        assert_ne!(print, Secret::new("signature_secret2".into()).fingerprint());
    }
}
