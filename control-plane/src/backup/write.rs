//! Writing a backup: of exactly one revision, from a log that goes on being written. What is read is
//! verified by the log's reader; each part of records ends with a checkpoint that is signed for it.

use countersign_proto::store::v1::backup_part::Part;
use countersign_proto::store::v1::{BackupHead, BackupKeystore, BackupRecords};

use super::format::Encoder;
use crate::keystore::{Image, KeystoreImage};
use crate::log::disk::DiskError;
use crate::log::{CheckpointKey, Head, LogReader, ReadError, StoredRecord, Tree, pack};

/// A part has this many records at most,
const PART_RECORDS_MAX: usize = 4_096;
/// and ends with the one with which they reach this length.
const PART_BYTES: usize = 1024 * 1024;

/// What a backup is made of.
#[expect(missing_debug_implementations, reason = "a log has no text form")]
pub struct Source<'a> {
    pub reader: &'a dyn LogReader,
    pub key: &'a CheckpointKey,
    pub keystore: &'a KeystoreImage,
    pub epoch: u64,
    pub now_ms: i64,
}

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error(transparent)]
    Log(#[from] ReadError),
    #[error(transparent)]
    Keystore(#[from] DiskError),
    #[error("the backup cannot be encoded: {0}")]
    Encode(#[from] std::io::Error),
}

/// What is written: a log up to its last revision, and the data keys of the secrets that live there.
pub(super) struct Copied<'a> {
    pub(super) reader: &'a dyn LogReader,
    pub(super) key: &'a CheckpointKey,
    pub(super) last: u64,
    pub(super) image: Image,
    pub(super) epoch: u64,
    pub(super) now_ms: i64,
}

/// Hands over the file's bytes in order, each time with the revision that they reach and the one that
/// the backup is of, until `send` says no.
pub fn write(
    source: &Source<'_>,
    send: impl FnMut(Vec<u8>, u64, u64) -> bool,
) -> Result<(), WriteError> {
    // At one moment: earlier, and the keystore would lack a data key of the log; later, and one that the
    // log needs may be forgotten.
    let (last, image) = source.keystore.read_at(|| source.reader.tree().size())?;
    let &Source { reader, key, epoch, now_ms, .. } = source;
    write_copied(Copied { reader, key, last, image, epoch, now_ms }, send)
}

/// The same, of what does not change any more.
pub(super) fn write_copied(
    source: Copied<'_>,
    mut send: impl FnMut(Vec<u8>, u64, u64) -> bool,
) -> Result<(), WriteError> {
    let Copied { last, image, .. } = source;
    let log_id = source.key.log_id();
    let mut head = Head::genesis(log_id);
    let mut tree = Tree::default();
    let (mut encoder, magic) = Encoder::new();
    let first = Part::Head(BackupHead {
        log_id: log_id.as_bytes().to_vec(),
        epoch: source.epoch,
        revision: last,
        time_ms: source.now_ms,
        checkpoint: source.key.sign(head, tree.root()),
        keyring: image.keyring,
    });
    if !send([magic, encoder.part(first)?].concat(), 0, last) {
        return Ok(());
    }
    while head.revision < last {
        let records = next_records(source.reader, head.revision + 1, last)?;
        let Some(reached) = records.last().map(|it| Head { revision: it.revision, hash: it.hash })
        else {
            break;
        };
        for record in &records {
            tree.push(record.hash);
        }
        let frames = pack::pack(head, &records);
        head = reached;
        let checkpoint = source.key.sign(head, tree.root());
        let part = encoder.part(Part::Records(BackupRecords { frames, checkpoint }))?;
        if !send(part, head.revision, last) {
            return Ok(());
        }
    }
    for piece in image.keystore.chunks(PART_BYTES) {
        let part = encoder.part(Part::Keystore(BackupKeystore { bytes: piece.to_vec() }))?;
        if !send(part, last, last) {
            return Ok(());
        }
    }
    send(encoder.end()?, last, last);
    Ok(())
}

fn next_records(
    reader: &dyn LogReader,
    from: u64,
    last: u64,
) -> Result<Vec<StoredRecord>, ReadError> {
    let most = usize::try_from(last - from + 1).unwrap_or(usize::MAX).min(PART_RECORDS_MAX);
    let mut records = reader.read(from, most)?;
    let mut bytes = 0;
    let fitting = records
        .iter()
        .take_while(|record| {
            let has_room = bytes < PART_BYTES;
            bytes += record.bytes.len();
            has_room
        })
        .count();
    records.truncate(fitting);
    Ok(records)
}
