//! A backup of what can still be read of a data directory that no control plane starts on: of its sealed
//! segments and of sled, wherever one of them goes on from what was read so far. All of it is verified
//! against the chain and against every checkpoint there is. Writes nothing to the directory.

use std::path::Path;

use super::write::{Copied, WriteError, write_copied};
use crate::audit::{Finding, Shown, Verification};
use crate::keystore::{Image, KeystoreError, MasterKey, seed_of};
use crate::log::disk::{self, DiskError};
use crate::log::{
    AppendError, Checkpoint, CheckpointKey, EventLog, Head, MemoryLog, SegmentError, StillError,
    StillLog, StoredRecord,
};

/// What can be read of a data directory. The records of its log are in memory.
#[derive(Debug)]
pub struct Salvage {
    log: MemoryLog,
    image: Image,
    key: CheckpointKey,
    epoch: u64,
    /// The newest revision that a checkpoint shows to have been durable.
    shown: u64,
    obstacles: Vec<String>,
}

/// Why nothing can be salvaged.
#[derive(Debug, thiserror::Error)]
pub enum SalvageError {
    #[error(transparent)]
    Still(#[from] StillError),
    #[error(transparent)]
    Keystore(#[from] KeystoreError),
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error("no record can be read: {}", .0.join("; "))]
    Nothing(Vec<String>),
    #[error("what can be read is not the log that was signed: {0}")]
    Forged(Finding),
}

impl Salvage {
    /// Reads all that can be read. Nobody may be using the directory.
    pub fn read(directory: &Path, master: &MasterKey) -> Result<Self, SalvageError> {
        let still = StillLog::open(directory)?;
        let log_id = still.log_id();
        let (ring, keystore) = (directory.join("keyring"), directory.join("keystore"));
        let image = Image {
            keyring: disk::read_if_there(&ring)?.unwrap_or_default(),
            keystore: disk::read_if_there(&keystore)?.unwrap_or_default(),
        };
        let seed = seed_of(&ring, &image.keyring, master, log_id)?;
        let key = CheckpointKey::from_seed(&seed, log_id);
        let log = MemoryLog::new(log_id);
        let mut salvage =
            Self { log, image, key, epoch: still.epoch(), shown: 0, obstacles: vec![] };
        let shown = salvage.checkpoints(&still)?;
        // What one of them lacks the other may have, and after it the first one again.
        salvage.take_segments(&still);
        salvage.take_store(&still);
        salvage.take_segments(&still);
        if salvage.head().revision == 0 {
            return Err(SalvageError::Nothing(salvage.obstacles));
        }
        salvage.hold_to(shown).map_err(SalvageError::Forged)?;
        Ok(salvage)
    }

    /// Up to where the log can be read.
    pub fn head(&self) -> Head {
        self.log.head()
    }

    /// How many revisions were durable, as a checkpoint shows, and cannot be read.
    pub fn lost(&self) -> u64 {
        self.shown.saturating_sub(self.head().revision)
    }

    /// What could not be read, and why.
    pub fn obstacles(&self) -> &[String] {
        &self.obstacles
    }

    /// The backup, as `write` makes it of a log that is well.
    pub fn write(
        &self,
        now_ms: i64,
        send: impl FnMut(Vec<u8>, u64, u64) -> bool,
    ) -> Result<(), WriteError> {
        let copied = Copied {
            reader: &*self.log.reader(),
            key: &self.key,
            last: self.head().revision,
            image: self.image.clone(),
            epoch: self.epoch,
            now_ms,
        };
        write_copied(copied, send)
    }

    fn take_segments(&mut self, still: &StillLog) {
        let Some(segments) = still.segments() else { return };
        let (listed, gap) = match segments.list_whole() {
            Ok(listed) => listed,
            Err(error) => return self.hindered(&error),
        };
        if let Some(gap) = gap {
            self.hindered(&gap);
        }
        for segment in listed {
            if segment.last_revision <= self.head().revision {
                continue;
            }
            match segments.read(&segment) {
                Ok(read) if !self.take(&read.records) => {
                    let what = "it does not go on from what was read before it".to_owned();
                    let file = segment.path().to_owned();
                    return self.hindered(&SegmentError::Corrupt { file, what });
                }
                Ok(_) => {}
                Err(error) => return self.hindered(&error),
            }
        }
    }

    fn take_store(&mut self, still: &StillLog) {
        if !still.has_store() {
            return self.hindered(&"sled/ is not there");
        }
        let (mut goes_on, mut end) = (true, 0);
        let read = still.each_stored(|record| {
            goes_on = self.take(std::slice::from_ref(record));
            end = record.revision;
            goes_on
        });
        match read {
            Err(error) => self.hindered(&error),
            Ok(()) if !goes_on => {
                self.hindered(&"sled/ does not go on from what was read before it");
            }
            // What is damaged may look like less to sled.
            Ok(()) if end < self.shown => self.hindered(&format!("sled/ ends at revision {end}")),
            Ok(()) => {}
        }
    }

    /// Takes those of the records that are not there yet, where they go on from what is there.
    fn take(&mut self, records: &[StoredRecord]) -> bool {
        let head = self.head();
        let new = records.iter().filter(|record| record.revision > head.revision);
        let bytes: Vec<Vec<u8>> = new.clone().map(|record| record.bytes.to_vec()).collect();
        let reached = bytes.iter().fold(head, |head, bytes| head.then(bytes));
        let is_next = records.last().is_none_or(|last| {
            last.revision <= head.revision
                || reached == Head { revision: last.revision, hash: last.hash }
        });
        is_next && bytes.chunks(1).all(|one| self.append(one).is_ok())
    }

    fn append(&mut self, records: &[Vec<u8>]) -> Result<Head, AppendError> {
        self.log.append(self.head().revision, records)
    }

    /// The checkpoints in the directory that the key has signed. One that cannot be read proves nothing.
    fn checkpoints(&mut self, still: &StillLog) -> Result<Vec<Shown>, StillError> {
        let mut notes: Vec<_> = still.checkpoint()?.into_iter().collect();
        match still.segments().map_or_else(|| Ok(vec![]), |segments| segments.checkpoints()) {
            Ok(beside) => notes.extend(beside),
            Err(error) => self.hindered(&error),
        }
        let mut shown = Vec::new();
        for (file, note) in notes {
            match Checkpoint::open(&note, self.key.verifier()) {
                Ok(checkpoint) => {
                    self.shown = self.shown.max(checkpoint.head.revision);
                    shown.push(Shown { by: file.display().to_string(), checkpoint });
                }
                Err(error) => self.hindered(&format!("{}: {error}", file.display())),
            }
        }
        Ok(shown)
    }

    /// Holds what was read to those of the checkpoints that it reaches.
    fn hold_to(&self, mut shown: Vec<Shown>) -> Result<(), Finding> {
        let end = self.head().revision;
        shown.retain(|it| it.checkpoint.head.revision <= end);
        let mut verification = Verification::of_log(self.log.log_id(), shown)?;
        let reader = self.log.reader();
        let mut next = 1;
        while let Ok(records) = reader.read(next, usize::MAX)
            && let Some(last) = records.last()
        {
            next = last.revision + 1;
            for record in &records {
                verification.stored(record)?;
            }
        }
        verification.finish(0).map(drop)
    }

    fn hindered(&mut self, what: &dyn std::fmt::Display) {
        let what = what.to_string();
        if !self.obstacles.contains(&what) {
            self.obstacles.push(what);
        }
    }
}
