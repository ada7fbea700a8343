//! State snapshots on a real disk: which one a start goes on from.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::fs;
use std::path::PathBuf;

use countersign_control_plane::log::{ChainHash, DataDir, SnapshotStore};
use countersign_shared::id::LogId;
use tempfile::TempDir;

const LOG: LogId = LogId::from_bytes([1; 16]);

fn hash(revision: u64) -> ChainHash {
    ChainHash::genesis(LOG).then(revision, b"whatever happened")
}

fn state(revision: u64) -> Vec<u8> {
    format!("the state at {revision}").into_bytes()
}

/// Snapshots at the given revisions.
fn saved(revisions: &[u64]) -> (TempDir, SnapshotStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = SnapshotStore::of(&DataDir::open(directory.path(), LOG).unwrap());
    for revision in revisions {
        store.save(*revision, hash(*revision), &state(*revision)).unwrap();
    }
    (directory, store)
}

fn file(directory: &TempDir, revision: u64) -> PathBuf {
    directory.path().join(format!("snapshots/{revision:020}.snapshot"))
}

/// The revision of the snapshot that is loaded, having checked what is in it.
fn loaded(store: &SnapshotStore, at_or_before: u64) -> Option<u64> {
    let snapshot = store.load_newest(at_or_before, |revision| Some(hash(revision)))?;
    assert_eq!(snapshot.bytes, state(snapshot.revision));
    assert_eq!(snapshot.hash, hash(snapshot.revision));
    Some(snapshot.revision)
}

#[test]
fn the_newest_at_or_before_a_revision_is_loaded() {
    let (_directory, store) = saved(&[10, 20, 30]);
    for (at_or_before, expected) in
        [(9, None), (10, Some(10)), (29, Some(20)), (30, Some(30)), (u64::MAX, Some(30))]
    {
        assert_eq!(loaded(&store, at_or_before), expected, "{at_or_before}");
    }
    assert_eq!(loaded(&saved(&[]).1, u64::MAX), None);
}

#[test]
fn four_are_kept() {
    let (directory, store) = saved(&[5, 10, 15, 20, 25, 30]);
    assert_eq!(fs::read_dir(directory.path().join("snapshots")).unwrap().count(), 4);
    assert_eq!(loaded(&store, 14), None);
    assert_eq!(loaded(&store, 15), Some(15));
}

#[test]
fn one_that_does_not_match_the_log_is_passed_over() {
    let (_directory, store) = saved(&[10, 20, 30]);
    // The log was rolled back to 25, and then it went on another way at 15.
    let shorter = |revision| (revision <= 25).then(|| hash(revision));
    assert_eq!(store.load_newest(u64::MAX, shorter).unwrap().revision, 20);
    let forked = |revision| Some(hash(if revision < 15 { revision } else { 0 }));
    assert_eq!(store.load_newest(u64::MAX, forked).unwrap().revision, 10);
}

#[test]
fn an_altered_or_torn_one_is_passed_over() {
    let (directory, store) = saved(&[10, 20]);
    let good = fs::read(file(&directory, 20)).unwrap();
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        fs::write(file(&directory, 20), bytes).unwrap();
        assert_eq!(loaded(&store, u64::MAX), Some(10), "byte {at}");
        fs::write(file(&directory, 20), &good[..at]).unwrap();
        assert_eq!(loaded(&store, u64::MAX), Some(10), "length {at}");
    }
    fs::write(file(&directory, 20), &good).unwrap();
    assert_eq!(loaded(&store, u64::MAX), Some(20));
    fs::rename(file(&directory, 20), file(&directory, 25)).unwrap();
    assert_eq!(loaded(&store, u64::MAX), Some(10));
}

#[test]
fn one_of_another_log_is_passed_over() {
    let (directory, store) = saved(&[10]);
    let other = tempfile::tempdir().unwrap();
    let theirs =
        SnapshotStore::of(&DataDir::open(other.path(), LogId::from_bytes([2; 16])).unwrap());
    theirs.save(20, hash(20), &state(20)).unwrap();
    fs::copy(file(&other, 20), file(&directory, 20)).unwrap();
    assert_eq!(loaded(&store, u64::MAX), Some(10));
}

#[test]
fn what_a_crash_left_unfinished_is_removed() {
    let (directory, _store) = saved(&[10]);
    let unfinished = directory.path().join("snapshots/00000000000000000020.snapshot.new");
    fs::write(&unfinished, b"torn").unwrap();
    let store = SnapshotStore::of(&DataDir::open(directory.path(), LOG).unwrap());
    assert!(!unfinished.exists());
    assert_eq!(loaded(&store, u64::MAX), Some(10));
}
