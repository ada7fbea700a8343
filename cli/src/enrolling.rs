//! How a node or relay comes to its certificate by itself.

use std::path::PathBuf;

use clap::Args;
use countersign_data_plane::Enrolment;

use crate::failure::Failure;

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Enrolment")]
pub(crate) struct EnrolmentArgs {
    /// Where it keeps the key that it makes and the certificate that it is given, which it renews by itself at
    /// two thirds of its life. In the place of --control-plane-cert
    #[arg(id = "own_identity_dir", long = "identity-dir", value_name = "DIR")]
    #[arg(env = "COUNTERSIGN_IDENTITY_DIR", hide_env_values = true)]
    dir: Option<PathBuf>,

    /// A file with the token of `countersign node token create`: needed without a certificate that is
    /// good, and read with each try
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_ENROL_TOKEN_FILE", hide_env_values = true)]
    enrol_token_file: Option<PathBuf>,

    /// The control plane that gives certificates, where --control-plane names relays; repeat for several
    #[arg(long, value_name = "URL", env = "COUNTERSIGN_ENROL_AT", hide_env_values = true)]
    #[arg(value_delimiter = ',')]
    enrol_at: Vec<String>,
}

impl EnrolmentArgs {
    pub(crate) fn settings(self) -> Result<Option<Enrolment>, Failure> {
        match self.dir {
            Some(dir) => {
                Ok(Some(Enrolment { dir, token_file: self.enrol_token_file, at: self.enrol_at }))
            }
            None if self.enrol_token_file.is_none() && self.enrol_at.is_empty() => Ok(None),
            None => Err(Failure::usage(
                "--enrol-token-file and --enrol-at go with --identity-dir, where the certificate is kept",
            )),
        }
    }
}
