//! A backup's file while it is written: private, under another name, until all of it is on the disk, read
//! back and checked.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use countersign_control_plane::backup::{self, Contents};
use countersign_control_plane::log::VerifierKey;

use super::open;
use crate::failure::Failure;

/// How a file's name ends until it is finished.
const PARTIAL: &str = ".partial";
/// It holds ciphertexts, and every name and address there is.
const PRIVATE_FILE: u32 = 0o600;

pub(super) struct NewFile {
    to: PathBuf,
    partial: PathBuf,
    file: File,
}

impl NewFile {
    /// Refuses a name that is taken.
    pub(super) fn is_free(to: &Path) -> Result<(), Failure> {
        if to.symlink_metadata().is_ok() {
            return Err(Failure::failed(format!("{} is there already", to.display()))
                .advise("give another name, or move it away"));
        }
        Ok(())
    }

    pub(super) fn create(to: &Path) -> Result<Self, Failure> {
        let mut partial = to.to_owned().into_os_string();
        partial.push(PARTIAL);
        let partial = PathBuf::from(partial);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(PRIVATE_FILE);
        let file = options.open(&partial).map_err(|error| unwritten(&partial, &error))?;
        Ok(Self { to: to.to_owned(), partial, file })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.file.write_all(bytes).map_err(|error| unwritten(&self.partial, &error))
    }

    /// Verifies what is there, and gives the file its name, durably.
    pub(super) fn finish(self, key: Option<&VerifierKey>) -> Result<Contents, Failure> {
        let Self { to, partial, file } = self;
        file.sync_all().map_err(|error| unwritten(&partial, &error))?;
        let contents = backup::verify(open(&partial)?, key, vec![])
            .map_err(|error| not_whole(&partial, &error))?;
        named(&partial, &to).map_err(|error| unwritten(&to, &error))?;
        Ok(contents)
    }
}

fn named(partial: &Path, to: &Path) -> io::Result<()> {
    std::fs::rename(partial, to)?;
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

fn unwritten(path: &Path, error: &io::Error) -> Failure {
    Failure::failed(format!("cannot write {}: {error}", path.display()))
}

fn not_whole(partial: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::failed(format!("what arrived is not a whole backup: {error}"))
        .advise(format!("try again; {} is of no use", partial.display()))
}
