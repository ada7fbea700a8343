//! A data directory that was changed: `verify_directory` finds it, says where, and writes nothing.
//! Seeded, on copies of a real log, its segments and its files of sled.
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

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use countersign_control_plane::audit::{Shown, Verified, verify_directory};
use countersign_control_plane::keystore::MasterKey;
use countersign_control_plane::log::{Checkpoint, CheckpointKey, EventLog, StillLog, VerifierKey};
use tempfile::TempDir;

use directory::{LOG, Numbers, append, copy, open, wait_until};
use sealed::{RECORDS, last_of, log, segments};

const MUTATIONS: usize = 1_000;

fn key() -> VerifierKey {
    CheckpointKey::derive(&MasterKey::from_bytes([3; 32]), LOG).verifier().clone()
}

fn verify(path: &Path) -> Result<Verified, String> {
    verify_directory(path, &key(), vec![]).map_err(|error| error.to_string())
}

/// The same without sled, as an archive has it: up to the last sealed revision.
fn archive() -> TempDir {
    let archive = copy(log());
    fs::remove_dir_all(archive.path().join("sled")).unwrap();
    let sealed = segments(archive.path(), ".checkpoint").pop().unwrap();
    fs::copy(archive.path().join(sealed), archive.path().join("checkpoint")).unwrap();
    archive
}

fn content(path: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(path).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            found.extend(content(&entry.path()));
        } else if entry.file_name() != "ballast" {
            found.insert(entry.path(), fs::read(entry.path()).unwrap());
        }
    }
    found
}

#[test]
fn a_log_as_it_was_closed_verifies_and_is_not_written_to() {
    let directory = copy(log());
    let before = content(directory.path());
    let verified = verify(directory.path()).unwrap();
    assert_eq!((verified.head.revision, verified.agreed), (RECORDS, RECORDS));
    assert_eq!(verified.checkpoints, 3);
    assert!(content(directory.path()) == before, "verifying wrote to the directory");
    let archive = archive();
    let sealed = last_of(&segments(archive.path(), ".seg")[1]);
    assert_eq!(verify(archive.path()).unwrap().head.revision, sealed);
}

#[test]
fn a_log_in_use_is_left_alone() {
    let directory = copy(log());
    let _open = open(directory.path()).unwrap();
    let error = verify(directory.path()).unwrap_err();
    assert!(error.contains("in use by the process"), "{error}");
}

#[test]
fn a_thousand_flipped_bits_in_segments_and_checkpoints_are_found_with_their_place() {
    let archive = archive();
    let mut files = content(&archive.path().join("segments"));
    let checkpoint = archive.path().join("checkpoint");
    files.insert(checkpoint.clone(), fs::read(&checkpoint).unwrap());
    let files: Vec<_> = files.into_iter().collect();
    let mut random = Numbers(5);
    for round in 0..MUTATIONS {
        // The small files as often as the large ones.
        let (path, good) = &files[round % files.len()];
        let mut bytes = good.clone();
        let place = random.below(bytes.len() as u64) as usize;
        bytes[place] ^= 1 << random.below(8);
        fs::write(path, &bytes).unwrap();
        let error = verify(archive.path()).expect_err("a flipped bit passed");
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(error.contains(name) || error.contains("revision"), "{name}: {error}");
        fs::write(path, good).unwrap();
    }
    verify(archive.path()).unwrap();
}

#[test]
fn segments_that_are_missing_cut_swapped_or_forged_are_found() {
    let [first, second] = segments(log().path(), ".seg").try_into().unwrap();
    let (ends, sealed) = (last_of(&first), last_of(&second));
    let missing = archive();
    fs::remove_file(missing.path().join(&first)).unwrap();
    assert!(verify(missing.path()).unwrap_err().contains("segment from revision 1 is expected"));

    let cut = archive();
    fs::remove_file(cut.path().join(&second)).unwrap();
    let error = verify(cut.path()).unwrap_err();
    assert!(
        error.contains(&format!("end at revision {ends}")) && error.contains(&sealed.to_string()),
        "{error}"
    );

    let swapped = archive();
    fs::rename(swapped.path().join(&first), swapped.path().join("aside")).unwrap();
    fs::rename(swapped.path().join(&second), swapped.path().join(&first)).unwrap();
    fs::rename(swapped.path().join("aside"), swapped.path().join(&second)).unwrap();
    verify(swapped.path()).expect_err("swapped segments passed");

    // Another log by the same key, so that all its hashes are right: only what was signed differs.
    let forged = archive();
    let other = tempfile::tempdir().unwrap();
    let mut theirs = open(other.path()).unwrap();
    append(&mut theirs, 499);
    theirs.append(499, &[record_like(500)]).unwrap();
    while theirs.head().revision < RECORDS {
        let left = (RECORDS - theirs.head().revision) as usize;
        append(&mut theirs, left.min(500));
    }
    wait_until("the segments", || other.path().join(&second).exists());
    drop(theirs);
    fs::copy(other.path().join(&first), forged.path().join(&first)).unwrap();
    let error = verify(forged.path()).unwrap_err();
    assert!(error.contains(&format!("between revision 1 and {ends}")), "{error}");

    // With all of its files it is a good log, but not the one that was signed before.
    let note = fs::read_to_string(log().path().join("checkpoint")).unwrap();
    let checkpoint = Checkpoint::open(&note, &key()).unwrap();
    let shown = vec![Shown { by: "kept".into(), checkpoint }];
    verify(other.path()).unwrap();
    let error = verify_directory(other.path(), &key(), shown).unwrap_err().to_string();
    assert!(error.contains("kept") && error.contains("9000"), "{error}");
}

/// Another record than the one that belongs at a revision, and as long.
fn record_like(revision: u64) -> Vec<u8> {
    let mut record = directory::record(revision);
    record[0] = b'R';
    record
}

/// Not every byte of sled's file holds a record; one that does not may change. What must not
/// happen is that verifying passes while a record differs.
#[test]
fn flipped_bits_in_sled_are_found_unless_every_record_is_as_it_was() {
    let directory = copy(log());
    let path = directory.path().join("sled/db");
    let good = fs::read(&path).unwrap();
    let records = |directory: &TempDir| {
        let mut records = Vec::new();
        let log = StillLog::open(directory.path()).unwrap();
        log.each_stored(|record| {
            records.push(record.clone());
            true
        })
        .unwrap();
        records
    };
    let whole = records(&directory);
    let mut random = Numbers(6);
    let mut found = 0;
    for _ in 0..40 {
        let mut bytes = good.clone();
        bytes[random.below(good.len() as u64) as usize] ^= 1 << random.below(8);
        fs::write(&path, &bytes).unwrap();
        match verify(directory.path()) {
            Ok(_) => assert!(records(&directory) == whole, "a changed record passed"),
            Err(_) => found += 1,
        }
    }
    assert!(found > 0, "no flip was found");
}
