//! The cache: the node's last good table on its disk, sealed, so that it signs after a restart
//! without a control plane. Off unless the operator names a file. This is the one thing that a node
//! writes; secrets in it are never plain, and the key never lies beside it.

mod format;
mod writer;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::HEXLOWER_PERMISSIVE;
use zeroize::Zeroizing;

pub(crate) use format::Opened;
use format::open;
pub(crate) use writer::{CacheWriter, Offers};

const KEY_BYTES: usize = 32;
/// Clocks of one machine may differ by so much before and after a restart.
const CLOCK_ERROR_MAX: Duration = Duration::from_mins(5);

/// Where a node keeps its last good table.
#[derive(Debug, Clone)]
pub struct Cache {
    /// Beside it a file of the same name and `.new` is written and renamed.
    pub file: PathBuf,
    pub key: Arc<CacheKey>,
    /// An older table is not signed with: since it was last known to be the control plane's.
    pub age_max: Duration,
}

/// What a cache is sealed with: 256 random bits. Never printed, overwritten when dropped.
pub struct CacheKey(Zeroizing<[u8; KEY_BYTES]>);

impl CacheKey {
    /// Reads 64 hex digits, with or without a line's end, or 32 bytes as they are; `None` for
    /// anything else.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        let digits = text.trim_ascii();
        if digits.len() == 2 * KEY_BYTES {
            HEXLOWER_PERMISSIVE.decode_mut(digits, key.as_mut_slice()).ok()?;
        } else {
            *key = text.try_into().ok()?;
        }
        Some(Self(key))
    }
}

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CacheKey(redacted)")
    }
}

/// Why a cache is not signed with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CacheRefused {
    #[error("it cannot be read: {0}")]
    Read(io::Error),
    #[error("it is not a cache of a node, or it is cut off")]
    Malformed,
    #[error("it has version {0} of the format, which is not known here")]
    Version(u16),
    #[error("it was changed, or it was sealed with another key")]
    NotAuthentic,
    #[error("it is {age:?} old, and at most {max:?} are allowed")]
    TooOld { age: Duration, max: Duration },
    #[error("it was written in the future: the clock of this machine is wrong, or was")]
    FromTheFuture,
    #[error("it is of the environments {cached}, and this node serves {served}")]
    OtherEnvironments { cached: String, served: String },
    #[error("what it holds cannot be used: {0}")]
    Unusable(String),
}

impl Cache {
    /// What the file holds, if it may be signed with now; `None` when there is no file.
    pub(crate) fn load(
        &self,
        environments: &[String],
        now_ms: i64,
    ) -> Result<Option<Opened>, CacheRefused> {
        let sealed = match std::fs::read(&self.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(CacheRefused::Read)?,
        };
        let opened = open(&sealed, &self.key)?;
        let age_ms = now_ms.saturating_sub(opened.head.written_at_ms);
        let age = Duration::from_millis(u64::try_from(age_ms).unwrap_or(0));
        if age > self.age_max {
            return Err(CacheRefused::TooOld { age, max: self.age_max });
        }
        if Duration::from_millis(age_ms.min(0).unsigned_abs()) > CLOCK_ERROR_MAX {
            return Err(CacheRefused::FromTheFuture);
        }
        if opened.head.environments != environments {
            let (cached, served) = (opened.head.environments.join(", "), environments.join(", "));
            return Err(CacheRefused::OtherEnvironments { cached, served });
        }
        Ok(Some(opened))
    }
}

#[cfg(test)]
mod tests;
