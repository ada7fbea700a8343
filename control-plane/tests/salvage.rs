//! What can still be read of a data directory that is damaged: as much as segments and store give
//! together, nothing that was not signed, and what is missing is told.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

#[path = "log_local/directory.rs"]
#[allow(dead_code, reason = "shared with the suite of the log")]
mod directory;
#[path = "log_local/sealed.rs"]
mod sealed;

use std::fs;
use std::path::Path;

use countersign_control_plane::backup::Salvage;
use countersign_control_plane::keystore::MasterKey;
use countersign_control_plane::log::EventLog;
use tempfile::TempDir;

use directory::{append, copy, open, record, wait_until};
use sealed::{RECORDS, last_of, log, segments};

fn salvage(directory: &Path) -> Result<Salvage, String> {
    Salvage::read(directory, &MasterKey::from_bytes([3; 32])).map_err(|error| error.to_string())
}

/// Up to which revision the log could be read, how many are lost, and what was in the way.
fn read(directory: &TempDir) -> (u64, u64, String) {
    let salvaged = salvage(directory.path()).unwrap();
    (salvaged.head().revision, salvaged.lost(), salvaged.obstacles().join("; "))
}

fn lose_store(directory: &TempDir) {
    fs::remove_dir_all(directory.path().join("sled")).unwrap();
}

/// Changes a byte in the middle.
fn damage(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file, bytes).unwrap();
}

#[test]
fn of_a_directory_that_is_well_all_is_read() {
    assert_eq!(read(&copy(log())), (RECORDS, 0, String::new()));
}

#[test]
fn without_the_store_what_is_sealed_is_read_and_the_rest_is_told_as_lost() {
    let directory = copy(log());
    let sealed = last_of(&segments(directory.path(), ".seg")[1]);
    lose_store(&directory);
    assert_eq!(read(&directory), (sealed, RECORDS - sealed, "sled/ is not there".to_owned()));
}

#[test]
fn a_store_that_is_no_longer_one_is_passed_over() {
    let directory = copy(log());
    let sealed = last_of(&segments(directory.path(), ".seg")[1]);
    let store = directory.path().join("sled/db");
    let length = fs::metadata(&store).unwrap().len() as usize;
    fs::write(&store, vec![0xa5; length]).unwrap();
    let (head, lost, obstacles) = read(&directory);
    assert!(head >= sealed && head + lost == RECORDS, "{head} and {lost}");
    assert!(!obstacles.is_empty() || lost == 0);
}

#[test]
fn what_a_segment_lacks_the_store_gives() {
    for spoil in [damage as fn(&Path), |file| fs::remove_file(file).unwrap()] {
        let directory = copy(log());
        let first = &segments(directory.path(), ".seg")[0];
        spoil(&directory.path().join(first));
        let (head, lost, obstacles) = read(&directory);
        assert_eq!((head, lost), (RECORDS, 0), "{obstacles}");
        assert!(obstacles.contains("segments/"), "{obstacles}");
    }
}

#[test]
fn with_neither_it_ends_before_the_damage() {
    let directory = copy(log());
    let [first, second] = segments(directory.path(), ".seg").try_into().unwrap();
    damage(&directory.path().join(&second));
    lose_store(&directory);
    let ends = last_of(&first);
    let (head, lost, obstacles) = read(&directory);
    assert_eq!((head, lost), (ends, RECORDS - ends));
    assert!(obstacles.contains(second.file_name().unwrap().to_str().unwrap()), "{obstacles}");
    damage(&directory.path().join(&first));
    assert!(salvage(directory.path()).unwrap_err().starts_with("no record can be read"));
}

#[test]
fn what_was_not_signed_is_not_taken() {
    let directory = copy(log());
    let [first, second] = segments(directory.path(), ".seg").try_into().unwrap();
    // Another log by the same key, so that all its hashes are right: only what was signed differs.
    let other = tempfile::tempdir().unwrap();
    let mut theirs = open(other.path()).unwrap();
    append(&mut theirs, 499);
    theirs.append(499, &[record(7)]).unwrap();
    while theirs.head().revision < RECORDS {
        let left = (RECORDS - theirs.head().revision) as usize;
        append(&mut theirs, left.min(500));
    }
    wait_until("the segments", || other.path().join(&second).exists());
    drop(theirs);
    for segment in segments(other.path(), ".seg") {
        fs::copy(other.path().join(&segment), directory.path().join(&segment)).unwrap();
    }
    let error = salvage(directory.path()).unwrap_err();
    assert!(error.contains("not the log that was signed"), "{error}");
    assert!(directory.path().join(&first).exists());
}

#[test]
fn a_directory_in_use_is_left_alone() {
    let directory = copy(log());
    let _open = open(directory.path()).unwrap();
    assert!(salvage(directory.path()).unwrap_err().contains("in use by the process"));
}
