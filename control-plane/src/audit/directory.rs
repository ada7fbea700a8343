//! Verifying a data directory that no process uses: its sealed segments and what sled holds, each
//! against the chain, the tree and all checkpoints there are. Writes nothing to it.

use std::fmt;
use std::path::{Path, PathBuf};

use super::{Finding, Shown, Verification, Verified};
use crate::log::{
    Checkpoint, CheckpointError, OpenError, SegmentError, StillError, StillLog, VerifierKey,
};

/// What is wrong with a data directory. Each says in which part of it, and where.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    #[error(transparent)]
    Still(#[from] StillError),
    #[error(transparent)]
    Segment(#[from] SegmentError),
    #[error("{}: {error}", file.display())]
    Checkpoint { file: PathBuf, error: CheckpointError },
    #[error("in {part}: {finding}")]
    Found { part: Part, finding: Finding },
    #[error("{} has neither sled/ nor segments/: there is no log in it", .0.display())]
    NoLog(PathBuf),
}

/// Where records were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Segments,
    Sled,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Segments => "segments/",
            Self::Sled => "sled/",
        })
    }
}

/// Verifies all that is there. `shown` are checkpoints that were kept elsewhere; those in the
/// directory are taken as well, if the key signed them.
pub fn verify_directory(
    path: &Path,
    key: &VerifierKey,
    mut shown: Vec<Shown>,
) -> Result<Verified, DirectoryError> {
    let log = StillLog::open(path)?;
    shown.extend(checkpoints(&log, key)?);
    let (segments, has_store) = (log.segments(), log.has_store());
    let found = |part| move |finding| DirectoryError::Found { part, finding };

    let mut verified = None;
    if let Some(segments) = segments {
        let part = Part::Segments;
        let begin = Verification::of_log(log.log_id(), shown.clone());
        let mut verification = begin.map_err(found(part))?;
        for segment in segments.list()? {
            for record in segments.read(&segment)?.records {
                verification.stored(&record).map_err(found(part))?;
            }
        }
        // What is not sealed yet is in sled alone.
        if !has_store {
            verified = Some(verification.finish(0).map_err(found(part))?);
        }
    }
    if has_store {
        let part = Part::Sled;
        let mut verification = Verification::of_log(log.log_id(), shown).map_err(found(part))?;
        let mut first = Ok(());
        log.each_stored(|record| {
            first = verification.stored(record);
            first.is_ok()
        })?;
        first.map_err(found(part))?;
        verified = Some(verification.finish(0).map_err(found(part))?);
    }
    verified.ok_or_else(|| DirectoryError::NoLog(path.to_owned()))
}

fn checkpoints(log: &StillLog, key: &VerifierKey) -> Result<Vec<Shown>, DirectoryError> {
    let mut notes = Vec::new();
    if let Some(segments) = log.segments() {
        notes.extend(segments.checkpoints()?);
    }
    notes.extend(log.checkpoint().map_err(|error: OpenError| StillError::Open(error))?);
    let mut shown = Vec::new();
    for (file, note) in notes {
        match Checkpoint::open(&note, key) {
            Ok(checkpoint) => shown.push(Shown { by: file.display().to_string(), checkpoint }),
            Err(error) => return Err(DirectoryError::Checkpoint { file, error }),
        }
    }
    Ok(shown)
}
