//! Files that must outlive a loss of power: created private, written aside, synced,
//! renamed, and the directory synced after them. Never knows what is in them.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate};

const PRIVATE_DIRECTORY: u32 = 0o700;
const PRIVATE_FILE: u32 = 0o600;
/// What a file is called until it is complete. A name that ends so is never read.
pub(crate) const UNFINISHED: &str = ".new";

/// An operation on a file that failed, and which.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {}: {source}", path.display())]
pub struct DiskError {
    pub doing: &'static str,
    pub path: PathBuf,
    pub source: io::Error,
}

impl DiskError {
    pub(crate) fn at(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { doing, path: path.to_owned(), source }
    }

    /// The disk had no room; nothing else is wrong with it.
    pub(crate) fn is_out_of_space(&self) -> bool {
        matches!(
            self.source.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
        )
    }
}

/// Creates the directory, private, and those above it, unless it is there.
pub(crate) fn create_directory(path: &Path) -> Result<(), DiskError> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new()
        .recursive(true)
        .mode(PRIVATE_DIRECTORY)
        .create(path)
        .map_err(DiskError::at("create the directory", path))?;
    sync_directory(parent(path))
}

/// Makes the names in a directory durable: created, renamed and removed ones.
pub(crate) fn sync_directory(path: &Path) -> Result<(), DiskError> {
    File::open(path)
        .and_then(|directory| directory.sync_all())
        .map_err(DiskError::at("sync the directory", path))
}

/// Makes the name of a file or directory durable.
pub(crate) fn sync_parent(path: &Path) -> Result<(), DiskError> {
    sync_directory(parent(path))
}

/// Opens a private file for reading and writing, creating it if needed.
pub(crate) fn open_or_create(path: &Path) -> Result<File, DiskError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(PRIVATE_FILE)
        .open(path)
        .map_err(DiskError::at("open", path))
}

/// Takes a file that others made from all but its owner, and makes it durable.
pub(crate) fn make_private(path: &Path) -> Result<(), DiskError> {
    File::open(path)
        .and_then(|file| {
            file.set_permissions(Permissions::from_mode(PRIVATE_FILE))?;
            file.sync_all()
        })
        .map_err(DiskError::at("make private", path))
}

/// Puts the bytes at the path, durably and all at once: after a crash the path
/// has the old content or the new one.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    let unfinished = unfinished(path);
    write_and_sync(&unfinished, bytes)?;
    fs::rename(&unfinished, path).map_err(DiskError::at("rename to", path))?;
    sync_directory(parent(path))
}

/// Makes a file of zeros that has its blocks on the disk.
pub(crate) fn allocate(path: &Path, bytes: usize) -> Result<(), DiskError> {
    let unfinished = unfinished(path);
    let file = open_or_create(&unfinished)?;
    fallocate(&file, FallocateFlags::empty(), 0, bytes as u64)
        // Not every file system can promise blocks; all can be made to give them.
        .or_else(|_| (&file).write_all(&vec![0; bytes]))
        .and_then(|()| file.sync_all())
        .map_err(DiskError::at("write", &unfinished))?;
    fs::rename(&unfinished, path).map_err(DiskError::at("rename to", path))?;
    sync_directory(parent(path))
}

/// The whole file, or `None` when there is none.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, DiskError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(DiskError::at("read", path)(error)),
    }
}

pub(crate) fn remove(path: &Path) -> Result<(), DiskError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(DiskError::at("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// The names in a directory that are text, in order.
pub(crate) fn names(directory: &Path) -> Result<Vec<String>, DiskError> {
    let at = || DiskError::at("list", directory);
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(at())? {
        names.extend(entry.map_err(at())?.file_name().into_string().ok());
    }
    names.sort_unstable();
    Ok(names)
}

/// Removes what a crash in the middle of `replace` left in a directory.
pub(crate) fn remove_unfinished(directory: &Path) -> Result<(), DiskError> {
    for name in names(directory)?.iter().filter(|name| name.ends_with(UNFINISHED)) {
        remove(&directory.join(name))?;
    }
    Ok(())
}

fn write_and_sync(path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(PRIVATE_FILE)
        .open(path)
        .map_err(DiskError::at("create", path))?;
    // The mode above counts only for a new file; one that a crash left may have another.
    file.set_permissions(Permissions::from_mode(PRIVATE_FILE))
        .and_then(|()| file.write_all(bytes))
        .and_then(|()| file.sync_all())
        .map_err(DiskError::at("write", path))
}

fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(UNFINISHED);
    PathBuf::from(name)
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
