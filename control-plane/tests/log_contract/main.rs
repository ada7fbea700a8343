//! The obligations of `EventLog`, held against every store.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "../../../tests/src/etcd.rs"]
#[allow(dead_code, reason = "the other suites ask more of it")]
#[expect(
    unreachable_pub,
    clippy::expect_used,
    reason = "it is a file of the suites that cross crates"
)]
mod etcd;
mod shared;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use countersign_control_plane::keystore::MasterKey;
use countersign_control_plane::log::{
    APPEND_BYTES_MAX, APPEND_RECORDS_MAX, AppendError, ChainHash, CheckpointKey, DataDir,
    Durability, EventLog, Head, LocalLog, LogReader, MemoryLog, READ_BYTES_MAX, RECORD_BYTES_MAX,
    StoredRecord,
};
use countersign_shared::id::LogId;

const LOG: LogId = LogId::from_bytes([1; 16]);

fn open_local(directory: &tempfile::TempDir) -> LocalLog {
    let dir = DataDir::open(directory.path(), LOG).unwrap();
    let key = CheckpointKey::derive(&MasterKey::from_bytes([3; 32]), LOG);
    LocalLog::open(dir, key, Durability::Full).unwrap()
}

/// Runs each case on an empty log of each store.
macro_rules! on_every_store {
    ($($case:ident)*) => {
        mod memory {
            $(#[test]
            fn $case() {
                super::$case(&mut super::MemoryLog::new(super::LOG));
            })*
        }

        mod local {
            $(#[test]
            fn $case() {
                let directory = tempfile::tempdir().unwrap();
                super::$case(&mut super::open_local(&directory));
            })*
        }

        mod replica {
            $(#[test]
            fn $case() {
                let cluster = super::etcd::Etcd::start();
                let directory = tempfile::tempdir().unwrap();
                super::$case(&mut super::shared::open(&cluster, directory.path()));
            })*
        }
    };
}

on_every_store! {
    an_empty_log_is_at_revision_0
    records_take_the_next_revisions
    an_append_on_another_head_is_refused
    no_records_change_nothing
    what_is_too_large_is_refused_whole
    large_records_and_large_appends_come_back
    reads_are_pages_forwards_and_backwards
    a_read_is_limited_in_bytes
    every_revision_has_the_hash_of_its_past
    a_reader_sees_whole_appends_while_they_are_written
}

fn records(count: usize, salt: u8) -> Vec<Vec<u8>> {
    (0..count).map(|number| format!("record {number} of {salt}").into_bytes()).collect()
}

fn append(log: &mut dyn EventLog, records: &[Vec<u8>]) -> Head {
    let head = log.append(log.head().revision, records).unwrap();
    assert_eq!(log.head(), head);
    head
}

fn read_all(reader: &dyn LogReader) -> Vec<StoredRecord> {
    let mut all: Vec<StoredRecord> = Vec::new();
    loop {
        let page = reader.read(all.len() as u64 + 1, 7).unwrap();
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

fn bytes(records: &[StoredRecord]) -> Vec<Vec<u8>> {
    records.iter().map(|record| record.bytes.to_vec()).collect()
}

fn revisions(records: &[StoredRecord]) -> Vec<u64> {
    records.iter().map(|record| record.revision).collect()
}

fn an_empty_log_is_at_revision_0(log: &mut dyn EventLog) {
    assert_eq!(log.log_id(), LOG);
    assert_eq!(log.head(), Head { revision: 0, hash: ChainHash::genesis(LOG) });
    let reader = log.reader();
    assert_eq!(reader.head(), log.head());
    assert_eq!(reader.read(0, 10).unwrap(), []);
    assert_eq!(reader.read_back(u64::MAX, 10).unwrap(), []);
    assert_eq!(reader.hash_at(0).unwrap(), Some(ChainHash::genesis(LOG)));
    assert_eq!(reader.hash_at(1).unwrap(), None);
}

fn records_take_the_next_revisions(log: &mut dyn EventLog) {
    let reader = log.reader();
    let mut expected = Vec::new();
    for (salt, count) in [1, 2, 31, 32, 33, 100, 1].into_iter().enumerate() {
        let appended = records(count, u8::try_from(salt).unwrap());
        let head = append(log, &appended);
        expected.extend(appended);
        assert_eq!(head.revision, expected.len() as u64);
        assert_eq!(reader.head(), head);
    }
    let all = read_all(reader.as_ref());
    assert_eq!(bytes(&all), expected);
    assert_eq!(revisions(&all), (1..=expected.len() as u64).collect::<Vec<_>>());
}

fn an_append_on_another_head_is_refused(log: &mut dyn EventLog) {
    let head = append(log, &records(3, 0));
    for expected in [0, 2, 4, u64::MAX] {
        let refused = log.append(expected, &records(1, 1)).unwrap_err();
        assert!(matches!(refused, AppendError::Conflict { head: found } if found == head));
    }
    assert_eq!(log.head(), head);
    assert_eq!(read_all(log.reader().as_ref()).len(), 3);
}

fn no_records_change_nothing(log: &mut dyn EventLog) {
    let head = append(log, &records(2, 0));
    assert_eq!(append(log, &[]), head);
    assert!(matches!(log.append(1, &[]), Err(AppendError::Conflict { .. })));
}

fn what_is_too_large_is_refused_whole(log: &mut dyn EventLog) {
    let half = vec![0; RECORD_BYTES_MAX / 2];
    for refused in [
        vec![b"fits".to_vec(), vec![0; RECORD_BYTES_MAX + 1]],
        vec![half; 2 * APPEND_BYTES_MAX / RECORD_BYTES_MAX + 1],
        vec![Vec::new(); APPEND_RECORDS_MAX + 1],
    ] {
        let error = log.append(0, &refused).unwrap_err();
        assert!(matches!(error, AppendError::TooLarge { .. }), "{error}");
    }
    assert_eq!(log.head().revision, 0);
    assert_eq!(log.reader().read(1, 10).unwrap(), []);
    append(log, &records(1, 0));
}

fn large_records_and_large_appends_come_back(log: &mut dyn EventLog) {
    let mut expected = Vec::new();
    for appended in [
        vec![vec![1; 100 * 1024]],
        vec![vec![2; 10], vec![3; 6 * 1024], Vec::new(), vec![4; RECORD_BYTES_MAX], vec![5; 10]],
        vec![vec![6; RECORD_BYTES_MAX]; APPEND_BYTES_MAX / RECORD_BYTES_MAX],
        vec![vec![7; 50]; APPEND_RECORDS_MAX],
    ] {
        append(log, &appended);
        expected.extend(appended);
    }
    let reader = log.reader();
    assert!(bytes(&read_all(reader.as_ref())) == expected);
    let hash = reader.read(4, 1).unwrap()[0].hash;
    assert_eq!(reader.hash_at(4).unwrap(), Some(hash));
}

fn reads_are_pages_forwards_and_backwards(log: &mut dyn EventLog) {
    append(log, &records(50, 0));
    append(log, &records(50, 1));
    let reader = log.reader();
    let forwards = |from, max| revisions(&reader.read(from, max).unwrap());
    let backwards = |from, max| revisions(&reader.read_back(from, max).unwrap());
    assert_eq!(forwards(0, 3), [1, 2, 3]);
    assert_eq!(forwards(31, 4), [31, 32, 33, 34]);
    assert_eq!(forwards(99, 10), [99, 100]);
    assert_eq!(forwards(101, 10), []);
    assert_eq!(forwards(u64::MAX, 10), []);
    assert_eq!(forwards(1, 0), []);
    assert_eq!(backwards(52, 4), [52, 51, 50, 49]);
    assert_eq!(backwards(u64::MAX, 2), [100, 99]);
    assert_eq!(backwards(2, 10), [2, 1]);
    assert_eq!(backwards(0, 10), []);
    assert_eq!(backwards(100, 0), []);
    let mut down = reader.read_back(100, 1000).unwrap();
    down.reverse();
    assert_eq!(down, reader.read(1, 1000).unwrap());
}

fn a_read_is_limited_in_bytes(log: &mut dyn EventLog) {
    let count = READ_BYTES_MAX / RECORD_BYTES_MAX + 2;
    for _ in 0..count {
        append(log, &[vec![0; RECORD_BYTES_MAX]]);
    }
    let reader = log.reader();
    assert_eq!(reader.read(1, usize::MAX).unwrap().len(), count - 2);
    assert_eq!(reader.read_back(u64::MAX, usize::MAX).unwrap().len(), count - 2);
    assert_eq!(reader.read(count as u64, usize::MAX).unwrap().len(), 1);
}

fn every_revision_has_the_hash_of_its_past(log: &mut dyn EventLog) {
    let mut hash = ChainHash::genesis(LOG);
    for (salt, count) in [1, 40, 5].into_iter().enumerate() {
        append(log, &records(count, u8::try_from(salt).unwrap()));
    }
    let reader = log.reader();
    for record in read_all(reader.as_ref()) {
        hash = hash.then(record.revision, &record.bytes);
        assert_eq!(record.hash, hash);
        assert_eq!(reader.hash_at(record.revision).unwrap(), Some(hash));
    }
    assert_eq!(log.head().hash, hash);
    assert_eq!(reader.hash_at(log.head().revision + 1).unwrap(), None);
}

/// Each append is 40 records, more than a frame: a reader never sees a part of one.
fn a_reader_sees_whole_appends_while_they_are_written(log: &mut dyn EventLog) {
    const APPEND_RECORDS: u64 = 40;
    let reader = log.reader();
    let done = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&done);
    let reading = thread::spawn(move || {
        let mut seen = 0;
        while !stop.load(Ordering::Acquire) || seen < reader.head().revision {
            let head = reader.head();
            assert_eq!(head.revision % APPEND_RECORDS, 0);
            let page = reader.read(seen + 1, 1000).unwrap();
            assert!(page.len() as u64 >= (head.revision - seen).min(1000));
            assert_eq!(page.len() as u64 % APPEND_RECORDS, 0);
            let newest = reader.read_back(u64::MAX, 3).unwrap();
            assert!(newest.first().map_or(0, |record| record.revision) >= head.revision);
            seen += page.len() as u64;
        }
        seen
    });
    for salt in 0..50 {
        append(log, &records(usize::try_from(APPEND_RECORDS).unwrap(), salt));
    }
    done.store(true, Ordering::Release);
    assert_eq!(reading.join().unwrap(), 50 * APPEND_RECORDS);
}

#[test]
fn the_same_records_have_the_same_hashes_in_every_store() {
    let directory = tempfile::tempdir().unwrap();
    let mut local = open_local(&directory);
    let mut memory = MemoryLog::new(LOG);
    for (salt, count) in [3, 40, 1].into_iter().enumerate() {
        let appended = records(count, u8::try_from(salt).unwrap());
        assert_eq!(append(&mut local, &appended), append(&mut memory, &appended));
    }
    let cluster = etcd::Etcd::start();
    let directory = tempfile::tempdir().unwrap();
    let mut shared = shared::open(&cluster, directory.path());
    for (salt, count) in [3, 40, 1].into_iter().enumerate() {
        append(&mut shared, &records(count, u8::try_from(salt).unwrap()));
    }
    assert_eq!(local.reader().read(1, 100).unwrap(), memory.reader().read(1, 100).unwrap());
    assert_eq!(local.reader().read(1, 100).unwrap(), shared.reader().read(1, 100).unwrap());
}

#[test]
fn a_log_on_disk_is_the_same_when_it_is_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for round in 0..4 {
        let mut log = open_local(&directory);
        assert_eq!(read_all(log.reader().as_ref()), expected);
        append(&mut log, &records(45, round));
        append(&mut log, &[vec![round; 20_000]]);
        expected = read_all(log.reader().as_ref());
    }
    assert_eq!(expected.len(), 4 * 46);
}
