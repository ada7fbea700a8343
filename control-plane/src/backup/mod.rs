//! Backups: a log up to one revision, and the wrapped data keys of its secrets, as one file that is
//! written while writes go on, verified by anybody, and made a data directory again. The master key is
//! never in one. Never changes the log or the keystore.

#[cfg(test)]
pub(crate) mod forging;
mod format;
mod lives;
mod read;
mod restore;
mod salvage;
mod write;

pub use read::{BackupError, Contents, log_id_of, verify};
pub use restore::{RestoreError, Restored, Until, restore};
pub use salvage::{Salvage, SalvageError};
pub use write::{Source, WriteError, write};

/// Whether a file begins as a backup does.
pub fn is_backup(begins: &[u8]) -> bool {
    begins.starts_with(format::MAGIC)
}
