//! The bytes of a backup: parts, each compressed and with a check of its own, and at the end SHA-256
//! over everything before. Owns the layout; never knows what the parts mean together.
//!
//! ```text
//! "countersign backup v1" and a zero byte
//! parts: length of the body (4)  check (8)  body: a `BackupPart` of countersign.store.v1, by zlib
//! ```
//! Numbers are big-endian. The check is the beginning of SHA-256 over a tag, the part's number from 0,
//! its length and its body, so that no part passes for another. After the end there is nothing.

use std::io::{self, Read, Write};

use countersign_proto::store::v1::backup_part::Part;
use countersign_proto::store::v1::{BackupEnd, BackupPart};
use flate2::Compression;
use flate2::bufread::ZlibDecoder;
use flate2::write::ZlibEncoder;
use prost::Message;
use sha2::{Digest, Sha256};

use super::read::BackupError;

pub(super) const MAGIC: &[u8] = b"countersign backup v1\0";
/// No part is longer, compressed or not.
const PART_BYTES_MAX: usize = 4 * 1024 * 1024;
const LENGTH_BYTES: usize = 4;
const CHECK_BYTES: usize = 8;

/// Makes the bytes of a file, part by part.
#[derive(Debug)]
pub(super) struct Encoder {
    digest: Sha256,
    number: u64,
}

impl Encoder {
    /// And the bytes that a file begins with.
    pub(super) fn new() -> (Self, Vec<u8>) {
        (Self { digest: Sha256::new_with_prefix(MAGIC), number: 0 }, MAGIC.to_vec())
    }

    /// The bytes of the next part.
    pub(super) fn part(&mut self, part: Part) -> io::Result<Vec<u8>> {
        let plain = BackupPart { part: Some(part) }.encode_to_vec();
        let mut deflate = ZlibEncoder::new(Vec::new(), Compression::default());
        deflate.write_all(&plain)?;
        let body = deflate.finish()?;
        let length = u32::try_from(body.len()).map_err(io::Error::other)?;
        let mut bytes = Vec::with_capacity(LENGTH_BYTES + CHECK_BYTES + body.len());
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&check(self.number, length, &body));
        bytes.extend_from_slice(&body);
        self.number += 1;
        self.digest.update(&bytes);
        Ok(bytes)
    }

    /// The bytes of the last part.
    pub(super) fn end(mut self) -> io::Result<Vec<u8>> {
        let sha256 = self.digest.clone().finalize().to_vec();
        self.part(Part::End(BackupEnd { sha256 }))
    }
}

/// Reads a file part by part.
#[derive(Debug)]
pub(super) struct Parts<R> {
    from: R,
    digest: Sha256,
    number: u64,
    /// Where the next part begins.
    offset: u64,
}

impl<R: Read> Parts<R> {
    pub(super) fn open(mut from: R) -> Result<Self, BackupError> {
        let magic = take(&mut from, MAGIC.len())?;
        if magic != MAGIC {
            return Err(BackupError::at(0, "it is not a backup of version 1"));
        }
        let digest = Sha256::new_with_prefix(&magic);
        Ok(Self { from, digest, number: 0, offset: MAGIC.len() as u64 })
    }

    /// Where the part that comes next begins in the file.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next part; none at the end, after which there must be nothing.
    pub(super) fn next(&mut self) -> Result<Option<Part>, BackupError> {
        let at = self.offset;
        let wrong = |what: &str| BackupError::at(at, what);
        let header = take(&mut self.from, LENGTH_BYTES + CHECK_BYTES)?;
        let (length, found) = header
            .split_first_chunk::<LENGTH_BYTES>()
            .ok_or_else(|| wrong("it is cut off, or the end of it is missing"))?;
        let length = u32::from_be_bytes(*length);
        let bytes = usize::try_from(length).unwrap_or(usize::MAX);
        if bytes > PART_BYTES_MAX {
            return Err(wrong("the length of a part is altered"));
        }
        let body = take(&mut self.from, bytes)?;
        if body.len() < bytes || found.len() < CHECK_BYTES {
            return Err(wrong("it is cut off within a part, or the length of one is altered"));
        }
        if found != check(self.number, length, &body) {
            return Err(wrong("a part is altered or out of place: its check is another"));
        }
        let plain = inflate(&body).ok_or_else(|| wrong("a part cannot be decompressed"))?;
        let part = BackupPart::decode(plain.as_slice()).ok().and_then(|it| it.part);
        let part = part.ok_or_else(|| wrong("a part is of no kind that this version knows"))?;
        if let Part::End(BackupEnd { sha256 }) = part {
            return self.end(&sha256, at, (header.len() + body.len()) as u64).map(|()| None);
        }
        self.digest.update(&header);
        self.digest.update(&body);
        self.number += 1;
        self.offset += (header.len() + body.len()) as u64;
        Ok(Some(part))
    }

    fn end(&mut self, sha256: &[u8], at: u64, bytes: u64) -> Result<(), BackupError> {
        if self.digest.clone().finalize().as_slice() != sha256 {
            return Err(BackupError::at(at, "the digest over the whole file is another"));
        }
        self.offset += bytes;
        if !take(&mut self.from, 1)?.is_empty() {
            return Err(BackupError::at(self.offset, "something follows the end of the backup"));
        }
        Ok(())
    }
}

fn check(number: u64, length: u32, body: &[u8]) -> [u8; CHECK_BYTES] {
    let digest = Sha256::new_with_prefix(b"countersign backup part v1\0")
        .chain_update(number.to_be_bytes())
        .chain_update(length.to_be_bytes())
        .chain_update(body)
        .finalize();
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(digest.split_at(CHECK_BYTES).0);
    check
}

/// So many bytes, or fewer at the end of the file.
fn take(from: &mut impl Read, bytes: usize) -> Result<Vec<u8>, BackupError> {
    let mut taken = Vec::new();
    from.take(bytes as u64).read_to_end(&mut taken)?;
    Ok(taken)
}

/// What was compressed, if it is that and nothing more, and not longer than a part may be.
fn inflate(body: &[u8]) -> Option<Vec<u8>> {
    let mut inflate = ZlibDecoder::new(body);
    let mut plain = Vec::new();
    inflate.by_ref().take(PART_BYTES_MAX as u64 + 1).read_to_end(&mut plain).ok()?;
    let whole = inflate.total_in() == body.len() as u64;
    (whole && plain.len() <= PART_BYTES_MAX).then_some(plain)
}
