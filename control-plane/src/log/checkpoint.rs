//! The checkpoint: what a log was at a revision, signed and kept outside it, so that a log which
//! lost its end, or was changed, is found out. Its text has the form of C2SP tlog-checkpoint,
//! which public tools verify. Owns the text, never the file.
//!
//! ```text
//! countersign/log/000102030405060708090a0b0c0d0e0f
//! 4711
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//! chain q8rqkWkVuXJQb+hX6oKj0cXrVYQw3vUsPv5IuOe0wHg=
//!
//! — countersign/log/000102030405060708090a0b0c0d0e0f <base64 of key id and Ed25519 signature>
//! ```
//!
//! The origin, which is the key's name too; how many records there are; the root of the tree over
//! them; and the chain's hash at the last, which nodes and frames know. A checkpoint of before
//! the tree has `countersign log <id>` as its first line and the chain's hash in the root's place.

use std::fmt;

use countersign_shared::id::LogId;
use data_encoding::BASE64;
use zeroize::Zeroizing;

use super::note::{NoteError, NoteKey, VerifierKey};
use super::{ChainHash, Head, TreeHash};
use crate::keystore::MasterKey;

/// What a log was at a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    pub log_id: LogId,
    pub head: Head,
    /// None in a checkpoint of before the tree.
    pub root: Option<TreeHash>,
}

/// Signs the checkpoints of one log.
pub struct CheckpointKey {
    log_id: LogId,
    note: NoteKey,
}

/// What is wrong with a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    #[error("it is not a checkpoint")]
    Malformed,
    #[error("it is of another log")]
    Foreign,
    #[error("its signature is not of this log's key: it was changed, or the master key is another")]
    Signature,
}

impl CheckpointKey {
    /// The key of a log, from the seed in its keyring: it outlives every master key, for auditors
    /// have pinned what verifies it.
    pub fn from_seed(seed: &Zeroizing<[u8; 32]>, log_id: LogId) -> Self {
        Self { log_id, note: NoteKey::from_seed(origin(log_id), seed) }
    }

    /// As it was derived before there were keyrings, and is where there is none.
    pub fn derive(master: &MasterKey, log_id: LogId) -> Self {
        let seed = master.derive(&[b"countersign checkpoint key v1\0", log_id.as_bytes()]);
        Self::from_seed(&seed, log_id)
    }

    pub fn log_id(&self) -> LogId {
        self.log_id
    }

    /// What verifies its checkpoints, for those who have no master key.
    pub fn verifier(&self) -> &VerifierKey {
        self.note.verifier()
    }

    pub fn sign(&self, head: Head, root: TreeHash) -> String {
        self.note.sign(&text(self.log_id, head, root))
    }
}

impl Checkpoint {
    /// The checkpoint that a note says, once its signature is verified.
    pub fn open(note: &str, key: &VerifierKey) -> Result<Self, CheckpointError> {
        let (checkpoint, text) = Self::parse(note).ok_or(CheckpointError::Malformed)?;
        if origin(checkpoint.log_id) != key.name() {
            return Err(CheckpointError::Foreign);
        }
        let key = match checkpoint.root {
            Some(_) => key.clone(),
            None => key.named(former_name(checkpoint.log_id)),
        };
        // What is verified is the one text that says this, so nothing else can be hidden in it.
        match key.verify(note) {
            Ok(verified) if verified == text => Ok(checkpoint),
            Ok(_) | Err(NoteError::Malformed) => Err(CheckpointError::Malformed),
            Err(NoteError::Signature) => Err(CheckpointError::Signature),
        }
    }

    /// What a note says, whoever signed it: for those who only need to know of what it is.
    pub fn unverified(note: &str) -> Result<Self, CheckpointError> {
        Self::parse(note).map(|(checkpoint, _)| checkpoint).ok_or(CheckpointError::Malformed)
    }

    /// What a note says, whoever signed it, and the text that says it.
    fn parse(note: &str) -> Option<(Self, String)> {
        let mut lines = note.lines();
        let origin = lines.next()?;
        let revision = lines.next()?.parse().ok()?;
        let hash = lines.next()?;
        if let Some(log_id) = origin.strip_prefix("countersign log ") {
            let log_id = log_id.parse().ok()?;
            let head = Head { revision, hash: ChainHash::from_bytes(bytes(hash)?) };
            return Some((Self { log_id, head, root: None }, former_text(log_id, head)));
        }
        let log_id = origin.strip_prefix("countersign/log/")?.parse().ok()?;
        let root = TreeHash::from_bytes(bytes(hash)?);
        let chain = lines.next()?.strip_prefix("chain ")?;
        let head = Head { revision, hash: ChainHash::from_bytes(bytes(chain)?) };
        Some((Self { log_id, head, root: Some(root) }, text(log_id, head, root)))
    }
}

fn origin(log_id: LogId) -> String {
    format!("countersign/log/{log_id}")
}

fn text(log_id: LogId, head: Head, root: TreeHash) -> String {
    let (origin, chain) = (origin(log_id), BASE64.encode(head.hash.as_bytes()));
    format!("{origin}\n{}\n{root}\nchain {chain}\n", head.revision)
}

fn former_name(log_id: LogId) -> String {
    format!("countersign-{log_id}")
}

fn former_text(log_id: LogId, head: Head) -> String {
    let hash = BASE64.encode(head.hash.as_bytes());
    format!("countersign log {log_id}\n{}\n{hash}\n", head.revision)
}

fn bytes(encoded: &str) -> Option<[u8; 32]> {
    BASE64.decode(encoded.as_bytes()).ok()?.try_into().ok()
}

impl fmt::Debug for CheckpointKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckpointKey").field("verifier", self.verifier()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Tree;
    use super::*;

    const LOG: LogId = LogId::from_bytes([7; 16]);
    /// As it was written before there was a tree.
    const FORMER: &str = include_str!("../../tests/log_checkpoint_golden.txt");

    fn key() -> CheckpointKey {
        CheckpointKey::derive(&MasterKey::from_bytes([3; 32]), LOG)
    }

    fn head() -> Head {
        Head::genesis(LOG).then(b"first")
    }

    fn root() -> TreeHash {
        let mut tree = Tree::default();
        tree.push(head().hash);
        tree.root()
    }

    fn note() -> String {
        key().sign(head(), root())
    }

    fn open(note: &str) -> Result<Checkpoint, CheckpointError> {
        Checkpoint::open(note, key().verifier())
    }

    #[test]
    fn the_text_is_pinned() {
        assert_eq!(note(), include_str!("../../tests/log_checkpoint_tree_golden.txt"));
        assert_eq!(open(&note()), Ok(Checkpoint { log_id: LOG, head: head(), root: Some(root()) }));
    }

    #[test]
    fn one_of_before_the_tree_is_read() {
        assert_eq!(open(FORMER), Ok(Checkpoint { log_id: LOG, head: head(), root: None }));
    }

    #[test]
    fn every_flipped_bit_is_found() {
        for note in [note(), FORMER.to_owned()] {
            for bit in 0..note.len() * 8 {
                let mut bytes = note.clone().into_bytes();
                bytes[bit / 8] ^= 1 << (bit % 8);
                if let Ok(changed) = String::from_utf8(bytes) {
                    assert!(open(&changed).is_err(), "{changed}");
                }
            }
        }
    }

    #[test]
    fn another_log_and_another_master_key_are_told_apart() {
        let other_log = LogId::from_bytes([8; 16]);
        let foreign = CheckpointKey::derive(&MasterKey::from_bytes([3; 32]), other_log);
        assert_eq!(open(&foreign.sign(head(), root())), Err(CheckpointError::Foreign));
        let other_master = CheckpointKey::derive(&MasterKey::from_bytes([4; 32]), LOG);
        assert_eq!(open(&other_master.sign(head(), root())), Err(CheckpointError::Signature));
    }

    #[test]
    fn a_line_added_or_left_out_is_found() {
        let note = note();
        let (text, signature) = note.split_once("\n\n").unwrap();
        for changed in [
            format!("{text}\nmore\n\n{signature}"),
            format!("{text}\n\n{signature}{signature}"),
            text.to_owned(),
            String::new(),
        ] {
            assert!(open(&changed).is_err(), "{changed}");
        }
    }
}
