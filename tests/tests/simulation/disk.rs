//! What is left of a log when its process is gone, and the log of a process, which may be told
//! to die within its next append.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use countersign_control_plane::log::{AppendError, EventLog, Head, LogReader, MemoryLog};
use countersign_shared::id::LogId;

/// A log at rest, and what was acknowledged of it.
#[derive(Debug, Clone)]
pub(crate) struct Disk {
    pub(crate) log_id: LogId,
    pub(crate) records: Vec<Vec<u8>>,
    /// Requests that were answered, with the last revision that each was told.
    pub(crate) acknowledged: Vec<(u64, u64)>,
}

impl Disk {
    /// As a backup of an earlier time has it.
    pub(crate) fn rolled_back(&self, revision: u64) -> Self {
        let mut earlier = self.clone();
        earlier.records.truncate(usize::try_from(revision).unwrap());
        earlier.acknowledged.retain(|(_, acknowledged)| *acknowledged <= revision);
        earlier
    }

    pub(crate) fn open(&self) -> (DyingLog, Arc<Fate>) {
        let mut log = MemoryLog::new(self.log_id);
        log.append(0, &self.records).unwrap();
        let fate = Arc::new(Fate::default());
        (DyingLog { log, fate: Arc::clone(&fate) }, fate)
    }

    /// Takes over what a process has left.
    pub(crate) fn close(&mut self, reader: &dyn LogReader) {
        let from = self.records.len() as u64 + 1;
        let left = reader.read(from, usize::MAX).unwrap();
        self.records.extend(left.into_iter().map(|record| record.bytes.to_vec()));
    }
}

/// What becomes of the next append.
#[derive(Debug, Default)]
pub(crate) struct Fate(AtomicU8);

const LIVES: u8 = 0;
const LOSES: u8 = 1;
const KEEPS: u8 = 2;

impl Fate {
    /// The process dies in it: before it is durable, or after and before anybody is told.
    pub(crate) fn dies(&self, kept: bool) {
        self.0.store(if kept { KEEPS } else { LOSES }, Relaxed);
    }

    pub(crate) fn lives(&self) {
        self.0.store(LIVES, Relaxed);
    }
}

pub(crate) struct DyingLog {
    log: MemoryLog,
    fate: Arc<Fate>,
}

impl EventLog for DyingLog {
    fn log_id(&self) -> LogId {
        self.log.log_id()
    }

    fn head(&self) -> Head {
        self.log.head()
    }

    fn append(&mut self, expected: u64, records: &[Vec<u8>]) -> Result<Head, AppendError> {
        let fate = self.fate.0.load(Relaxed);
        if fate == LOSES {
            return Err(AppendError::Fatal("the process dies before it is durable".into()));
        }
        let head = self.log.append(expected, records)?;
        if fate == KEEPS {
            return Err(AppendError::Fatal("the process dies after it is durable".into()));
        }
        Ok(head)
    }

    fn reader(&self) -> Arc<dyn LogReader> {
        self.log.reader()
    }
}
