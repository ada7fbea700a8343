//! The log on a real disk against kills, torn and altered files, and the wrong files.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod directory;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use countersign_control_plane::keystore::MasterKeyError;
use countersign_control_plane::log::{
    CheckpointKey, DataDir, Durability, EventLog, LocalLog, OpenError, SegmentError, Segments,
};
use countersign_shared::id::LogId;
use tempfile::TempDir;

use directory::{
    LOG, Numbers, append, assert_whole, closed_log, copy, open, open_as, refused,
    replace_directory, wait_until,
};

/// With this many records a segment is sealed.
const SEGMENT_RECORDS: usize = 4096;
/// Names the directory in which `append_until_killed` is to append.
const APPEND_IN: &str = "COUNTERSIGN_TEST_APPEND_IN";

#[test]
fn a_second_opening_is_refused_and_names_the_first_ones_pid() {
    let directory = tempfile::tempdir().unwrap();
    let first = open(directory.path()).unwrap();
    let error = refused(directory.path());
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    // A reader keeps the lock as well, for it reads the files.
    let reader = first.reader();
    drop(first);
    assert!(matches!(refused(directory.path()), OpenError::Locked { .. }));
    drop(reader);
    open(directory.path()).unwrap();
}

#[test]
fn only_the_owner_can_look_into_the_data_directory() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data");
    drop(open(&path).unwrap());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for directory in ["", "sled", "segments", "snapshots"] {
        assert_eq!(mode(&path.join(directory)), 0o700, "{directory}");
    }
    for file in ["lock", "identity", "checkpoint", "ballast", "sled/db", "sled/conf"] {
        assert_eq!(mode(&path.join(file)), 0o600, "{file}");
    }
}

#[test]
fn files_of_another_log_are_refused() {
    let ours = closed_log(10);
    let theirs = tempfile::tempdir().unwrap();
    let other = LogId::from_bytes([2; 16]);
    append(&mut open_as(theirs.path(), other, [3; 32]).unwrap(), 10);

    let mixed = copy(&ours);
    replace_directory(&mixed.path().join("sled"), &theirs.path().join("sled"));
    let error = refused(mixed.path());
    assert!(
        matches!(&error, OpenError::Foreign { file, log_id: LOG } if file.ends_with("sled")),
        "{error}"
    );

    for name in ["identity", "checkpoint"] {
        let mixed = copy(&ours);
        fs::copy(theirs.path().join(name), mixed.path().join(name)).unwrap();
        let error = refused(mixed.path());
        assert!(
            matches!(&error, OpenError::Foreign { file, .. } if file.ends_with("checkpoint")),
            "{error}"
        );
    }
}

#[test]
fn a_log_that_ends_before_its_checkpoint_is_rolled_back() {
    let directory = closed_log(10);
    let old = copy(&directory);
    append(&mut open(directory.path()).unwrap(), 15);

    replace_directory(&directory.path().join("sled"), &old.path().join("sled"));
    let error = refused(directory.path());
    assert!(matches!(error, OpenError::RolledBack { log_revision: 10, anchor_revision: 25, .. }));
    let text = error.to_string();
    for part in ["LOG_ROLLED_BACK", "revision 10", "revision 25", "checkpoint", "Restore"] {
        assert!(text.contains(part), "{text}");
    }

    fs::remove_dir_all(directory.path().join("sled")).unwrap();
    assert!(matches!(refused(directory.path()), OpenError::RolledBack { log_revision: 0, .. }));
}

#[test]
fn a_log_that_differs_at_its_checkpoint_is_rolled_back() {
    let directory = closed_log(10);
    let forked = copy(&directory);
    append(&mut open(directory.path()).unwrap(), 1);
    open(forked.path()).unwrap().append(10, &[b"another".to_vec(), b"and more".to_vec()]).unwrap();
    replace_directory(&directory.path().join("sled"), &forked.path().join("sled"));
    let error = refused(directory.path());
    assert!(matches!(error, OpenError::RolledBack { log_revision: 12, anchor_revision: 11, .. }));
    assert!(error.to_string().contains("differs at revision 11"), "{error}");
}

#[test]
fn a_log_whose_crash_came_before_the_checkpoint_is_whole() {
    let directory = closed_log(10);
    let old = copy(&directory);
    append(&mut open(directory.path()).unwrap(), 15);
    fs::copy(old.path().join("checkpoint"), directory.path().join("checkpoint")).unwrap();
    assert_whole(&open(directory.path()).unwrap(), 25);
}

#[test]
fn a_missing_or_altered_file_is_refused_with_its_name() {
    let directory = closed_log(10);
    for (name, content) in [
        ("identity", None),
        ("checkpoint", None),
        ("identity", Some("countersign data directory v2\nlog_id 01\n")),
        ("checkpoint", Some("countersign log\n")),
    ] {
        let changed = copy(&directory);
        let path = changed.path().join(name);
        match content {
            None => fs::remove_file(&path).unwrap(),
            Some(content) => fs::write(&path, content).unwrap(),
        }
        let error = refused(changed.path());
        assert!(matches!(&error, OpenError::Corrupt { file, .. } if *file == path), "{error}");
    }
    let error = open_as(directory.path(), LOG, [4; 32]).unwrap_err();
    assert!(error.to_string().contains("the master key is another"), "{error}");
}

#[test]
fn a_master_key_that_is_gone_is_not_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let dir = DataDir::open(directory.path(), LOG).unwrap();
    let master = dir.master_key(None).unwrap();
    let key = CheckpointKey::derive(&master, LOG);
    drop(LocalLog::open(dir, key, Durability::Full).unwrap());
    fs::remove_file(directory.path().join("master.key")).unwrap();
    let dir = DataDir::open(directory.path(), LOG).unwrap();
    assert!(matches!(dir.master_key(None), Err(MasterKeyError::Missing(_))));
}

#[test]
fn a_torn_snapshot_of_sled_is_removed() {
    let directory = closed_log(100);
    let newest = directory.path().join("sled/snap.00000000FFFFFFFF.generating");
    fs::write(&newest, b"torn in the middle of being wr").unwrap();
    assert_whole(&open(directory.path()).unwrap(), 100);
    assert!(!newest.exists());
}

#[test]
fn blobs_are_refused_and_never_made() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = open(directory.path()).unwrap();
    for _ in 0..8 {
        let head = log.head().revision;
        log.append(head, &vec![vec![7; 200 * 1024]; 5]).unwrap();
    }
    drop(log);
    let blobs = directory.path().join("sled/blobs");
    assert_eq!(fs::read_dir(&blobs).unwrap().count(), 0);
    fs::write(blobs.join("1234"), b"a page").unwrap();
    assert!(matches!(refused(directory.path()), OpenError::BlobsPresent { .. }));
}

#[test]
fn a_cut_or_zeroed_tail_is_never_taken_for_the_log() {
    let directory = closed_log(2000);
    let db = |directory: &TempDir| directory.path().join("sled/db");
    let good = fs::read(db(&directory)).unwrap();
    let written = good.iter().rposition(|byte| *byte != 0).unwrap() as u64;
    let mut numbers = Numbers(1);
    for round in 0..24 {
        let cut = written - numbers.below(written.min(1 << (8 + round % 12)));
        let torn = copy(&directory);
        let file = fs::OpenOptions::new().write(true).open(db(&torn)).unwrap();
        file.set_len(cut).unwrap();
        if round % 2 == 0 {
            file.set_len(good.len() as u64).unwrap();
        }
        match open(torn.path()) {
            Ok(log) => assert_whole(&log, 2000),
            Err(error) => assert!(
                matches!(error, OpenError::RolledBack { .. } | OpenError::Corrupt { .. }),
                "cut at {cut} of {written}: {error}"
            ),
        }
    }
}

#[test]
fn flipped_bits_never_give_other_data() {
    let directory = closed_log(2000);
    let good = fs::read(directory.path().join("sled/db")).unwrap();
    let written = good.iter().rposition(|byte| *byte != 0).unwrap() as u64;
    let mut numbers = Numbers(2);
    for _ in 0..24 {
        let at = numbers.below(written);
        let flipped = copy(&directory);
        let mut bytes = good.clone();
        bytes[usize::try_from(at).unwrap()] ^= 1 << numbers.below(8);
        fs::write(flipped.path().join("sled/db"), bytes).unwrap();
        match open(flipped.path()) {
            Ok(log) => assert_whole(&log, 2000),
            Err(error) => assert!(
                matches!(error, OpenError::RolledBack { .. } | OpenError::Corrupt { .. }),
                "flipped at {at} of {written}: {error}"
            ),
        }
    }
}

#[test]
fn the_checkpoint_follows_the_head() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = open(directory.path()).unwrap();
    let checkpoint = || {
        let text = fs::read_to_string(directory.path().join("checkpoint")).unwrap();
        text.lines().nth(1).unwrap().parse::<u64>().unwrap()
    };
    assert_eq!(checkpoint(), 0);
    append(&mut log, 5);
    wait_until("the checkpoint is at revision 5", || checkpoint() == 5);
    append(&mut log, 5);
    drop(log);
    assert_eq!(checkpoint(), 10);
}

#[test]
fn segments_are_sealed_and_verified() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = open(directory.path()).unwrap();
    let segments = Segments::at(&directory.path().join("segments"), LOG);
    append(&mut log, SEGMENT_RECORDS - 10);
    append(&mut log, SEGMENT_RECORDS);
    append(&mut log, 50);
    wait_until("two segments are sealed", || segments.list().unwrap().len() == 2);

    let sealed = segments.list().unwrap();
    let read: Vec<_> =
        sealed.iter().flat_map(|segment| segments.read(segment).unwrap().records).collect();
    let end = segments.verify().unwrap();
    assert!(end.revision >= 2 * SEGMENT_RECORDS as u64);
    assert_eq!(read, log.reader().read(1, read.len()).unwrap());
    assert_eq!(log.reader().hash_at(end.revision).unwrap(), Some(end.hash));

    drop(log);
    let log = open(directory.path()).unwrap();
    assert_eq!(segments.list().unwrap(), sealed);
    drop(log);
    a_damaged_segment_is_found(&segments, sealed[0].path());
    a_log_shorter_than_its_segments_is_rolled_back(&directory);
}

fn a_damaged_segment_is_found(segments: &Segments, path: &Path) {
    let good = fs::read(path).unwrap();
    let mut numbers = Numbers(3);
    for _ in 0..50 {
        let mut bytes = good.clone();
        let at = usize::try_from(numbers.below(good.len() as u64)).unwrap();
        bytes[at] ^= 1;
        fs::write(path, bytes).unwrap();
        assert!(
            matches!(segments.verify(), Err(SegmentError::Corrupt { file, .. }) if file == path)
        );
    }
    fs::write(path, &good[..good.len() / 2]).unwrap();
    assert!(segments.verify().is_err());
    fs::remove_file(path).unwrap();
    assert!(segments.verify().is_err());
    fs::write(path, good).unwrap();
    segments.verify().unwrap();
}

/// Even a checkpoint that was rolled back with the log does not hide it.
fn a_log_shorter_than_its_segments_is_rolled_back(directory: &TempDir) {
    let old = closed_log(10);
    replace_directory(&directory.path().join("sled"), &old.path().join("sled"));
    fs::copy(old.path().join("checkpoint"), directory.path().join("checkpoint")).unwrap();
    let error = refused(directory.path());
    assert!(
        matches!(&error, OpenError::RolledBack { log_revision: 10, anchor, .. } if anchor.extension().unwrap() == "seg"),
        "{error}"
    );
}

/// What the test after this runs as another process. By itself it appends a little.
#[test]
fn append_until_killed() {
    let directory = tempfile::tempdir().unwrap();
    let killed = std::env::var_os(APPEND_IN).map(PathBuf::from);
    let mut log = open(killed.as_deref().unwrap_or(directory.path())).unwrap();
    for round in 0.. {
        if killed.is_none() && round == 10 {
            break;
        }
        let head = append(&mut log, if round % 4 == 0 { 50 } else { 1 });
        // Past the test harness, which would keep it until the end.
        std::io::stdout().lock().write_all(format!("ack {}\n", head.revision).as_bytes()).unwrap();
    }
    assert_whole(&log, 10);
}

#[test]
fn nothing_acknowledged_is_lost_by_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let mut numbers = Numbers(4);
    for _ in 0..10 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "append_until_killed", "--nocapture"])
            .env(APPEND_IN, directory.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut acknowledged = lines.map_while(|line| {
            let line = line.ok()?;
            Some(line.strip_prefix("ack ").map_or(0, |revision| revision.parse::<u64>().unwrap()))
        });
        let before_kill = usize::try_from(5 + numbers.below(200)).unwrap();
        let mut last = acknowledged.by_ref().take(before_kill).last().unwrap();
        child.kill().unwrap();
        last = acknowledged.last().unwrap_or(0).max(last);
        child.wait().unwrap();
        assert!(last > 0);
        assert_whole(&open(directory.path()).unwrap(), last);
    }
}
