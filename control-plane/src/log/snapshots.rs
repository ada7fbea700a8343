//! State snapshots: files beside the log from which a start goes on instead of replaying
//! from revision 1. Owns the files; the state in them is opaque. A snapshot is never
//! trusted: one that does not match the log is passed over for an older one.
//!
//! `<revision>.snapshot`: `countersign snapshot v1` and a zero byte, the log's id, the
//! revision, the chain's hash there, the state, and SHA-256 over all of that.

use std::fs;
use std::path::PathBuf;

use bytes::{Buf, Bytes};
use countersign_shared::id::LogId;
use sha2::{Digest, Sha256};

use super::disk::{self, DiskError};
use super::{ChainHash, DataDir};

/// Older snapshots than the newest four are removed.
const SNAPSHOTS_KEPT_MAX: usize = 4;
const MAGIC: &[u8] = b"countersign snapshot v1\0";
const DIGEST_BYTES: usize = 32;
const HEADER_BYTES: usize = MAGIC.len() + 16 + 8 + ChainHash::BYTES;
const SUFFIX: &str = ".snapshot";

/// The snapshots of one log.
#[derive(Debug, Clone)]
pub struct SnapshotStore {
    directory: PathBuf,
    log_id: LogId,
}

/// A state, and the place in the log it is the state of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    pub revision: u64,
    pub hash: ChainHash,
    pub bytes: Bytes,
}

impl SnapshotStore {
    pub fn of(dir: &DataDir) -> Self {
        Self { directory: dir.snapshots_path(), log_id: dir.log_id() }
    }

    /// Writes a snapshot, durably when it returns, and removes those that are too old.
    pub fn save(&self, revision: u64, hash: ChainHash, state: &[u8]) -> Result<(), DiskError> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + state.len() + DIGEST_BYTES);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(self.log_id.as_bytes());
        bytes.extend_from_slice(&revision.to_be_bytes());
        bytes.extend_from_slice(hash.as_bytes());
        bytes.extend_from_slice(state);
        let digest = Sha256::digest(&bytes);
        bytes.extend_from_slice(&digest);
        disk::replace(&self.path(revision), &bytes)?;
        for old in self.newest_first()?.into_iter().skip(SNAPSHOTS_KEPT_MAX) {
            disk::remove(&self.path(old))?;
        }
        Ok(())
    }

    /// The newest good snapshot at a revision or before it. `hash_at` gives the hash that
    /// the log has at a revision, if it reaches so far.
    pub fn load_newest(
        &self,
        at_or_before: u64,
        hash_at: impl Fn(u64) -> Option<ChainHash>,
    ) -> Option<Snapshot> {
        let revisions = self.newest_first().unwrap_or_else(|error| {
            tracing::warn!(%error, "passing over all snapshots");
            Vec::new()
        });
        revisions.into_iter().filter(|revision| *revision <= at_or_before).find_map(|revision| {
            let loaded = self.load(revision, &hash_at);
            loaded
                .inspect_err(|reason| {
                    let path = self.path(revision);
                    tracing::warn!(path = %path.display(), reason, "passing over a snapshot");
                })
                .ok()
        })
    }

    fn load(
        &self,
        revision: u64,
        hash_at: impl Fn(u64) -> Option<ChainHash>,
    ) -> Result<Snapshot, String> {
        let bytes = fs::read(self.path(revision)).map_err(|error| error.to_string())?;
        let snapshot = decode(bytes, self.log_id)?;
        if snapshot.revision != revision {
            return Err("its revision is not the one its name says".into());
        }
        if hash_at(revision) != Some(snapshot.hash) {
            return Err("the log's hash at its revision is another".into());
        }
        Ok(snapshot)
    }

    fn newest_first(&self) -> Result<Vec<u64>, DiskError> {
        let names = disk::names(&self.directory)?;
        let parse = |name: &String| name.strip_suffix(SUFFIX)?.parse().ok();
        Ok(names.iter().rev().filter_map(parse).collect())
    }

    fn path(&self, revision: u64) -> PathBuf {
        self.directory.join(format!("{revision:020}{SUFFIX}"))
    }
}

fn decode(bytes: Vec<u8>, log_id: LogId) -> Result<Snapshot, &'static str> {
    let mut bytes = Bytes::from(bytes);
    if bytes.len() < HEADER_BYTES + DIGEST_BYTES {
        return Err("it is cut short");
    }
    let digest = bytes.split_off(bytes.len() - DIGEST_BYTES);
    if digest != Sha256::digest(&bytes).as_slice() {
        return Err("its digest is wrong");
    }
    if bytes.split_to(MAGIC.len()) != MAGIC {
        return Err("it is not a snapshot of version 1");
    }
    if bytes.split_to(16) != log_id.as_bytes().as_slice() {
        return Err("it is of another log");
    }
    let revision = bytes.get_u64();
    let mut hash = [0; ChainHash::BYTES];
    bytes.copy_to_slice(&mut hash);
    Ok(Snapshot { revision, hash: ChainHash::from_bytes(hash), bytes })
}
