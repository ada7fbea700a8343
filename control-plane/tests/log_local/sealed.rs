//! A log with sealed segments, for copies of it to be damaged.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use countersign_control_plane::log::EventLog;
use tempfile::TempDir;

use crate::directory::{append, open, wait_until};

pub(crate) const RECORDS: u64 = 9_000;

/// A closed log with two sealed segments and some records after them.
pub(crate) fn log() -> &'static TempDir {
    static LOG: OnceLock<TempDir> = OnceLock::new();
    LOG.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        let mut log = open(directory.path()).unwrap();
        while log.head().revision < RECORDS {
            append(&mut log, 500);
        }
        wait_until("the second segment", || segments(directory.path(), ".checkpoint").len() == 2);
        drop(log);
        directory
    })
}

/// The files of the segments that end so, in order.
pub(crate) fn segments(directory: &Path, suffix: &str) -> Vec<PathBuf> {
    let names = fs::read_dir(directory.join("segments")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut paths: Vec<_> = names
        .filter(|name| name.ends_with(suffix))
        .map(|name| Path::new("segments").join(name))
        .collect();
    paths.sort();
    paths
}

/// The last revision that a segment's name says.
pub(crate) fn last_of(segment: &Path) -> u64 {
    segment.file_stem().unwrap().to_str().unwrap().split_once('-').unwrap().1.parse().unwrap()
}
