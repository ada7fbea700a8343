//! The log in memory, for the simulator and for tests: the obligations of `EventLog`
//! except that it ends with the process. Never touches the disk.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use bytes::Bytes;
use countersign_shared::id::LogId;

use super::{
    AppendError, ChainHash, EventLog, Head, LogReader, READ_BYTES_MAX, ReadError, StoredRecord,
    Tree, admit,
};

/// A log that lives as long as its handles.
pub struct MemoryLog {
    log_id: LogId,
    records: Arc<Records>,
}

impl MemoryLog {
    pub fn new(log_id: LogId) -> Self {
        let genesis = Head::genesis(log_id);
        Self { log_id, records: Arc::new(Records { genesis, stored: RwLock::new(Vec::new()) }) }
    }
}

impl EventLog for MemoryLog {
    fn log_id(&self) -> LogId {
        self.log_id
    }

    fn head(&self) -> Head {
        self.records.head()
    }

    fn append(&mut self, expected: u64, records: &[Vec<u8>]) -> Result<Head, AppendError> {
        let mut head = self.head();
        admit(head, expected, records)?;
        let appended = records.iter().map(|record| {
            head = head.then(record);
            let bytes = Bytes::copy_from_slice(record);
            StoredRecord { revision: head.revision, hash: head.hash, bytes }
        });
        self.records.stored.write().unwrap_or_else(PoisonError::into_inner).extend(appended);
        Ok(head)
    }

    fn reader(&self) -> Arc<dyn LogReader> {
        self.records.clone()
    }
}

impl fmt::Debug for MemoryLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryLog").field("log_id", &self.log_id).finish_non_exhaustive()
    }
}

/// The records in order: revision 1 is the first of them.
struct Records {
    genesis: Head,
    stored: RwLock<Vec<StoredRecord>>,
}

impl Records {
    fn stored(&self) -> RwLockReadGuard<'_, Vec<StoredRecord>> {
        self.stored.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogReader for Records {
    fn head(&self) -> Head {
        self.stored()
            .last()
            .map_or(self.genesis, |last| Head { revision: last.revision, hash: last.hash })
    }

    fn read(&self, from: u64, records_max: usize) -> Result<Vec<StoredRecord>, ReadError> {
        let stored = self.stored();
        let start = index(from).min(stored.len());
        Ok(page(stored.iter().skip(start), records_max))
    }

    fn read_back(&self, from: u64, records_max: usize) -> Result<Vec<StoredRecord>, ReadError> {
        let stored = self.stored();
        let end = usize::try_from(from).unwrap_or(usize::MAX).min(stored.len());
        Ok(page(stored.iter().take(end).rev(), records_max))
    }

    fn hash_at(&self, revision: u64) -> Result<Option<ChainHash>, ReadError> {
        if revision == 0 {
            return Ok(Some(self.genesis.hash));
        }
        Ok(self.stored().get(index(revision)).map(|record| record.hash))
    }

    /// Made anew at each call: a log in memory is small, and asked for its tree by tests alone.
    fn tree(&self) -> Tree {
        let mut tree = Tree::default();
        self.stored().iter().for_each(|record| tree.push(record.hash));
        tree
    }
}

fn index(revision: u64) -> usize {
    usize::try_from(revision.saturating_sub(1)).unwrap_or(usize::MAX)
}

/// As many of the records as one read gives.
fn page<'a>(
    records: impl Iterator<Item = &'a StoredRecord>,
    records_max: usize,
) -> Vec<StoredRecord> {
    let mut bytes = 0;
    records
        .take(records_max)
        .take_while(|record| {
            let room = bytes < READ_BYTES_MAX;
            bytes += record.bytes.len();
            room
        })
        .cloned()
        .collect()
}
