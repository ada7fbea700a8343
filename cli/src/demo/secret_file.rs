//! The sample backend's copy of the demo's secret, in a file that its owner alone reads: the
//! control plane gives no secret back, so a backend keeps its own, as a real one does.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use countersign_shared::secret::Secret;
use data_encoding::HEXLOWER;

use crate::clock;
use crate::failure::Failure;
use crate::secret_source;

pub(crate) const NAME: &str = "demo-backend-secret";
/// 64 hex digits, the longest that a secret may be.
const RANDOM_BYTES: usize = 32;

pub(super) fn read_or_make(data_dir: &Path) -> Result<Secret, Failure> {
    let path = data_dir.join(NAME);
    match path.try_exists() {
        Ok(true) => secret_source::from_file(&path),
        Ok(false) => made(data_dir, &path).map_err(|error| {
            Failure::failed(format!("{} cannot be written: {error}", path.display()))
        }),
        Err(error) => Err(Failure::failed(format!("{}: {error}", path.display()))),
    }
}

/// Durable before it is used: the key must not be in the log while its secret is nowhere.
fn made(data_dir: &Path, path: &Path) -> io::Result<Secret> {
    let bytes =
        clock::random::<RANDOM_BYTES>().map_err(|failure| io::Error::other(failure.to_string()))?;
    let secret = Secret::new(HEXLOWER.encode(&bytes));
    let unfinished = path.with_extension("new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    writeln!(file, "{}", secret.expose())?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    File::open(data_dir)?.sync_all()?;
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_was_made_is_read_again_and_is_the_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let made = read_or_make(dir.path()).unwrap();
        assert_eq!(made.expose().len(), 64);
        assert_eq!(read_or_make(dir.path()).unwrap(), made);
        let mode = dir.path().join(NAME).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
