//! The log of all events: an append-only sequence of opaque records, numbered from 1
//! and chained by hash. This file owns the obligations every store has to keep; it
//! never knows what a record means, and no file outside `log/sled.rs` names sled, none outside
//! `log/etcd/` the client of etcd.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use countersign_shared::id::LogId;
use tokio::sync::watch;

mod checkpoint;
mod data_dir;
pub(crate) mod disk;
mod etcd;
mod flusher;
mod frame;
mod growing_file;
mod keeper;
mod local;
mod memory;
mod note;
mod offline;
pub(crate) mod pack;
mod proof;
pub(crate) mod restored;
mod segments;
mod sled;
mod snapshots;
mod stored;
mod tree;
mod watchdog;

pub use checkpoint::{Checkpoint, CheckpointError, CheckpointKey};
pub use countersign_shared::chain::{ChainHash, Head};
pub use data_dir::{DataDir, OWN_MASTER_KEY};
pub(crate) use data_dir::{Identity, read_identity};
pub use disk::DiskError;
pub use etcd::{Access as EtcdAccess, ClusterError, Credentials as EtcdCredentials};
pub use etcd::{EtcdConfig, EtcdLog, Joined, Standing};
pub(crate) use etcd::{FarLog, Moving, There, Tip, Turn};
pub use local::LocalLog;
pub use memory::MemoryLog;
pub use note::{InvalidKey, VerifierKey};
pub use offline::{StillError, StillLog};
pub use proof::{verify_consistency, verify_inclusion};
pub use segments::{Segment, SegmentError, SegmentRecords, Segments};
pub use snapshots::{Snapshot, SnapshotStore};
pub use tree::{BLOCK_LEAVES, Proofs, Tree, TreeHash};

/// A record may be this long. A longer one is refused before anything is written.
pub const RECORD_BYTES_MAX: usize = 256 * 1024;
/// One append may have this many records,
pub const APPEND_RECORDS_MAX: usize = 4096;
/// and they may together be this long.
pub const APPEND_BYTES_MAX: usize = 1024 * 1024;
/// A read stops after the record with which it reaches this many bytes.
pub const READ_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A record with its place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    pub revision: u64,
    /// The chain's hash at this revision, this record included.
    pub hash: ChainHash,
    pub bytes: Bytes,
}

/// The writing end of a log. There is one for each log, held by the engine.
///
/// Every store keeps these obligations; `tests/log_contract.rs` holds each of them to it:
///
/// - **Durable when it returns.** After `Ok` the records outlive a kill and a loss of power.
/// - **All or none.** After a crash either all records of an append are there, or none.
/// - **In order, without gaps.** The records take the revisions `expected + 1`, `expected + 2`, …
///   and a revision, once given, never holds other bytes.
/// - **Fenced.** An append decided on another head than the log's is refused and writes nothing,
///   also when the other head was written by another process.
/// - **Visible after durable.** A reader sees a record only when it is durable.
/// - **Settled.** An append whose answer was lost is `Unavailable`: after a `follow` that returns
///   `Ok`, and an append after it, it either was carried out or never will be. An append is never
///   carried out twice, however often it was sent.
/// - **Verified.** What a reader returns has been checked against the chain; a log whose
///   bytes are damaged answers with an error, never with other bytes.
pub trait EventLog: Send {
    fn log_id(&self) -> LogId;

    /// The last durable record.
    fn head(&self) -> Head;

    /// Appends the records in order, provided that `expected` is the head's revision.
    /// No records: nothing is written and the head is returned.
    fn append(&mut self, expected: u64, records: &[Vec<u8>]) -> Result<Head, AppendError>;

    /// Whether this process may append. Where only one ever does, it does.
    fn standing(&self) -> Standing {
        Standing::Leading(0)
    }

    /// The same, as it changes.
    fn standings(&self) -> watch::Receiver<Standing> {
        watch::Sender::new(self.standing()).subscribe()
    }

    /// The time as leader, of one that leads and knows what became of all that was ever appended.
    fn settled_as(&self) -> Option<i64> {
        Some(0)
    }

    /// Takes over what others appended, up to the newest that is durable now. The reading end and
    /// `head` show it when this returns. Also settles an append that was `Unavailable`.
    fn follow(&mut self) -> Result<Head, AppendError> {
        Ok(self.head())
    }

    /// Changes when `follow` or `standing` may have something new to say; none, if they never do.
    fn pulse(&self) -> Option<watch::Receiver<u64>> {
        None
    }

    /// A reading end for other threads, which sees what is appended after it was made.
    fn reader(&self) -> Arc<dyn LogReader>;
}

/// The reading end of a log, used by other threads while the writer appends.
pub trait LogReader: Send + Sync {
    /// The last durable record.
    fn head(&self) -> Head;

    /// The records from revision `from` on, ascending, at most `records_max` of them and
    /// no more than `READ_BYTES_MAX` bytes (but always one, if there is one). Only an
    /// empty answer means that the head is reached.
    fn read(&self, from: u64, records_max: usize) -> Result<Vec<StoredRecord>, ReadError>;

    /// The records from revision `from` downwards, descending, with the limits of `read`.
    /// A `from` beyond the head starts at the head.
    fn read_back(&self, from: u64, records_max: usize) -> Result<Vec<StoredRecord>, ReadError>;

    /// The tree over the log, up to the last durable record.
    fn tree(&self) -> Tree;

    /// The leaves of a whole block of the tree, by its number, for proofs.
    fn leaves(&self, block: u64) -> Result<Vec<TreeHash>, ReadError> {
        let mut leaves = Vec::new();
        let (mut next, end) = (block * BLOCK_LEAVES + 1, (block + 1) * BLOCK_LEAVES + 1);
        while next < end {
            let most = usize::try_from(end - next).unwrap_or(usize::MAX);
            let read = self.read(next, most)?;
            let Some(last) = read.last() else { break };
            next = last.revision + 1;
            leaves.extend(read.iter().map(|record| TreeHash::leaf(record.hash)));
        }
        Ok(leaves)
    }

    /// The chain's hash at a revision, 0 included; `None` beyond the head.
    fn hash_at(&self, revision: u64) -> Result<Option<ChainHash>, ReadError>;
}

/// Why nothing, or perhaps something, was appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Nothing was written: decide again on this head.
    #[error("the log is at revision {}, the append expected another", head.revision)]
    Conflict { head: Head },
    /// Nothing was written; reading goes on, and appending once there is space again.
    #[error(
        "the disk of {path} has {free_bytes} bytes free, appending needs {needed_bytes}: make space"
    )]
    Full { path: String, free_bytes: u64, needed_bytes: u64 },
    /// Nothing was written, and these records never will be.
    #[error("an append with {count} {unit}, at most {count_max} are allowed")]
    TooLarge { count: usize, unit: &'static str, count_max: usize },
    /// Nothing was written: another replica appends, the one at this address.
    #[error("this replica does not append: {}", elsewhere(leader.as_deref(), why.as_deref()))]
    NotLeading { leader: Option<String>, why: Option<String> },
    /// Nobody knows whether it was written. `follow` tells, once the log can be reached.
    #[error("{0}")]
    Unavailable(String),
    /// Nobody knows what is on disk. End the process; the next start reads the truth.
    #[error("the log cannot go on: {0}")]
    Fatal(String),
}

fn elsewhere(leader: Option<&str>, why: Option<&str>) -> String {
    match (leader, why) {
        (Some(leader), _) => format!("the one at {leader} does"),
        (None, Some(why)) => why.to_owned(),
        (None, None) => "which one does is being decided".to_owned(),
    }
}

/// Why a record could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error(
        "the log is damaged at revision {revision}: {what}. Stop the control plane and {RESTORE}"
    )]
    Corrupt { revision: u64, what: String },
    #[error("the log cannot be read: {0}")]
    Storage(String),
}

/// Why a log on disk is not opened. The messages say where it fails and what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "the data directory {} is in use by the process {pid}: stop that one, or give another \
         directory", directory.display()
    )]
    Locked { directory: PathBuf, pid: String },
    #[error(
        "{} is not of the log {log_id}, which `identity` in the data directory names: put back \
         the files of one log", file.display()
    )]
    Foreign { file: PathBuf, log_id: LogId },
    #[error("{} is damaged: {what}. {RESTORE}", file.display())]
    Corrupt { file: PathBuf, what: String },
    #[error("LOG_ROLLED_BACK: {}. {RESTORE}", rolled_back(*log_revision, anchor, *anchor_revision))]
    RolledBack { log_revision: u64, anchor: PathBuf, anchor_revision: u64 },
    #[error(
        "{} is not empty: sled never syncs what is there, so the log may be incomplete. {RESTORE}",
        directory.display()
    )]
    BlobsPresent { directory: PathBuf },
    #[error(
        "{} is a replica's copy of a log in etcd: start with --log etcd, or give another directory. Where \
         that etcd is lost, `countersign log new-epoch` makes it a log of its own",
        directory.display()
    )]
    Replica { directory: PathBuf },
    #[error("the log in etcd under `{prefix}` cannot be followed: {what}")]
    Shared { prefix: String, what: String },
    #[error("the disk of {} is full: make space, then start again", directory.display())]
    Full { directory: PathBuf },
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// What to do about a damaged log.
const RESTORE: &str = "Restore the data directory from its newest backup, or from what \
                       `countersign backup salvage` reads of it; docs/operations.md has the steps";

fn rolled_back(log_revision: u64, anchor: &Path, anchor_revision: u64) -> String {
    let anchor = anchor.display();
    if log_revision < anchor_revision {
        format!(
            "the log ends at revision {log_revision}, but {anchor} shows that revision \
             {anchor_revision} was durable"
        )
    } else {
        format!("the log differs at revision {anchor_revision} from what {anchor} shows")
    }
}

/// How durable an append is when it returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::manual_non_exhaustive, reason = "the hidden variant is used, by tests")]
pub enum Durability {
    /// As the log promises.
    #[default]
    Full,
    /// What sled alone would do: without fdatasync, so that a loss of power loses
    /// acknowledged records. The power-loss tests use it to show that they would notice.
    #[doc(hidden)]
    FlushOnlyForTests,
}

/// Refuses an append that is not decided on the head or is over the limits.
fn admit(head: Head, expected: u64, records: &[Vec<u8>]) -> Result<(), AppendError> {
    if expected != head.revision {
        return Err(AppendError::Conflict { head });
    }
    let longest = records.iter().map(Vec::len).max().unwrap_or(0);
    let bytes = records.iter().map(Vec::len).sum();
    for (count, unit, count_max) in [
        (records.len(), "records", APPEND_RECORDS_MAX),
        (longest, "bytes in a record", RECORD_BYTES_MAX),
        (bytes, "bytes", APPEND_BYTES_MAX),
    ] {
        if count > count_max {
            return Err(AppendError::TooLarge { count, unit, count_max });
        }
    }
    Ok(())
}
