//! Backups as somebody makes them who has the format, and checkpoints, and not the key.

use countersign_proto::store::v1::backup_part::Part;
use countersign_proto::store::v1::{BackupHead, BackupRecords};
use countersign_shared::id::LogId;

use super::format::Encoder;
use crate::log::{Head, StoredRecord, pack};

pub(crate) struct Forged {
    pub(crate) log_id: LogId,
    pub(crate) records: Vec<StoredRecord>,
    /// So many records in a part.
    pub(crate) together: usize,
    /// Of revision 0, and of each part's end.
    pub(crate) notes: Vec<String>,
}

/// What the file begins with, then its parts.
pub(crate) fn forge(forged: &Forged) -> Vec<Vec<u8>> {
    let (mut encoder, magic) = Encoder::new();
    let mut parts = vec![magic];
    let head = BackupHead {
        log_id: forged.log_id.as_bytes().to_vec(),
        revision: forged.records.len() as u64,
        checkpoint: forged.notes[0].clone(),
        ..BackupHead::default()
    };
    parts.push(encoder.part(Part::Head(head)).unwrap());
    let mut before = Head::genesis(forged.log_id);
    for (number, records) in (1..).zip(forged.records.chunks(forged.together)) {
        let frames = pack::pack(before, records);
        let last = forged.notes.last().unwrap();
        let checkpoint = forged.notes.get(number).unwrap_or(last).clone();
        parts.push(encoder.part(Part::Records(BackupRecords { frames, checkpoint })).unwrap());
        before = records.last().map_or(before, |it| Head { revision: it.revision, hash: it.hash });
    }
    parts.push(encoder.end().unwrap());
    parts
}
