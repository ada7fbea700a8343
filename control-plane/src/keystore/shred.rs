//! Files of which no former content may stay: a new one takes the old one's place durably and all at
//! once, then the old one is overwritten and removed. A crash in between is finished at the next
//! start. Where a file system writes elsewhere what is overwritten, as those that copy on write and
//! most flash do, the old bytes may stay until it uses them again: docs/security.md.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::log::disk::{self, DiskError};

/// What the old content is called until it is gone.
const OLD: &str = ".old";
static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

/// Called after each step that is on the disk.
pub(super) type Step<'s> = &'s mut dyn FnMut();

/// Puts the bytes at the path and leaves nothing of what was there.
pub(super) fn replace(path: &Path, bytes: &[u8], step: Step<'_>) -> Result<(), DiskError> {
    finish(path)?;
    let old = old(path);
    let linked = match fs::hard_link(path, &old) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        linked => linked.map(|()| true).map_err(DiskError::at("link to", &old))?,
    };
    step();
    disk::replace(path, bytes)?;
    step();
    if linked {
        overwrite(&old)?;
        step();
        disk::remove(&old)?;
        disk::sync_parent(&old)?;
        step();
    }
    Ok(())
}

/// Finishes what a crash left of a replacement.
pub(super) fn finish(path: &Path) -> Result<(), DiskError> {
    let old = old(path);
    let Some(leftover) = inode(&old)? else { return Ok(()) };
    // The same file under a second name: nothing has taken its place yet.
    if inode(path)? != Some(leftover) {
        overwrite(&old)?;
    }
    disk::remove(&old)?;
    disk::sync_parent(&old)
}

fn overwrite(path: &Path) -> Result<(), DiskError> {
    let mut file = disk::open_or_create(path)?;
    let overwritten = file.metadata().and_then(|found| {
        let mut left = found.len();
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(ZEROS.len());
            let written = file.write(ZEROS.get(..most).unwrap_or_default())?;
            left -= written as u64;
        }
        file.sync_all()
    });
    // Never as if there were no room only: the new file has taken its place already.
    overwritten.map_err(io::Error::other).map_err(DiskError::at("overwrite", path))
}

fn inode(path: &Path) -> Result<Option<u64>, DiskError> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some(found.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(DiskError::at("look at", path)(error)),
    }
}

fn old(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(OLD);
    PathBuf::from(name)
}
