//! The audit: whether a log is what it was when it was signed, and what it says. Reads, and
//! never writes, the log of a control plane that runs, a data directory, an export or a backup.

mod directory;
#[cfg(test)]
mod mutations;
mod verification;

pub use directory::{DirectoryError, verify_directory};
pub use verification::{Finding, Shown, Verification, Verified};
