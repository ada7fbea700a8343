//! Certificates and keys as files: a key is its owner's alone, and nothing is ever overwritten.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use countersign_transport::ca::Pair;

use crate::failure::Failure;

const OWNER_ALONE: u32 = 0o600;
const ALL_MAY_READ: u32 = 0o644;

/// NAME.crt and NAME.key.
pub(super) fn named(dir: &Path, name: &str) -> [PathBuf; 2] {
    // As a file is named everywhere: what else a name may have becomes `_`.
    let fits = |c: char| if c.is_ascii_alphanumeric() || "._-@+".contains(c) { c } else { '_' };
    let name: String = name.chars().map(fits).collect();
    ["crt", "key"].map(|kind| dir.join(format!("{name}.{kind}")))
}

pub(super) fn write([certificate, key]: &[PathBuf; 2], pair: &Pair) -> Result<(), Failure> {
    for path in [certificate, key] {
        if path.try_exists().unwrap_or(true) {
            return Err(Failure::failed(format!("{} is there already", path.display()))
                .advise("move it aside, or name another --dir, --out or --name"));
        }
    }
    write_new(key, OWNER_ALONE, &pair.key)?;
    write_new(certificate, ALL_MAY_READ, &pair.certificate)
}

fn write_new(path: &Path, mode: u32, text: &str) -> Result<(), Failure> {
    let written = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    written
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        })
        .map_err(|error| Failure::failed(format!("{} cannot be written: {error}", path.display())))
}
