//! Reading a backup: every byte of it is checked, and its records are held to its checkpoints by the
//! one way of verifying. Whoever wants what is in it is handed that as it passes.

use std::io::Read;

use bytes::Bytes;
use countersign_proto::convert::time_ms;
use countersign_proto::store::v1::backup_part::Part;
use countersign_proto::store::v1::{BackupHead, BackupRecords};
use countersign_proto::v1;
use countersign_shared::id::LogId;
use prost::Message;

use super::format::Parts;
use super::lives::{Forgotten, Lives};
use crate::audit::{Finding, Shown, Verification, Verified};
use crate::keystore::Image;
use crate::log::{Checkpoint, CheckpointError, StoredRecord, VerifierKey, pack};

/// What a backup holds, all of it verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// The log's epoch when it was made.
    pub epoch: u64,
    /// When it was made.
    pub made_ms: i64,
    pub verified: Verified,
    /// When the first and the last event of it happened.
    pub first_ms: i64,
    pub last_ms: i64,
    /// How many secrets live at its end; the data key of each is in it.
    pub secrets: usize,
    /// How long the backup is.
    pub bytes: u64,
}

/// What is wrong with a backup, and where in the file.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("at byte {offset}: {what}")]
    At { offset: u64, what: String },
    #[error("in the part at byte {offset}: {finding}")]
    Found { offset: u64, finding: Finding },
    #[error("in the part at byte {offset}: its checkpoint: {error}")]
    Checkpoint { offset: u64, error: CheckpointError },
    #[error("cannot read it: {0}")]
    Read(#[from] std::io::Error),
}

impl BackupError {
    pub(super) fn at(offset: u64, what: &str) -> Self {
        Self::At { offset, what: what.to_owned() }
    }
}

/// What passes in a backup, in order.
#[derive(Debug)]
pub(super) enum Passed<'a> {
    /// Of which log it is, in which epoch, and the checkpoint of the empty log.
    Head { log_id: LogId, epoch: u64, note: &'a str },
    /// Records that follow one another, and the checkpoint of the last one.
    Records { offset: u64, records: &'a [StoredRecord], note: &'a str },
}

/// A backup that was read to its end.
#[derive(Debug)]
pub(super) struct Walked {
    pub(super) contents: Contents,
    pub(super) image: Image,
    pub(super) lives: Lives,
}

/// Verifies all of a backup. Without a key its checkpoints are taken at their word: then damage is
/// found, and what was forged is not. `shown` are checkpoints that were kept elsewhere.
pub fn verify(
    from: impl Read,
    key: Option<&VerifierKey>,
    shown: Vec<Shown>,
) -> Result<Contents, BackupError> {
    walk(from, key, shown, |_| Ok(())).map(|walked| walked.contents)
}

/// Of which log a backup is, by its own word, and its keyring.
pub fn log_id_of(from: impl Read) -> Result<(LogId, Vec<u8>), BackupError> {
    let mut parts = Parts::open(from)?;
    let offset = parts.offset();
    head_of(parts.next()?, offset).map(|(log_id, head)| (log_id, head.keyring))
}

/// The same as `verify`, and shows what passes. All of it is verified only when this has returned.
pub(super) fn walk<E: From<BackupError>>(
    from: impl Read,
    key: Option<&VerifierKey>,
    mut shown: Vec<Shown>,
    mut passes: impl FnMut(Passed<'_>) -> Result<(), E>,
) -> Result<Walked, E> {
    let mut parts = Parts::open(from)?;
    let mut offset = parts.offset();
    let (log_id, head) = head_of(parts.next()?, offset)?;
    shown.push(signed(&head.checkpoint, key, offset)?);
    let found = |offset, finding| BackupError::Found { offset, finding };
    let begun = Verification::of_log(log_id, shown).map_err(|finding| found(offset, finding));
    let mut verification = begun?;
    passes(Passed::Head { log_id, epoch: head.epoch, note: &head.checkpoint })?;
    let mut image = Image { keyring: head.keyring, keystore: Vec::new() };
    let (mut times, mut lives) = (None, Lives::default());
    loop {
        offset = parts.offset();
        match parts.next()? {
            Some(Part::Records(part)) if image.keystore.is_empty() => {
                let records = records_of(&part, &verification, offset)?;
                for record in &records {
                    let next = verification.stored(record);
                    next.map_err(|finding| found(offset, finding))?;
                    lives.pass(record.revision, &event_of(record, offset)?);
                }
                let sealed = signed(&part.checkpoint, key, offset)?;
                verification.sealed_by(sealed).map_err(|finding| found(offset, finding))?;
                times = span(times, &records, offset)?;
                passes(Passed::Records { offset, records: &records, note: &part.checkpoint })?;
            }
            Some(Part::Keystore(part)) => image.keystore.extend_from_slice(&part.bytes),
            Some(_) => return Err(BackupError::at(offset, "a part is out of place").into()),
            None => break,
        }
    }
    let verified = verification.finish(0).map_err(|finding| found(offset, finding))?;
    if verified.head.revision != head.revision {
        let what = format!(
            "it says that it is of revision {}, and ends at {}",
            head.revision, verified.head.revision
        );
        return Err(BackupError::at(offset, &what).into());
    }
    if let Some(Forgotten { names, .. }) = lives.forgotten(head.revision, &image.secret_ids()) {
        let what =
            format!("the data keys of these signature keys are not in it: {}", names.join(", "));
        return Err(BackupError::at(offset, &what).into());
    }
    let (first_ms, last_ms) = times.unwrap_or_default();
    let contents = Contents {
        epoch: head.epoch,
        made_ms: head.time_ms,
        verified,
        first_ms,
        last_ms,
        secrets: lives.living(),
        bytes: parts.offset(),
    };
    Ok(Walked { contents, image, lives })
}

fn head_of(part: Option<Part>, offset: u64) -> Result<(LogId, BackupHead), BackupError> {
    let Some(Part::Head(head)) = part else {
        return Err(BackupError::at(offset, "it does not begin with its head"));
    };
    let log_id = head.log_id.as_slice().try_into().map(LogId::from_bytes);
    let log_id = log_id.map_err(|_| BackupError::at(offset, "its log's id is none"))?;
    Ok((log_id, head))
}

fn records_of(
    part: &BackupRecords,
    verification: &Verification,
    offset: u64,
) -> Result<Vec<StoredRecord>, BackupError> {
    let next = verification.head().revision + 1;
    let frames = pack::unpack(Bytes::from(part.frames.clone()), next);
    let frames = frames.map_err(|what| BackupError::at(offset, &what))?;
    let records: Vec<_> = frames.into_iter().flat_map(|frame| frame.records).collect();
    if records.is_empty() {
        return Err(BackupError::at(offset, "a part has no records"));
    }
    Ok(records)
}

fn signed(note: &str, key: Option<&VerifierKey>, offset: u64) -> Result<Shown, BackupError> {
    let checkpoint = match key {
        Some(key) => Checkpoint::open(note, key),
        None => Checkpoint::unverified(note),
    };
    let checkpoint = checkpoint.map_err(|error| BackupError::Checkpoint { offset, error })?;
    Ok(Shown { by: "the checkpoint in it".to_owned(), checkpoint })
}

/// When the first and the last event happened, of those before and of these.
fn span(
    before: Option<(i64, i64)>,
    records: &[StoredRecord],
    offset: u64,
) -> Result<Option<(i64, i64)>, BackupError> {
    let time =
        |record: Option<&StoredRecord>| record.map(|record| time_of(record, offset)).transpose();
    let (Some(first), Some(last)) = (time(records.first())?, time(records.last())?) else {
        return Ok(before);
    };
    Ok(Some((before.map_or(first, |(first, _)| first), last)))
}

/// When the event of a record happened, in milliseconds since 1970.
pub(super) fn time_of(record: &StoredRecord, offset: u64) -> Result<i64, BackupError> {
    let time = event_of(record, offset)?.time;
    time.and_then(|time| time_ms("time", &time).ok()).ok_or_else(|| no_event(record, offset))
}

fn event_of(record: &StoredRecord, offset: u64) -> Result<v1::Event, BackupError> {
    v1::Event::decode(record.bytes.clone()).map_err(|_| no_event(record, offset))
}

fn no_event(record: &StoredRecord, offset: u64) -> BackupError {
    BackupError::at(offset, &format!("the record at revision {} is no event", record.revision))
}
