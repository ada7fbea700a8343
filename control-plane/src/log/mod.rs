//! The log of all events: an append-only sequence of opaque records, numbered from 1
//! and chained by hash. This file owns the obligations every store has to keep; it
//! never knows what a record means, and no file outside `log/sled.rs` names sled.

use std::sync::Arc;

use bytes::Bytes;
use countersign_shared::id::LogId;

mod chain;
pub(crate) mod disk;
pub mod memory;

pub use chain::ChainHash;

/// A record may be this long. Larger ones are refused before anything is written.
pub const RECORD_BYTES_MAX: usize = 1024 * 1024;
/// The records of one append together may be this long.
pub const APPEND_BYTES_MAX: usize = 4 * 1024 * 1024;
/// A read stops after the record with which it reaches this many bytes.
pub const READ_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The end of a log. Revision 0 is the empty log, whose hash is that of the log's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub revision: u64,
    pub hash: ChainHash,
}

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
/// - **Verified.** What a reader returns has been checked against the chain; a log whose
///   bytes are damaged answers with an error, never with other bytes.
pub trait EventLog: Send {
    fn log_id(&self) -> LogId;

    /// The last durable record.
    fn head(&self) -> Head;

    /// Appends the records in order, provided that `expected` is the head's revision.
    /// No records: nothing is written and the head is returned.
    fn append(&mut self, expected: u64, records: &[Vec<u8>]) -> Result<Head, AppendError>;

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
    #[error("an append of {bytes} bytes, at most {bytes_max} are allowed")]
    TooLarge { bytes: usize, bytes_max: usize },
    /// Nobody knows what is on disk. End the process; the next start reads the truth.
    #[error("the log cannot go on: {0}")]
    Fatal(String),
}

/// Why a record could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error(
        "the log is damaged at revision {revision}: {what}. Stop the control plane and restore \
         the data directory from a backup or from its segments/"
    )]
    Corrupt { revision: u64, what: String },
    #[error("the log cannot be read: {0}")]
    Storage(String),
}

/// Refuses an append that is not decided on the head or is over the limits.
fn admit(head: Head, expected: u64, records: &[Vec<u8>]) -> Result<(), AppendError> {
    if expected != head.revision {
        return Err(AppendError::Conflict { head });
    }
    if let Some(bytes) = records.iter().map(Vec::len).find(|bytes| *bytes > RECORD_BYTES_MAX) {
        return Err(AppendError::TooLarge { bytes, bytes_max: RECORD_BYTES_MAX });
    }
    let bytes = records.iter().map(Vec::len).sum();
    if bytes > APPEND_BYTES_MAX {
        return Err(AppendError::TooLarge { bytes, bytes_max: APPEND_BYTES_MAX });
    }
    Ok(())
}
