//! The hash chain: each record's hash covers the hash before it, its revision and its
//! bytes, and the first hash covers the log's id, so that a record of another log, in
//! another place or with another past is found out. Never reads or writes anything.

use std::fmt;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::id::LogId;

/// The end of a log. Revision 0 is the empty log, whose hash is that of the log's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub revision: u64,
    pub hash: ChainHash,
}

impl Head {
    /// The head of an empty log.
    pub fn genesis(log_id: LogId) -> Self {
        Self { revision: 0, hash: ChainHash::genesis(log_id) }
    }

    /// The head after one more record.
    #[must_use]
    pub fn then(self, record: &[u8]) -> Self {
        let revision = self.revision + 1;
        Self { revision, hash: self.hash.then(revision, record) }
    }
}

/// The hash of a log up to a revision.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChainHash([u8; ChainHash::BYTES]);

impl ChainHash {
    pub const BYTES: usize = 32;

    /// The hash of the empty log, at revision 0.
    pub fn genesis(log_id: LogId) -> Self {
        Self(
            Sha256::new_with_prefix(b"countersign log v1\0")
                .chain_update(log_id.as_bytes())
                .finalize()
                .into(),
        )
    }

    /// The hash after the record at `revision`, where `self` is the hash before it.
    #[must_use]
    pub fn then(self, revision: u64, record: &[u8]) -> Self {
        Self(
            Sha256::new_with_prefix(b"countersign record v1\0")
                .chain_update(self.0)
                .chain_update(revision.to_be_bytes())
                .chain_update(record)
                .finalize()
                .into(),
        )
    }

    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Display for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChainHash({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Worked out with Python's hashlib.
    #[test]
    fn the_chain_is_pinned() {
        let genesis = ChainHash::genesis(LogId::from_bytes([7; 16]));
        let first = genesis.then(1, b"first");
        assert_eq!(
            (genesis.to_string().as_str(), first.to_string().as_str()),
            (
                "26c78b8c544241c0db81de61d99af5b9a0f4d0be0d6529c196dad8d3648edbed",
                "a6f4b25b4746ffdb9255c7d6759c6b3046dade5d7931c6614149ed55f40eb794",
            )
        );
    }

    #[test]
    fn every_part_counts() {
        let genesis = ChainHash::genesis(LogId::from_bytes([7; 16]));
        let hash = genesis.then(1, b"first");
        assert_ne!(hash, ChainHash::genesis(LogId::from_bytes([8; 16])).then(1, b"first"));
        assert_ne!(hash, genesis.then(2, b"first"));
        assert_ne!(hash, genesis.then(1, b"First"));
    }
}
