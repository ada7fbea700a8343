//! Many frames as one run of bytes, as segments and backups have them.

use bytes::Bytes;

use super::frame::{self, Frame};
use super::{APPEND_RECORDS_MAX, Head, StoredRecord};

/// Frames that are written aside say no writer: which one it was stands in the log's own.
const NO_WRITER: u64 = 0;

/// Records that follow a head, in as few frames as there can be.
pub(crate) fn pack(before: Head, records: &[StoredRecord]) -> Vec<u8> {
    let records: Vec<_> = records.iter().map(|record| record.bytes.to_vec()).collect();
    let (frames, _, _) = frame::encode(NO_WRITER, before, &records);
    frames.into_iter().flat_map(|frame| frame.bytes).collect()
}

/// As many of the first records as one append may have, with so many bytes at most, but always one; and
/// the others.
pub(crate) fn split(
    records: &[StoredRecord],
    bytes_max: usize,
) -> (&[StoredRecord], &[StoredRecord]) {
    let mut bytes = 0;
    let fitting = records.iter().take(APPEND_RECORDS_MAX).take_while(|record| {
        bytes += record.bytes.len();
        bytes <= bytes_max
    });
    records.split_at(fitting.count().max(1).min(records.len()))
}

/// The frames in a run of bytes, verified to begin at a revision and to follow one another.
pub(crate) fn unpack(mut rest: Bytes, first_revision: u64) -> Result<Vec<Frame>, String> {
    let mut frames: Vec<Frame> = Vec::new();
    while !rest.is_empty() {
        let next = frames.last().map_or(first_revision, |frame| frame.last.revision + 1);
        let length = frame::length(&rest)
            .filter(|length| (1..=rest.len()).contains(length))
            .ok_or_else(|| format!("the frame from revision {next} is cut short"))?;
        let frame = frame::decode(&rest.split_to(length))
            .map_err(|error| format!("at the frame from revision {next}: {error}"))?;
        if frames.last().is_some_and(|previous| previous.last != frame.before) {
            return Err(format!(
                "the frame from revision {} is out of place",
                frame.before.revision + 1
            ));
        }
        frames.push(frame);
    }
    Ok(frames)
}
