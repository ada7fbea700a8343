//! The frame: one to 32 records as they are stored together, in sled and in segments.
//! Owns the bytes' layout and their verification; never knows where they lie.
//!
//! ```text
//!  0  version 1, zero     2  count     4  length of the whole     8  writer epoch
//! 16  first revision     24  hash before the first record
//! 56  the records, each with its length (4 bytes) before it
//!  …  hash after the last record (32 bytes), check (8 bytes)
//! ```
//! Numbers are big-endian. The hashes verify the records, the check the header. Stored
//! frames never change: another layout is another version.

use bytes::{Buf, Bytes};
use sha2::{Digest, Sha256};

use super::{ChainHash, Head, StoredRecord};

/// A frame holds this many records at most.
pub(super) const FRAME_RECORDS_MAX: usize = 32;
/// A frame is this long at most, unless it is the frame of a single longer record.
pub(super) const FRAME_BYTES_MAX: usize = 6 * 1024;

const VERSION: u8 = 1;
const HEADER_BYTES: usize = 56;
const CHECK_BYTES: usize = 8;
const TRAILER_BYTES: usize = ChainHash::BYTES + CHECK_BYTES;
const LENGTH_BYTES: usize = 4;

/// A frame, verified: its records follow one another from `before` to `last`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Which opening of the log wrote it.
    pub(super) writer_epoch: u64,
    /// The head before the first record.
    pub(super) before: Head,
    /// One at least.
    pub(crate) records: Vec<StoredRecord>,
    /// The head after the last record.
    pub(super) last: Head,
}

/// A frame as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Encoded {
    pub(super) first_revision: u64,
    pub(super) bytes: Vec<u8>,
}

/// What is wrong with the bytes of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum FrameError {
    #[error("the frame is cut short")]
    CutShort,
    #[error("the frame is of version {0}, which this program does not know")]
    UnknownVersion(u8),
    #[error("the frame's header is altered")]
    Header,
    #[error("the frame's records are altered: their hash is not the one stored")]
    Records,
}

/// Puts the records into as few frames as the limits allow. Returns the new head too, and the
/// chain's hash after each record.
pub(super) fn encode(
    writer_epoch: u64,
    head: Head,
    records: &[Vec<u8>],
) -> (Vec<Encoded>, Head, Vec<ChainHash>) {
    let mut frames = Vec::new();
    let mut hashes = Vec::with_capacity(records.len());
    let mut before = head;
    let mut rest = records;
    while !rest.is_empty() {
        let (together, later) = rest.split_at(fitting(rest));
        let (frame, last) = encode_one(writer_epoch, before, together, &mut hashes);
        frames.push(frame);
        before = last;
        rest = later;
    }
    (frames, before, hashes)
}

/// The length of the frame that begins here, as soon as so much of it is read.
pub(super) fn length(bytes: &[u8]) -> Option<usize> {
    let mut header = bytes.get(LENGTH_BYTES..)?;
    header.try_get_u32().ok().map(widen)
}

/// Reads and verifies a frame. The bytes have to be exactly those of the frame.
pub(super) fn decode(bytes: &Bytes) -> Result<Frame, FrameError> {
    if bytes.len() < HEADER_BYTES + TRAILER_BYTES {
        return Err(FrameError::CutShort);
    }
    let header = bytes.slice(..HEADER_BYTES);
    let (writer_epoch, count, before) = decode_header(&header, bytes.len())?;

    let mut body = bytes.slice(HEADER_BYTES..bytes.len() - TRAILER_BYTES);
    let mut records = Vec::with_capacity(usize::from(count));
    let mut last = before;
    for _ in 0..count {
        let record = take_record(&mut body).ok_or(FrameError::CutShort)?;
        last = last.then(&record);
        records.push(StoredRecord { revision: last.revision, hash: last.hash, bytes: record });
    }
    let mut trailer = bytes.slice(bytes.len() - TRAILER_BYTES..);
    let stored = take_hash(&mut trailer);
    if trailer != check(&header, stored).as_slice() {
        return Err(FrameError::Header);
    }
    if stored != last.hash || !body.is_empty() {
        return Err(FrameError::Records);
    }
    Ok(Frame { writer_epoch, before, records, last })
}

/// How many of the records go into the next frame: one at least.
fn fitting(records: &[Vec<u8>]) -> usize {
    let mut bytes = HEADER_BYTES + TRAILER_BYTES;
    records
        .iter()
        .take(FRAME_RECORDS_MAX)
        .take_while(|record| {
            bytes += LENGTH_BYTES + record.len();
            bytes <= FRAME_BYTES_MAX
        })
        .count()
        .max(1)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a frame has at most 32 records, and an append at most APPEND_BYTES_MAX bytes"
)]
fn encode_one(
    writer_epoch: u64,
    before: Head,
    records: &[Vec<u8>],
    hashes: &mut Vec<ChainHash>,
) -> (Encoded, Head) {
    let body: usize = records.iter().map(|record| LENGTH_BYTES + record.len()).sum();
    let length = HEADER_BYTES + body + TRAILER_BYTES;
    let mut bytes = Vec::with_capacity(length);
    bytes.extend_from_slice(&[VERSION, 0]);
    bytes.extend_from_slice(&(records.len() as u16).to_be_bytes());
    bytes.extend_from_slice(&(length as u32).to_be_bytes());
    bytes.extend_from_slice(&writer_epoch.to_be_bytes());
    bytes.extend_from_slice(&(before.revision + 1).to_be_bytes());
    bytes.extend_from_slice(before.hash.as_bytes());
    let header = bytes.clone();

    let mut last = before;
    for record in records {
        last = last.then(record);
        hashes.push(last.hash);
        bytes.extend_from_slice(&(record.len() as u32).to_be_bytes());
        bytes.extend_from_slice(record);
    }
    bytes.extend_from_slice(last.hash.as_bytes());
    bytes.extend_from_slice(&check(&header, last.hash));
    (Encoded { first_revision: before.revision + 1, bytes }, last)
}

fn decode_header(header: &Bytes, frame_bytes: usize) -> Result<(u64, u16, Head), FrameError> {
    let mut header = header.clone();
    let version = header.get_u8();
    if version != VERSION {
        return Err(FrameError::UnknownVersion(version));
    }
    let zero = header.get_u8();
    let count = header.get_u16();
    let length = widen(header.get_u32());
    let writer_epoch = header.get_u64();
    let first_revision = header.get_u64();
    let hash = take_hash(&mut header);
    if length != frame_bytes {
        return Err(FrameError::CutShort);
    }
    if zero != 0 || count == 0 || usize::from(count) > FRAME_RECORDS_MAX || first_revision == 0 {
        return Err(FrameError::Header);
    }
    Ok((writer_epoch, count, Head { revision: first_revision - 1, hash }))
}

fn take_record(body: &mut Bytes) -> Option<Bytes> {
    let length = widen(body.try_get_u32().ok()?);
    (length <= body.len()).then(|| body.split_to(length))
}

fn take_hash(bytes: &mut Bytes) -> ChainHash {
    let mut hash = [0; ChainHash::BYTES];
    bytes.copy_to_slice(&mut hash);
    ChainHash::from_bytes(hash)
}

/// Covers what the chain does not: the writer's epoch, and the header's other fields at once.
fn check(header: &[u8], last: ChainHash) -> [u8; CHECK_BYTES] {
    let digest = Sha256::new_with_prefix(b"countersign frame v1\0")
        .chain_update(header)
        .chain_update(last.as_bytes())
        .finalize();
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(digest.split_at(CHECK_BYTES).0);
    check
}

fn widen(length: u32) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use countersign_shared::id::LogId;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn genesis() -> Head {
        Head::genesis(LogId::from_bytes([7; 16]))
    }

    fn decode_all(frames: &[Encoded]) -> Vec<Frame> {
        frames.iter().map(|frame| decode(&Bytes::from(frame.bytes.clone())).unwrap()).collect()
    }

    #[test]
    fn the_layout_is_pinned() {
        let records = [b"first".to_vec(), Vec::new(), vec![0xff; 3]];
        let (frames, _, _) = encode(5, genesis(), &records);
        assert_eq!(frames.len(), 1);
        let golden = include_str!("../../tests/log_frame_golden.txt").trim_end();
        assert_eq!(data_encoding::HEXLOWER.encode(&frames[0].bytes), golden);
    }

    #[test]
    fn a_frame_has_at_most_32_records_and_6_kib() {
        let (frames, _, _) = encode(1, genesis(), &vec![vec![1; 20]; 70]);
        let counts: Vec<_> = decode_all(&frames).iter().map(|frame| frame.records.len()).collect();
        assert_eq!(counts, [32, 32, 6]);

        let (frames, _, _) =
            encode(1, genesis(), &[vec![1; 3050], vec![1; 3050], vec![1; 100_000]]);
        let lengths: Vec<_> = frames.iter().map(|frame| frame.bytes.len()).collect();
        assert_eq!(lengths, [3150, 3150, 100_100]);
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let (frames, _, _) = encode(1, genesis(), &[b"first".to_vec(), b"second".to_vec()]);
        let good = &frames[0].bytes;
        for bit in 0..good.len() * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&Bytes::from(bytes)).is_err(), "bit {bit}");
        }
        for length in 0..good.len() {
            assert!(decode(&Bytes::copy_from_slice(&good[..length])).is_err(), "length {length}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(
            records in vec(vec(any::<u8>(), 0..2000), 0..80),
            epoch: u64,
            revision in 0..u64::MAX / 2,
        ) {
            let before = Head { revision, ..genesis() };
            let (frames, head, hashes) = encode(epoch, before, &records);
            let decoded = decode_all(&frames);
            let mut last = before;
            for (frame, encoded) in decoded.iter().zip(&frames) {
                prop_assert_eq!(frame.before, last);
                prop_assert_eq!(frame.writer_epoch, epoch);
                prop_assert_eq!(encoded.first_revision, last.revision + 1);
                prop_assert_eq!(length(&encoded.bytes), Some(encoded.bytes.len()));
                prop_assert!(encoded.bytes.len() <= FRAME_BYTES_MAX || frame.records.len() == 1);
                last = frame.last;
            }
            prop_assert_eq!(last, head);
            let bytes: Vec<_> =
                decoded.iter().flat_map(|frame| &frame.records).map(|r| r.bytes.to_vec()).collect();
            prop_assert_eq!(bytes, records);
            let stored: Vec<_> =
                decoded.iter().flat_map(|frame| &frame.records).map(|r| r.hash).collect();
            prop_assert_eq!(stored, hashes);
        }

        #[test]
        fn any_bytes_are_refused_without_a_panic(bytes in vec(any::<u8>(), 0..400)) {
            prop_assert!(decode(&Bytes::from(bytes)).is_err());
        }

        #[test]
        fn a_plausible_header_before_any_bytes_is_refused_without_a_panic(
            mut bytes in vec(any::<u8>(), 96..400),
            count in 0..40_u16,
        ) {
            let length = u32::try_from(bytes.len()).unwrap();
            bytes[..2].copy_from_slice(&[VERSION, 0]);
            bytes[2..4].copy_from_slice(&count.to_be_bytes());
            bytes[4..8].copy_from_slice(&length.to_be_bytes());
            prop_assert!(decode(&Bytes::from(bytes)).is_err());
        }
    }
}
