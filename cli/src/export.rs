//! The export of a log that can be verified: a line of JSON for each record, with its stored
//! bytes and, for people and their tools, what they say. Owns the lines, never where they go.
//!
//! ```text
//! {"format":"countersign export v1","log_id":"…","after":0,"hash_before":"…"}
//! {"revision":1,"hash":"…","record":"…","event":{…}}
//! {"checkpoint":"…"}
//! ```
//! Hashes and records are base64. A line is a function of its record and hash alone, so that
//! verifying makes it again and compares: nothing in the file can say what the record does not.

use std::io::BufRead;

use countersign_control_plane::audit::{Finding, Shown, Verification, Verified};
use countersign_control_plane::log::{ChainHash, Checkpoint, CheckpointError, Head, VerifierKey};
use countersign_proto::v1;
use countersign_shared::id::LogId;
use data_encoding::BASE64;
use prost::Message as _;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::json;

const FORMAT: &str = "countersign export v1";
/// No line of an export is longer: a record, twice in a longer form.
const LINE_BYTES_MAX: u64 = 4 * 1024 * 1024;

pub(crate) mod forms;
#[cfg(test)]
mod mutations;

/// What is wrong with an export, and where.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportError {
    #[error("line {line}: {what}")]
    Line { line: usize, what: String },
    #[error("after revision {after}, line {line}: {what}")]
    After { after: u64, line: usize, what: String },
    #[error("line {line}: {finding}")]
    Found { line: usize, finding: Finding },
    #[error("cannot read it: {0}")]
    Read(#[from] std::io::Error),
}

/// The first line: of which log, and what was before the first record.
pub(crate) fn first_line(log_id: LogId, before: Head) -> String {
    let hash = BASE64.encode(before.hash.as_bytes());
    json!({
        "format": FORMAT, "log_id": log_id.to_string(), "after": before.revision, "hash_before": hash,
    })
    .to_string()
}

/// The line of a record.
pub(crate) fn record_line(
    revision: u64,
    hash: ChainHash,
    record: &[u8],
) -> Result<String, Failure> {
    let event = v1::Event::decode(record).map_err(|error| {
        Failure::failed(format!("the record at revision {revision} is not an event: {error}"))
    })?;
    let (hash, record) = (BASE64.encode(hash.as_bytes()), BASE64.encode(record));
    let event = json::compact(&event.without_ciphertext())?;
    Ok(json!({ "revision": revision, "hash": hash, "record": record, "event": event }).to_string())
}

/// The last line: the checkpoint of the last record.
pub(crate) fn last_line(note: &str) -> String {
    json!({ "checkpoint": note }).to_string()
}

/// Verifies an export: every byte of it. `shown` are checkpoints that were kept elsewhere.
pub(crate) fn verify(
    mut from: impl BufRead,
    key: &VerifierKey,
    shown: Vec<Shown>,
) -> Result<Verified, ExportError> {
    let mut lines = Lines { from: &mut from, number: 0 };
    let first = lines.next()?.ok_or(ExportError::Line { line: 1, what: "it is empty".into() })?;
    let (log_id, before) = parse_first(&first)
        .ok_or(ExportError::Line { line: 1, what: format!("it is not `{FORMAT}`") })?;
    let found = |line| move |finding| ExportError::Found { line, finding };
    let mut verification = Verification::after(log_id, before, shown).map_err(found(1))?;
    let mut is_sealed = false;
    while let Some(line) = lines.next().map_err(|error| after(&verification, error))? {
        let wrong = |what: &str| ExportError::After {
            after: verification.head().revision,
            line: lines.number,
            what: what.to_owned(),
        };
        if is_sealed {
            return Err(wrong("something follows the checkpoint, which ends an export"));
        }
        let value: Value = serde_json::from_str(&line)
            .map_err(|_| wrong("it was changed: it is no line of an export"))?;
        if let Some(note) = value.get("checkpoint").and_then(Value::as_str) {
            if line != last_line(note) {
                return Err(wrong("it was changed: it is no line of an export"));
            }
            let checkpoint = Checkpoint::open(note, key)
                .map_err(|error: CheckpointError| wrong(&format!("its checkpoint: {error}")))?;
            let by = format!("the checkpoint on line {}", lines.number);
            let sealed = verification.sealed_by(Shown { by, checkpoint });
            sealed.map_err(found(lines.number))?;
            is_sealed = true;
        } else {
            let (revision, hash, record) = parse_record(&value)
                .ok_or_else(|| wrong("it was changed: it is no line of an export"))?;
            verification.record(revision, hash, &record).map_err(found(lines.number))?;
            let again = record_line(revision, hash, &record).map_err(|error| {
                ExportError::Line { line: lines.number, what: error.to_string() }
            })?;
            if again != line {
                let what = format!(
                    "what it says of revision {revision} is not what its record says: it was \
                     changed, or another version of Countersign wrote it"
                );
                return Err(ExportError::Line { line: lines.number, what });
            }
        }
    }
    verification.finish(before.revision).map_err(found(lines.number))
}

/// Lines that end as lines do.
struct Lines<'a, R> {
    from: &'a mut R,
    number: usize,
}

impl<R: BufRead> Lines<'_, R> {
    fn next(&mut self) -> Result<Option<String>, ExportError> {
        use std::io::Read as _;
        let mut line = Vec::new();
        if self.from.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        let wrong = |what: &str| ExportError::Line { line: self.number, what: what.to_owned() };
        if line.pop() != Some(b'\n') {
            return Err(wrong("it is cut off"));
        }
        String::from_utf8(line).map(Some).map_err(|_| wrong("it was changed: it is not text"))
    }
}

fn after(verification: &Verification, error: ExportError) -> ExportError {
    match error {
        ExportError::Line { line, what } => {
            ExportError::After { after: verification.head().revision, line, what }
        }
        other => other,
    }
}

fn parse_first(line: &str) -> Option<(LogId, Head)> {
    let value: Value = serde_json::from_str(line).ok()?;
    let log_id = value.get("log_id")?.as_str()?.parse().ok()?;
    let revision = value.get("after")?.as_u64()?;
    let head = Head { revision, hash: hash(value.get("hash_before")?)? };
    let is_begin = revision > 0 || head == Head::genesis(log_id);
    (is_begin && line == first_line(log_id, head)).then_some((log_id, head))
}

fn parse_record(value: &Value) -> Option<(u64, ChainHash, Vec<u8>)> {
    let record = BASE64.decode(value.get("record")?.as_str()?.as_bytes()).ok()?;
    Some((value.get("revision")?.as_u64()?, hash(value.get("hash")?)?, record))
}

fn hash(value: &Value) -> Option<ChainHash> {
    let bytes = BASE64.decode(value.as_str()?.as_bytes()).ok()?;
    Some(ChainHash::from_bytes(bytes.try_into().ok()?))
}
