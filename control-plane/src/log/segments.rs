//! Sealed segments: the log once more, in plain files of whole frames that are written
//! once, synced, and never changed. Export, restore and verification read them when sled
//! does not open. Owns their names and content; the keeper decides when to seal.
//!
//! A segment is `<first revision>-<last revision>.seg`, each with 20 digits; in it are
//! `countersign segment v1` and a zero byte, the log's id, and frames to the end. Beside it is
//! `<…>.checkpoint`, the checkpoint of its last revision, so that a change is found to its segment.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use countersign_shared::id::LogId;

use super::disk::{self, DiskError};
use super::{DataDir, Head, StoredRecord, pack};

const MAGIC: &[u8] = b"countersign segment v1\0";
const HEADER_BYTES: usize = MAGIC.len() + 16;
const SUFFIX: &str = ".seg";
const CHECKPOINT_SUFFIX: &str = ".checkpoint";

/// The sealed segments of a log.
#[derive(Debug, Clone)]
pub struct Segments {
    directory: PathBuf,
    log_id: LogId,
}

/// A segment by its name. What is in it is verified when it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    pub first_revision: u64,
    pub last_revision: u64,
    path: PathBuf,
}

/// The records of a segment, verified to follow one another after `before`.
#[derive(Debug)]
pub struct SegmentRecords {
    pub before: Head,
    pub records: Vec<StoredRecord>,
    pub last: Head,
}

/// What is wrong with a segment.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    #[error("{} is damaged: {what}", file.display())]
    Corrupt { file: PathBuf, what: String },
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl Segments {
    /// The segments in a data directory that this process has open.
    pub fn of(dir: &DataDir) -> Self {
        Self::at(&dir.segments_path(), dir.log_id())
    }

    /// The segments in any directory, such as a copy.
    pub fn at(directory: &Path, log_id: LogId) -> Self {
        Self { directory: directory.to_owned(), log_id }
    }

    /// All segments in order. One that is missing between two others, or at the start, is an error.
    pub fn list(&self) -> Result<Vec<Segment>, SegmentError> {
        match self.list_whole()? {
            (segments, None) => Ok(segments),
            (_, Some(error)) => Err(error),
        }
    }

    /// The segments in order that follow one another from the start, and why there are no more of them,
    /// where there are files that do not.
    pub fn list_whole(&self) -> Result<(Vec<Segment>, Option<SegmentError>), DiskError> {
        let mut segments = Vec::new();
        let mut next = 1;
        for name in disk::names(&self.directory)?.iter().filter(|name| name.ends_with(SUFFIX)) {
            let path = self.directory.join(name);
            let Some((first_revision, last_revision)) = parse_name(name) else {
                return Ok((segments, Some(corrupt(&path, "its name is not two revisions"))));
            };
            if first_revision != next || last_revision < first_revision {
                let what = format!("the segment from revision {next} is expected");
                return Ok((segments, Some(corrupt(&path, &what))));
            }
            next = last_revision + 1;
            segments.push(Segment { first_revision, last_revision, path });
        }
        Ok((segments, None))
    }

    /// Reads a segment and verifies everything in it.
    pub fn read(&self, segment: &Segment) -> Result<SegmentRecords, SegmentError> {
        let corrupt = |what: &str| corrupt(&segment.path, what);
        let bytes = fs::read(&segment.path).map_err(DiskError::at("read", &segment.path))?;
        let mut rest = Bytes::from(bytes);
        if rest.len() < HEADER_BYTES || rest.split_to(MAGIC.len()) != MAGIC {
            return Err(corrupt("it is not a segment"));
        }
        if rest.split_to(HEADER_BYTES - MAGIC.len()) != self.log_id.as_bytes().as_slice() {
            return Err(corrupt("it is of another log"));
        }
        let frames = pack::unpack(rest, segment.first_revision).map_err(|what| corrupt(&what))?;
        let (Some(before), Some(last)) =
            (frames.first().map(|first| first.before), frames.last().map(|frame| frame.last))
        else {
            return Err(corrupt("it is empty"));
        };
        if (before.revision + 1, last.revision) != (segment.first_revision, segment.last_revision) {
            return Err(corrupt("its records are not those its name says"));
        }
        let records = frames.into_iter().flat_map(|frame| frame.records).collect();
        Ok(SegmentRecords { before, records, last })
    }

    /// Reads all segments and verifies that they are one chain. Returns its end.
    pub fn verify(&self) -> Result<Head, SegmentError> {
        let mut head = Head::genesis(self.log_id);
        for segment in self.list()? {
            let read = self.read(&segment)?;
            if read.before != head {
                return Err(corrupt(&segment.path, "it does not follow the segment before it"));
            }
            head = read.last;
        }
        Ok(head)
    }

    /// Writes a segment of whole frames, durably when it returns.
    pub(super) fn seal(&self, first: u64, last: u64, frames: &[Bytes]) -> Result<(), DiskError> {
        let mut bytes = [MAGIC, self.log_id.as_bytes()].concat();
        for frame in frames {
            bytes.extend_from_slice(frame);
        }
        disk::replace(&self.directory.join(format!("{first:020}-{last:020}{SUFFIX}")), &bytes)
    }

    /// The checkpoints beside the segments, by their paths: notes, still to be verified.
    pub fn checkpoints(&self) -> Result<Vec<(PathBuf, String)>, SegmentError> {
        let names = disk::names(&self.directory)?.into_iter();
        let paths = names.filter(|name| name.ends_with(CHECKPOINT_SUFFIX));
        let mut found = Vec::new();
        for path in paths.map(|name| self.directory.join(name)) {
            let bytes = fs::read(&path).map_err(DiskError::at("read", &path))?;
            found.push((path, String::from_utf8_lossy(&bytes).into_owned()));
        }
        Ok(found)
    }

    /// Writes the checkpoint of a segment's last revision beside it.
    pub(super) fn mark(&self, first: u64, last: u64, note: &str) -> Result<(), DiskError> {
        let name = format!("{first:020}-{last:020}{CHECKPOINT_SUFFIX}");
        disk::replace(&self.directory.join(name), note.as_bytes())
    }
}

impl Segment {
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn parse_name(name: &str) -> Option<(u64, u64)> {
    let (first, last) = name.strip_suffix(SUFFIX)?.split_once('-')?;
    let parse = |digits: &str| (digits.len() == 20).then(|| digits.parse().ok())?;
    Some((parse(first)?, parse(last)?))
}

fn corrupt(file: &Path, what: &str) -> SegmentError {
    SegmentError::Corrupt { file: file.to_owned(), what: what.to_owned() }
}
