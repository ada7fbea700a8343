//! The checkpoint: the newest head known to be durable, kept outside sled and signed, so
//! that a log which lost its end, or was changed, is found out. Its text has the form of a
//! C2SP signed note, which public tools verify. Owns the text, never the file.
//!
//! ```text
//! countersign log 000102030405060708090a0b0c0d0e0f
//! 4711
//! q8rqkWkVuXJQb+hX6oKj0cXrVYQw3vUsPv5IuOe0wHg=
//!
//! — countersign-000102030405060708090a0b0c0d0e0f <base64 of key id and Ed25519 signature>
//! ```

use std::fmt;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use countersign_shared::id::LogId;
use data_encoding::BASE64;
use sha2::{Digest, Sha256};

use super::{ChainHash, Head};
use crate::keystore::MasterKey;

/// The first byte of a note's key that says Ed25519.
const ALGORITHM_ED25519: u8 = 1;
const KEY_ID_BYTES: usize = 4;

/// Signs and verifies the checkpoints of one log.
pub(super) struct CheckpointKey {
    log_id: LogId,
    name: String,
    id: [u8; KEY_ID_BYTES],
    pair: Ed25519KeyPair,
}

/// What is wrong with a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum CheckpointError {
    #[error("it is not a checkpoint")]
    Malformed,
    #[error("it is of another log")]
    Foreign,
    #[error("its signature is not of this log's key: it was changed, or the master key is another")]
    Signature,
}

impl CheckpointKey {
    /// The key of a log. Whoever has the master key can derive it again.
    #[expect(clippy::expect_used, reason = "every 32 bytes are the seed of an Ed25519 key")]
    pub(super) fn derive(master: &MasterKey, log_id: LogId) -> Self {
        let seed = master.derive(&[b"countersign checkpoint key v1\0", log_id.as_bytes()]);
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_slice())
            .expect("32 bytes are the seed of an Ed25519 key");
        let name = format!("countersign-{log_id}");
        let digest = Sha256::new_with_prefix(&name)
            .chain_update([b'\n', ALGORITHM_ED25519])
            .chain_update(pair.public_key())
            .finalize();
        let mut id = [0; KEY_ID_BYTES];
        id.copy_from_slice(digest.split_at(KEY_ID_BYTES).0);
        Self { log_id, name, id, pair }
    }

    pub(super) fn sign(&self, head: Head) -> String {
        let text = self.text(head);
        let signature = self.pair.sign(text.as_bytes());
        let signature = BASE64.encode(&[&self.id, signature.as_ref()].concat());
        format!("{text}\n— {} {signature}\n", self.name)
    }

    pub(super) fn verify(&self, note: &str) -> Result<Head, CheckpointError> {
        let (text, signatures) = note.split_once("\n\n").ok_or(CheckpointError::Malformed)?;
        let mut lines = text.lines();
        let log_id: LogId = lines
            .next()
            .and_then(|origin| origin.strip_prefix("countersign log ")?.parse().ok())
            .ok_or(CheckpointError::Malformed)?;
        if log_id != self.log_id {
            return Err(CheckpointError::Foreign);
        }
        let head = parse_head(lines).ok_or(CheckpointError::Malformed)?;
        // What is verified is the one text that says this head, so nothing else can be hidden in it.
        let text = self.text(head);
        if note.strip_prefix(&text) != Some(&format!("\n{signatures}")) {
            return Err(CheckpointError::Malformed);
        }
        let signature = self.signature(signatures).ok_or(CheckpointError::Signature)?;
        UnparsedPublicKey::new(&ED25519, self.pair.public_key())
            .verify(text.as_bytes(), &signature)
            .map_err(|_| CheckpointError::Signature)?;
        Ok(head)
    }

    fn text(&self, head: Head) -> String {
        let hash = BASE64.encode(head.hash.as_bytes());
        format!("countersign log {}\n{}\n{hash}\n", self.log_id, head.revision)
    }

    fn signature(&self, signatures: &str) -> Option<Vec<u8>> {
        let line = signatures.strip_suffix('\n')?;
        let encoded = line.strip_prefix("— ")?.strip_prefix(&self.name)?.strip_prefix(' ')?;
        let bytes = BASE64.decode(encoded.as_bytes()).ok()?;
        let (id, signature) = bytes.split_at_checked(KEY_ID_BYTES)?;
        (id == self.id).then(|| signature.to_vec())
    }
}

fn parse_head<'a>(mut lines: impl Iterator<Item = &'a str>) -> Option<Head> {
    let revision = lines.next()?.parse().ok()?;
    let hash = BASE64.decode(lines.next()?.as_bytes()).ok()?;
    Some(Head { revision, hash: ChainHash::from_bytes(hash.try_into().ok()?) })
}

impl fmt::Debug for CheckpointKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckpointKey").field("log_id", &self.log_id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: LogId = LogId::from_bytes([7; 16]);

    fn key() -> CheckpointKey {
        CheckpointKey::derive(&MasterKey::from_bytes([3; 32]), LOG)
    }

    fn head() -> Head {
        Head::genesis(LOG).then(b"first")
    }

    #[test]
    fn the_text_is_pinned() {
        assert_eq!(key().sign(head()), include_str!("../../tests/log_checkpoint_golden.txt"));
        assert_eq!(key().verify(&key().sign(head())), Ok(head()));
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let note = key().sign(head());
        for bit in 0..note.len() * 8 {
            let mut bytes = note.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            if let Ok(changed) = String::from_utf8(bytes) {
                assert!(key().verify(&changed).is_err(), "{changed}");
            }
        }
    }

    #[test]
    fn another_log_and_another_master_key_are_told_apart() {
        let other_log = LogId::from_bytes([8; 16]);
        let foreign = CheckpointKey::derive(&MasterKey::from_bytes([3; 32]), other_log);
        assert_eq!(key().verify(&foreign.sign(head())), Err(CheckpointError::Foreign));
        let other_master = CheckpointKey::derive(&MasterKey::from_bytes([4; 32]), LOG);
        assert_eq!(key().verify(&other_master.sign(head())), Err(CheckpointError::Signature));
    }

    #[test]
    fn a_line_added_or_left_out_is_found() {
        let note = key().sign(head());
        let (text, signature) = note.split_once("\n\n").unwrap();
        for changed in [
            format!("{text}\nmore\n\n{signature}"),
            format!("{text}\n\n{signature}{signature}"),
            text.to_owned(),
            String::new(),
        ] {
            assert!(key().verify(&changed).is_err(), "{changed}");
        }
    }
}
