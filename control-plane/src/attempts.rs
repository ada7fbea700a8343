//! Writes that were refused: kept beside the log, not in it, so that whoever is refused can neither
//! fill the disk nor slow down those who are not. Two files of bounded length, of which the older
//! one goes; so many a minute in all and from each address, and a count of what was left out.
//! Written on a thread of its own and never synced: a loss of power may cost the newest.
//!
//! A file is a sequence of encoded `countersign.v1.Attempt`, each with its length (4 bytes) before it.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Buf;
use countersign_proto::v1::Attempt;
use prost::Message;

use crate::log::DiskError;
use crate::log::disk;
use crate::minute::Minute;

/// The newer file becomes the older one at this length.
pub const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// So many are kept a minute, from one address and in all; more are counted.
pub const SOURCE_PER_MINUTE_MAX: u32 = 20;
pub const TOTAL_PER_MINUTE_MAX: u32 = 120;
/// Attempts that wait for the disk.
const QUEUE_MAX: usize = 64;

/// The attempts of one data directory.
#[derive(Debug)]
pub struct Attempts {
    path: PathBuf,
    queue: SyncSender<Attempt>,
    minute: Mutex<Minute>,
    left_out: Arc<AtomicU64>,
}

impl Attempts {
    /// Goes on with the files at a path, without what a crash left unfinished at their end.
    pub fn open(path: &Path) -> Result<Self, DiskError> {
        let mut file = disk::open_or_create(path)?;
        let whole = read(path)?.1;
        file.set_len(whole)
            .and_then(|()| file.seek(SeekFrom::End(0)))
            .map_err(DiskError::at("open", path))?;
        let (queue, waiting) = sync_channel(QUEUE_MAX);
        let left_out = Arc::new(AtomicU64::new(0));
        let mut writer =
            Writer { path: path.to_owned(), file, bytes: whole, left_out: Arc::clone(&left_out) };
        std::thread::Builder::new()
            .name("attempts".into())
            .spawn(move || writer.run(&waiting))
            .map_err(DiskError::at("start a thread for", path))?;
        let minute = Minute::new(SOURCE_PER_MINUTE_MAX, TOTAL_PER_MINUTE_MAX, Instant::now());
        Ok(Self { path: path.to_owned(), queue, minute: Mutex::new(minute), left_out })
    }

    /// Keeps an attempt, or counts it as left out. Never waits.
    pub fn keep(&self, mut attempt: Attempt, now: Instant) {
        let taken =
            self.minute.lock().unwrap_or_else(PoisonError::into_inner).takes(&attempt.source, now);
        attempt.left_out = self.left_out();
        if !taken || self.queue.try_send(attempt).is_err() {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many were left out since this process began.
    pub fn left_out(&self) -> u64 {
        self.left_out.load(Ordering::Relaxed)
    }

    /// The newest ones, newest first.
    pub fn newest(&self, limit: usize) -> Result<Vec<Attempt>, DiskError> {
        let mut all = read(&older(&self.path))?.0;
        all.extend(read(&self.path)?.0);
        Ok(all.into_iter().rev().take(limit).collect())
    }
}

struct Writer {
    path: PathBuf,
    file: File,
    bytes: u64,
    left_out: Arc<AtomicU64>,
}

impl Writer {
    fn run(&mut self, waiting: &Receiver<Attempt>) {
        for attempt in waiting {
            if let Err(error) = self.write(&attempt) {
                tracing::warn!(%error, path = %self.path.display(), "a refused write is not kept");
                self.left_out.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn write(&mut self, attempt: &Attempt) -> io::Result<()> {
        let encoded = attempt.encode_to_vec();
        let length = u32::try_from(encoded.len()).map_err(io::Error::other)?;
        let bytes = [length.to_be_bytes().as_slice(), &encoded].concat();
        if self.bytes + bytes.len() as u64 > FILE_BYTES_MAX {
            fs::rename(&self.path, older(&self.path))?;
            self.file = disk::open_or_create(&self.path).map_err(|error| error.source)?;
            self.bytes = 0;
        }
        let written = self.file.write_all(&bytes);
        if written.is_err() {
            // What is half written would hide all that follows.
            self.file.set_len(self.bytes)?;
            self.file.seek(SeekFrom::End(0))?;
        } else {
            self.bytes += bytes.len() as u64;
        }
        written
    }
}

fn older(path: &Path) -> PathBuf {
    path.with_extension("older")
}

/// The attempts in a file, and how long they are together.
fn read(path: &Path) -> Result<(Vec<Attempt>, u64), DiskError> {
    let bytes = disk::read_if_there(path)?.unwrap_or_default();
    let (mut rest, mut attempts) = (bytes.as_slice(), Vec::new());
    let mut whole = 0;
    while let Ok(length) = rest.try_get_u32() {
        let Some((encoded, later)) =
            usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length))
        else {
            break;
        };
        let Ok(attempt) = Attempt::decode(encoded) else { break };
        attempts.push(attempt);
        rest = later;
        whole += 4 + u64::from(length);
    }
    Ok((attempts, whole))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::minute::MINUTE;

    const PATIENCE: Duration = Duration::from_secs(30);

    fn attempt(source: &str, error: &str) -> Attempt {
        Attempt { source: source.into(), error: error.into(), ..Attempt::default() }
    }

    fn wait_for(attempts: &Attempts, count: usize) -> Vec<Attempt> {
        let begun = Instant::now();
        loop {
            let found = attempts.newest(usize::MAX).unwrap();
            if found.len() == count {
                return found;
            }
            assert!(begun.elapsed() < PATIENCE, "{} of {count}", found.len());
            std::thread::yield_now();
        }
    }

    #[test]
    fn one_address_and_all_together_are_kept_only_so_often() {
        let directory = tempfile::tempdir().unwrap();
        let attempts = Attempts::open(&directory.path().join("attempts")).unwrap();
        let now = Instant::now();
        for port in 0..100 {
            attempts.keep(attempt(&format!("192.0.2.1:{port}"), "denied"), now);
            wait_for(&attempts, (port + 1).min(SOURCE_PER_MINUTE_MAX) as usize);
        }
        assert_eq!(attempts.left_out(), 80);
        // Another address is heard, and the first one again a minute later.
        attempts.keep(attempt("192.0.2.2:1", "denied"), now);
        attempts.keep(attempt("192.0.2.1:1", "denied"), now + MINUTE);
        let found = wait_for(&attempts, SOURCE_PER_MINUTE_MAX as usize + 2);
        assert_eq!((found[0].source.as_str(), found[0].left_out), ("192.0.2.1:1", 80));
    }

    #[test]
    fn a_torn_end_is_dropped_and_the_files_stay_within_their_bounds() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("attempts");
        let attempts = Attempts::open(&path).unwrap();
        attempts.keep(attempt("a:1", "first"), Instant::now());
        wait_for(&attempts, 1);
        drop(attempts);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, [whole.as_slice(), &[0, 0, 0, 99, 1, 2]].concat()).unwrap();
        let attempts = Attempts::open(&path).unwrap();
        attempts.keep(attempt("a:1", "second"), Instant::now());
        assert_eq!(wait_for(&attempts, 2)[0].error, "second");

        let (file, bytes) = (disk::open_or_create(&path).unwrap(), FILE_BYTES_MAX);
        let left_out = Arc::new(AtomicU64::new(0));
        let mut writer = Writer { path: path.clone(), file, bytes, left_out };
        writer.write(&attempt("a:1", "third")).unwrap();
        let errors: Vec<_> =
            attempts.newest(9).unwrap().into_iter().map(|attempt| attempt.error).collect();
        assert_eq!(errors, ["third", "second", "first"]);
        assert!(fs::metadata(&path).unwrap().len() < 100);
    }
}
