//! A log that moves from a data directory to etcd, or back, while no control plane has it open. All of it
//! is copied and then verified on both sides: chain, head, the state that it replays to, and that every
//! secret opens. Only then the one side is given up, for good, and the other one begins. Killed at any
//! moment, the same call again goes on from what is there.

mod from_etcd;
mod to_etcd;

use std::path::{Path, PathBuf};

use countersign_proto::convert::snapshot_to_proto;
use countersign_shared::id::LogId;
use countersign_shared::state::State;
use data_encoding::HEXLOWER;
use prost::Message;
use sha2::{Digest, Sha256};

pub use from_etcd::from_etcd;
pub use to_etcd::to_etcd;

use crate::history::{HistoryError, decode};
use crate::keystore::{
    KeystoreError, MasterKey, MasterKeyError, MasterKeySource, Unreached, UnsealError,
};
use crate::log::{
    AppendError, ClusterError, DiskError, EtcdConfig, Head, OWN_MASTER_KEY, OpenError, ReadError,
    StillError, StoredRecord,
};

/// Records that are read at a time.
const READ_RECORDS: usize = 4_096;

/// What moves, and where.
#[derive(Debug, Clone)]
pub struct Migration {
    pub data_dir: PathBuf,
    pub etcd: EtcdConfig,
    /// None: the one in the data directory.
    pub master_key: Option<MasterKeySource>,
}

/// What is being done; each reaches the last revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    Reading,
    Copying,
    /// Reading what was copied.
    Verifying,
    /// Giving up the one side: after it comes the end.
    GivingUp,
}

#[derive(Debug, Clone, Copy)]
pub struct Progress {
    pub doing: Doing,
    pub revision: u64,
    pub last: u64,
}

/// Is told how far it is, and says whether to go on.
pub type Report<'a> = &'a mut dyn FnMut(Progress) -> bool;

/// A log that was moved, and is the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    pub log_id: LogId,
    pub epoch: u64,
    pub head: Head,
    /// SHA-256 of the state's snapshot, the same from both sides.
    pub state_digest: String,
    /// How many secrets live; all of them open.
    pub secrets: usize,
    /// How many events were copied this time.
    pub copied: u64,
}

/// Why a log was not moved, or not to the end. The same call again goes on, where anything can.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    #[error("there is no log under `{0}` in etcd")]
    NoLog(String),
    #[error("{place} is not empty: {what}")]
    NotEmpty { place: String, what: String },
    #[error("{place} is of the log {found}, not of {expected}, which is to be moved there")]
    Foreign { place: String, found: LogId, expected: LogId },
    #[error(
        "{place} is of epoch {found}, which is later than epoch {moved} of what is to be moved there"
    )]
    LaterEpoch { place: String, found: u64, moved: u64 },
    #[error(
        "what is in {place} is another history of this log: it differs from it, or goes on, at revision {revision}"
    )]
    OtherHistory { place: String, revision: u64 },
    #[error("{0}")]
    Elsewhere(String),
    #[error(
        "the log was moved there before, and has gone on from revision {0}: nothing is left to do"
    )]
    GoneOn(u64),
    #[error(
        "a control plane leads the log in etcd, at {0}: stop all of its control planes, then run this again"
    )]
    Led(String),
    #[error("the copy differs: {0}. Nothing was given up; report this, and keep both sides")]
    Differs(String),
    #[error("stopped; the same command goes on from here")]
    Stopped,
    #[error(transparent)]
    Directory(#[from] StillError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    #[error(transparent)]
    Keystore(#[from] KeystoreError),
    #[error(transparent)]
    Keys(#[from] Unreached),
    #[error("a secret does not open: {0}")]
    Secret(#[from] UnsealError),
    #[error(transparent)]
    Etcd(#[from] ClusterError),
    #[error(transparent)]
    Append(#[from] AppendError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    History(#[from] HistoryError),
}

/// The master key as it is given, or the directory's own. None is ever made.
fn master_key(
    given: Option<&MasterKeySource>,
    data_dir: &Path,
) -> Result<MasterKey, MasterKeyError> {
    given.map_or_else(|| MasterKey::load(&data_dir.join(OWN_MASTER_KEY)), MasterKeySource::read)
}

/// Says how far it is.
fn tell(report: Report<'_>, doing: Doing, revision: u64, last: u64) -> Result<(), MigrateError> {
    if report(Progress { doing, revision, last }) { Ok(()) } else { Err(MigrateError::Stopped) }
}

/// What a log up to a head comes to, by verifying and replaying all of it.
fn replayed(
    log_id: LogId,
    until: Head,
    mut read: impl FnMut(u64) -> Result<Vec<StoredRecord>, MigrateError>,
    mut reached: impl FnMut(u64) -> Result<(), MigrateError>,
) -> Result<State, MigrateError> {
    let (mut state, mut head) = (State::default(), Head::genesis(log_id));
    while head.revision < until.revision {
        let before = head;
        for record in read(head.revision + 1)? {
            head = head.then(&record.bytes);
            if (head.revision, head.hash) != (record.revision, record.hash) {
                return Err(differs(&format!("at revision {}", record.revision)));
            }
            state.apply(&decode(&record)?);
        }
        if head == before {
            return Err(differs(&format!("it ends at revision {}", head.revision)));
        }
        reached(head.revision)?;
    }
    if head != until {
        return Err(differs(&format!("at its end, revision {}", head.revision)));
    }
    match state.log_id() {
        Some(found) if found != log_id => {
            Err(differs(&format!("its first event names the log {found}")))
        }
        _ => Ok(state),
    }
}

fn digest(state: &State) -> String {
    HEXLOWER.encode(&Sha256::digest(snapshot_to_proto(state).encode_to_vec()))
}

/// The digest that both sides come to.
fn same_digest(near: &State, far: &State) -> Result<String, MigrateError> {
    let (near, far) = (digest(near), digest(far));
    if near == far { Ok(near) } else { Err(differs("it replays to another state")) }
}

fn differs(what: &str) -> MigrateError {
    MigrateError::Differs(what.to_owned())
}
