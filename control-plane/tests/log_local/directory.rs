//! Data directories to damage: made, copied, and opened again.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use countersign_control_plane::keystore::MasterKey;
use countersign_control_plane::log::{
    CheckpointKey, DataDir, Durability, EventLog, Head, LocalLog, OpenError,
};
use countersign_shared::id::LogId;
use tempfile::TempDir;

pub(crate) const LOG: LogId = LogId::from_bytes([1; 16]);
const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) fn open(path: &Path) -> Result<LocalLog, OpenError> {
    open_as(path, LOG, [3; 32])
}

pub(crate) fn open_as(path: &Path, log_id: LogId, master: [u8; 32]) -> Result<LocalLog, OpenError> {
    let dir = DataDir::open(path, log_id)?;
    let key = CheckpointKey::derive(&MasterKey::from_bytes(master), dir.log_id());
    LocalLog::open(dir, key, Durability::Full)
}

pub(crate) fn refused(path: &Path) -> OpenError {
    open(path).map(|log| log.head()).unwrap_err()
}

/// The record that belongs at a revision.
pub(crate) fn record(revision: u64) -> Vec<u8> {
    let mut record = format!("record {revision} ").into_bytes();
    record.resize(200, b'.');
    record
}

pub(crate) fn append(log: &mut LocalLog, count: usize) -> Head {
    let head = log.head();
    let records: Vec<_> = (head.revision + 1..).take(count).map(record).collect();
    log.append(head.revision, &records).unwrap()
}

/// A closed log of so many records, appended singly and in batches.
pub(crate) fn closed_log(records: u64) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut log = open(directory.path()).unwrap();
    while log.head().revision < records {
        let left = records - log.head().revision;
        append(&mut log, if left.is_multiple_of(3) { 1 } else { left.min(40) as usize });
    }
    directory
}

pub(crate) fn assert_whole(log: &LocalLog, at_least: u64) {
    let head = log.head().revision;
    assert!(head >= at_least, "the log ends at {head}, before {at_least}");
    let read = log.reader().read(1, usize::MAX).unwrap();
    assert_eq!(read.len() as u64, head);
    for stored in read {
        assert_eq!(stored.bytes, record(stored.revision));
    }
}

pub(crate) fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_directory(&entry.path(), &target);
        } else if entry.file_name() == "ballast" {
            fs::hard_link(entry.path(), target).unwrap();
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

pub(crate) fn copy(directory: &TempDir) -> TempDir {
    let copied = tempfile::tempdir().unwrap();
    copy_directory(directory.path(), copied.path());
    copied
}

pub(crate) fn replace_directory(path: &Path, with: &Path) {
    fs::remove_dir_all(path).unwrap();
    copy_directory(with, path);
}

pub(crate) fn wait_until(what: &str, mut reached: impl FnMut() -> bool) {
    let began = Instant::now();
    while !reached() {
        assert!(began.elapsed() < DEADLINE, "{what}: not within {DEADLINE:?}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Numbers that are the same in every run.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}
