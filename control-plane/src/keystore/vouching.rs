//! With what the replicas of a log vouch to one another for who called them: a key that follows from
//! the keyring that they share, and that nobody else has.

use std::fmt;

use aws_lc_rs::hmac;

use super::Keystore;

pub struct Vouching(hmac::Key);

impl Keystore {
    pub fn vouching(&self) -> Vouching {
        let purpose: [&[u8]; 2] = [b"countersign forwarded call v1\0", self.ring.log_id.as_bytes()];
        let key = self.ring.checkpoint_seed.derive(&purpose);
        Vouching(hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()))
    }
}

impl Vouching {
    pub fn tag(&self, bytes: &[u8]) -> Vec<u8> {
        hmac::sign(&self.0, bytes).as_ref().to_vec()
    }

    /// Whether a replica of this log made the tag for these bytes.
    pub fn is_ours(&self, bytes: &[u8], tag: &[u8]) -> bool {
        hmac::verify(&self.0, bytes, tag).is_ok()
    }
}

impl fmt::Debug for Vouching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vouching(redacted)")
    }
}
