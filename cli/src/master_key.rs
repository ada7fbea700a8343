//! Where a control plane's master key comes from: the flags, and what stands in for them.

use std::path::{Path, PathBuf};

use clap::Args;
use countersign_control_plane::keystore::{MASTER_KEY_VARIABLE, MasterKeySource};
use zeroize::Zeroizing;

use crate::failure::Failure;

/// What systemd's `LoadCredential=` is to name it.
const CREDENTIAL: &str = "countersign.master-key";

// The first of these that there is: a flag, the variable COUNTERSIGN_MASTER_KEY, systemd's credential
// countersign.master-key, the file master.key in the data directory.
#[derive(Debug, Args)]
#[command(next_help_heading = "Master key")]
pub(crate) struct PresentKeyArgs {
    /// A file with the master key, instead of the one in the data directory
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_MASTER_KEY_FILE", hide_env_values = true)]
    #[arg(conflicts_with = "master_key_command")]
    master_key_file: Option<PathBuf>,

    /// A program, with arguments, that writes the master key to standard output; no shell runs it
    ///
    /// `COUNTERSIGN_MASTER_KEY`, and systemd's credential `countersign.master-key`, are looked for where
    /// neither is given.
    #[arg(long, value_name = "COMMAND", env = "COUNTERSIGN_MASTER_KEY_COMMAND")]
    #[arg(hide_env_values = true)]
    master_key_command: Option<String>,
}

// The same, and the next one.
#[derive(Debug, Args)]
#[command(next_help_heading = "Master key")]
pub(crate) struct MasterKeyArgs {
    #[command(flatten)]
    present: PresentKeyArgs,

    /// Where the next master key will be, for a rotation; left out: the file of the present one with
    /// .next at its end
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_NEXT_MASTER_KEY_FILE")]
    #[arg(hide_env_values = true, conflicts_with = "next_master_key_command")]
    next_master_key_file: Option<PathBuf>,

    /// A program that writes the next master key to standard output
    #[arg(long, value_name = "COMMAND", env = "COUNTERSIGN_NEXT_MASTER_KEY_COMMAND")]
    #[arg(hide_env_values = true)]
    next_master_key_command: Option<String>,
}

impl PresentKeyArgs {
    /// The one that somebody named, if anybody did.
    pub(crate) fn source(&self) -> Result<Option<MasterKeySource>, Failure> {
        let (file, command) = (self.master_key_file.as_deref(), self.master_key_command.as_deref());
        match flagged(file, command)? {
            Some(source) => Ok(Some(source)),
            None => from_environment(),
        }
    }
}

impl MasterKeyArgs {
    /// The present one and the next one, as far as anybody said.
    pub(crate) fn sources(
        &self,
    ) -> Result<(Option<MasterKeySource>, Option<MasterKeySource>), Failure> {
        let present = self.present.source()?;
        let next =
            flagged(self.next_master_key_file.as_deref(), self.next_master_key_command.as_deref())?;
        Ok((present, next))
    }
}

fn flagged(file: Option<&Path>, command: Option<&str>) -> Result<Option<MasterKeySource>, Failure> {
    if let Some(file) = file {
        return Ok(Some(MasterKeySource::File(file.to_owned())));
    }
    let source = command.map(|line| {
        MasterKeySource::command(line)
            .ok_or_else(|| Failure::usage("the command for the master key is empty"))
    });
    source.transpose()
}

/// The variable stays in the process's environment, which no safe call takes it out of; its owner and
/// root can read it there. So it comes after the flags, and docs/security.md prefers anything else.
fn from_environment() -> Result<Option<MasterKeySource>, Failure> {
    if let Ok(text) = std::env::var(MASTER_KEY_VARIABLE).map(Zeroizing::new) {
        let given = MasterKeySource::given(&text);
        return given.map(Some).map_err(|error| Failure::usage(error.to_string()));
    }
    let credential = std::env::var_os("CREDENTIALS_DIRECTORY")
        .map(|directory| PathBuf::from(directory).join(CREDENTIAL))
        .filter(|path| path.exists());
    Ok(credential.map(MasterKeySource::Credential))
}
