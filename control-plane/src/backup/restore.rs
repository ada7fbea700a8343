//! From a backup to a data directory that a control plane starts on: the log as it was at a revision,
//! under a new epoch, so that no node takes it for the history that it saw go on. All of the backup is
//! verified on the way, also what comes after that revision.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::lives::Forgotten;
use super::read::{BackupError, Contents, Passed, Walked, time_of, walk};
use crate::log::disk::DiskError;
use crate::log::restored::NewDirectory;
use crate::log::{Checkpoint, Head, OpenError, StoredRecord, VerifierKey};

/// Up to where a log is restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// All that is in the backup.
    Head,
    Revision(u64),
    /// The last event at or before a time, in milliseconds since 1970.
    Time(i64),
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The new directory's log ends here,
    pub head: Head,
    /// under this epoch.
    pub epoch: u64,
    /// What the backup holds.
    pub contents: Contents,
}

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error("{} is there already: give a path at which nothing is", .0.display())]
    Exists(PathBuf),
    #[error(
        "{} was left by a restore that was broken off: remove it, then begin again", .0.display()
    )]
    Unfinished(PathBuf),
    #[error("the backup is damaged or forged: {0}")]
    Backup(#[from] BackupError),
    #[error("revision {wanted} is not in the backup, which is of revision {last}")]
    ToCome { wanted: u64, last: u64 },
    #[error("at that time there was no event yet: the first one of the backup is later")]
    TooEarly,
    #[error("epoch {given} is not after epoch {former}, which nodes know: give a later one")]
    Epoch { given: u64, former: u64 },
    #[error(
        "secrets that lived at revision {revision} were forgotten before the backup was made, and no \
         control plane starts there without them, of the signature keys {names}. The first revision \
         after it at which all are there is {next}; an older backup may have them"
    )]
    Forgotten { revision: u64, names: String, next: u64 },
    #[error(transparent)]
    Directory(#[from] OpenError),
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Makes a data directory at a path where nothing is. `epoch` is the one after the backup's, unless
/// one is given. Without a key the checkpoints in the backup are verified by the first start.
///
/// The keystore is kept as it is in the backup: which secret a data key opens is known without the
/// master key, but not written without it. Data keys of secrets that came after the revision open
/// nothing there is.
pub fn restore(
    from: impl Read,
    to: &Path,
    until: Until,
    epoch: Option<u64>,
    key: Option<&VerifierKey>,
) -> Result<Restored, RestoreError> {
    if to.symlink_metadata().is_ok() {
        return Err(RestoreError::Exists(to.to_owned()));
    }
    let unfinished = NewDirectory::unfinished(to);
    if unfinished.symlink_metadata().is_ok() {
        return Err(RestoreError::Unfinished(unfinished));
    }
    let mut taken = Taken {
        to,
        until,
        given: epoch,
        epoch: 0,
        directory: None,
        note: String::new(),
        is_reached: false,
    };
    let Walked { contents, image, lives } = walk(from, key, vec![], |passed| taken.take(&passed))?;
    let Taken { epoch, directory, note, .. } = taken;
    let directory = directory.ok_or(RestoreError::TooEarly)?;
    let (head, last) = (directory.head(), contents.verified.head.revision);
    match until {
        Until::Revision(wanted) if wanted != head.revision => {
            return Err(RestoreError::ToCome { wanted, last });
        }
        Until::Time(_) if head.revision == 0 => return Err(RestoreError::TooEarly),
        _ => {}
    }
    if let Some(Forgotten { names, next }) = lives.forgotten(head.revision, &image.secret_ids()) {
        let (revision, names) = (head.revision, names.join(", "));
        return Err(RestoreError::Forgotten { revision, names, next });
    }
    directory.finish(epoch, &note, &image)?;
    Ok(Restored { head, epoch, contents })
}

/// What is taken of what passes.
struct Taken<'a> {
    to: &'a Path,
    until: Until,
    given: Option<u64>,
    epoch: u64,
    directory: Option<NewDirectory>,
    /// The newest checkpoint that is not after the end.
    note: String,
    /// What comes now is after the end.
    is_reached: bool,
}

impl Taken<'_> {
    fn take(&mut self, passed: &Passed<'_>) -> Result<(), RestoreError> {
        match *passed {
            Passed::Head { log_id, epoch: former, note } => {
                self.epoch = self.given.unwrap_or(former.saturating_add(1));
                if self.epoch <= former {
                    return Err(RestoreError::Epoch { given: self.epoch, former });
                }
                self.directory = Some(NewDirectory::beside(self.to, log_id)?);
                note.clone_into(&mut self.note);
            }
            Passed::Records { offset, records, note } => self.records(offset, records, note)?,
        }
        Ok(())
    }

    fn records(
        &mut self,
        offset: u64,
        records: &[StoredRecord],
        note: &str,
    ) -> Result<(), RestoreError> {
        let mut wanted = 0;
        for record in records {
            let is_wanted = match self.until {
                Until::Head => true,
                Until::Revision(revision) => record.revision <= revision,
                Until::Time(time_ms) => time_of(record, offset)? <= time_ms,
            };
            self.is_reached |= !is_wanted;
            if self.is_reached {
                break;
            }
            wanted += 1;
        }
        let Some(directory) = &mut self.directory else { return Ok(()) };
        directory.append(records.get(..wanted).unwrap_or_default())?;
        let signed = Checkpoint::unverified(note).map_or(u64::MAX, |it| it.head.revision);
        if signed <= directory.head().revision {
            note.clone_into(&mut self.note);
        }
        Ok(())
    }
}
