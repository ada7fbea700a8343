//! The master key: 256 random bits from which every key that rests is derived. Kept as
//! 64 hex digits in a file that only its owner can read, never in the log or in sled.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER_PERMISSIVE;
use zeroize::Zeroizing;

use super::root::{KEY_BYTES, RootKey};
use crate::log::disk::{self, DiskError};

/// The digits and a line's end, with some room for other line ends.
pub(super) const FILE_BYTES_MAX: u64 = 2 * KEY_BYTES as u64 + 8;
const OTHERS: u32 = 0o077;

/// The master key in memory: never printed, overwritten when dropped.
pub struct MasterKey(RootKey);

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    #[error(
        "there is no master key at {}: put back the one this data directory was made with; \
         without it no secret in it can be read", .0.display()
    )]
    Missing(PathBuf),
    #[error(
        "the master key {path} can be read by others (mode {mode:04o}): chmod 600 {path}",
        path = path.display()
    )]
    TooOpen { path: PathBuf, mode: u32 },
    #[error("{} is not a master key, which is 64 hex digits", .0.display())]
    Malformed(PathBuf),
    #[error("{0} is not a master key, which is 64 hex digits")]
    MalformedText(String),
    #[error("the command {program} gives no master key: {what}")]
    Command { program: String, what: String },
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error("the system gives no random bytes for a master key")]
    NoRandomness,
}

impl MasterKey {
    /// Reads the key at the path, making a new one, mode 0600, when there is none.
    pub fn load_or_create(path: &Path) -> Result<Self, MasterKeyError> {
        match Self::load(path) {
            Err(MasterKeyError::Missing(_)) => Self::create(path),
            loaded => loaded,
        }
    }

    /// Reads the key at the path. One that the group or others can read is refused.
    pub fn load(path: &Path) -> Result<Self, MasterKeyError> {
        let mode = found(path)?.permissions().mode() & 0o7777;
        if mode & OTHERS != 0 {
            return Err(MasterKeyError::TooOpen { path: path.to_owned(), mode });
        }
        Self::load_guarded(path)
    }

    /// The same, whatever its mode: for a directory that somebody else guards.
    pub fn load_guarded(path: &Path) -> Result<Self, MasterKeyError> {
        let metadata = found(path)?;
        if !metadata.is_file() || metadata.len() > FILE_BYTES_MAX {
            return Err(MasterKeyError::Malformed(path.to_owned()));
        }
        let text = Zeroizing::new(fs::read(path).map_err(DiskError::at("read", path))?);
        Self::parse(&text).ok_or_else(|| MasterKeyError::Malformed(path.to_owned()))
    }

    /// A key of given bytes, for tests and the simulator.
    pub fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(RootKey::new(Zeroizing::new(bytes)))
    }

    /// The key for one purpose.
    pub(crate) fn derive(&self, purpose: &[&[u8]]) -> Zeroizing<[u8; KEY_BYTES]> {
        self.0.derive(purpose)
    }

    /// A second one, for the keyring, which is written anew under it while the process runs.
    pub(super) fn copy(&self) -> Self {
        Self(self.0.copy())
    }

    /// As what the keystore's files are keyed by.
    pub(super) fn root(&self) -> &RootKey {
        &self.0
    }

    fn create(path: &Path) -> Result<Self, MasterKeyError> {
        let key = RootKey::random().map_err(|_| MasterKeyError::NoRandomness)?;
        let mut text = Zeroizing::new([b'\n'; 2 * KEY_BYTES + 1]);
        if let Some(digits) = text.get_mut(..2 * KEY_BYTES) {
            HEXLOWER_PERMISSIVE.encode_mut(key.bytes(), digits);
        }
        disk::replace(path, text.as_slice())?;
        Ok(Self(key))
    }

    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let digits = text.trim_ascii();
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        if digits.len() != 2 * bytes.len() {
            return None;
        }
        HEXLOWER_PERMISSIVE.decode_mut(digits, bytes.as_mut_slice()).ok()?;
        Some(Self(RootKey::new(bytes)))
    }
}

fn found(path: &Path) -> Result<fs::Metadata, MasterKeyError> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(MasterKeyError::Missing(path.to_owned()))
        }
        found => Ok(found.map_err(DiskError::at("open", path))?),
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(redacted)")
    }
}
