//! Writes the cache, on a thread of its own: the newest table that was offered, at most once a
//! second, and whole or not at all (write, flush, rename). It never makes the stream or a request
//! wait, and never reads.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use countersign_shared::digest::TableDigest;
use tracing::{info, warn};

use super::Cache;
use super::format::{Head, seal};
use crate::clock;
use crate::replica::{Contents, Position};

/// Between two writes there is at least so much; and this many times as long as the last one took,
/// so that a table of a gigabyte does not keep the disk busy.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_PER_WRITE: u32 = 10;
/// A table that did not change is written again when its file is so old, for its age is counted
/// from when it was last known to be the control plane's.
const REFRESH_MAX: Duration = Duration::from_mins(1);

/// Where tables are offered. The newest one waits; those before it are never written.
#[derive(Debug, Default)]
pub(crate) struct Offers {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    newest: Option<Contents>,
    is_over: bool,
}

impl Offers {
    /// This is the control plane's table as of now.
    pub(crate) fn offer(&self, contents: Contents) {
        self.lock().newest = Some(contents);
        self.changed.notify_one();
    }

    /// No more will be offered: what waits is written, and the writer ends.
    pub(crate) fn finish(&self) {
        self.lock().is_over = true;
        self.changed.notify_one();
    }

    /// The newest that was offered; none when all is written and over.
    fn take(&self) -> Option<Contents> {
        let wants = |state: &mut State| state.newest.is_none() && !state.is_over;
        let waited = self.changed.wait_while(self.lock(), wants);
        waited.unwrap_or_else(PoisonError::into_inner).newest.take()
    }

    /// Returns early when it is over.
    fn pause(&self, pause: Duration) {
        let goes_on = |state: &mut State| !state.is_over;
        // What is there to be locked again is locked when it is needed.
        drop(self.changed.wait_timeout_while(self.lock(), pause, goes_on));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The writing end.
#[derive(Debug)]
pub(crate) struct CacheWriter {
    pub(crate) cache: Cache,
    /// As the node was told to serve them.
    pub(crate) environments: Vec<String>,
    pub(crate) offers: Arc<Offers>,
}

impl CacheWriter {
    /// Writes until it is over.
    pub(crate) fn run(self) {
        let refresh = REFRESH_MAX.min(self.cache.age_max / 4);
        let mut written: Option<(Position, TableDigest, Instant)> = None;
        while let Some(contents) = self.offers.take() {
            let is_fresh = written.as_ref().is_some_and(|(position, digest, at)| {
                let is_same = *position == contents.position && *digest == contents.digest;
                is_same && at.elapsed() < refresh
            });
            if is_fresh {
                continue;
            }
            let begun = clock::now();
            match self.write(&contents) {
                Ok(()) => {
                    if written.is_none() {
                        info!(file = %self.cache.file.display(), "the table is kept in the cache");
                    }
                    written = Some((contents.position, contents.digest, begun));
                }
                Err(error) => {
                    warn!(file = %self.cache.file.display(), %error, "the cache was not written");
                }
            }
            self.offers.pause(PAUSE_MIN.max(begun.elapsed() * PAUSE_PER_WRITE));
        }
    }

    /// What is at the path is the former file or the new one, whatever happens.
    fn write(&self, contents: &Contents) -> io::Result<()> {
        let head = Head {
            log_id: contents.position.log_id.clone(),
            revision: contents.position.revision,
            environments: self.environments.clone(),
            written_at_ms: clock::unix_ms(),
        };
        let salt = clock::random().map_err(io::Error::other)?;
        let new = beside(&self.cache.file);
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        let mut out = BufWriter::new(file);
        let (keys, messages) = (contents.delivery_keys(), contents.messages());
        seal(&head, &keys, messages, &self.cache.key, &salt, &mut out)?;
        out.flush()?;
        out.get_ref().sync_all()?;
        std::fs::rename(&new, &self.cache.file)?;
        let parent = self.cache.file.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
    }
}

fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".new");
    name.into()
}
