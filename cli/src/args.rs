//! The arguments that many verbs share, and the command line as a whole. What a verb alone
//! takes stands in the verb's file.

use std::path::PathBuf;

use clap::{Args, Parser};
use countersign_shared::secret::Secret;
use countersign_transport::{CertificateFiles, ClientFiles};

use crate::client::ControlPlane;
use crate::cmd::Command;
use crate::failure::Failure;
use crate::output::{Format, Output};
use crate::waiting::WaitArgs;

/// Where `dev` and `control-plane` listen unless they are told.
pub(crate) const DEFAULT_CONTROL_PLANE: &str = "http://127.0.0.1:7400";

const EXAMPLES: &str = "\
Examples:
  countersign dev                             everything in one process, with a demo
  countersign key create orders --type hmac   a signature key with a generated secret
  countersign bind orders --api shop/orders --env RELEASE
  countersign events tail                     every change, as it happens

Every flag that is a setting has a variable COUNTERSIGN_… (see the verb's --help) and a key in the
YAML file of --config. Flags beat variables, variables beat the file.
Exit status: 0 done, 1 refused or failed, 2 wrong usage.";

/// Proves to a backend that a request really came through the gateway
#[derive(Debug, Parser)]
#[command(name = "countersign", version, after_help = EXAMPLES, max_term_width = 100)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Globals {
    /// A YAML file with settings: long flag names, at the top or in a section named like a command
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "COUNTERSIGN_CONFIG",
        hide_env_values = true
    )]
    pub(crate) config: Option<String>,

    /// The control plane that verbs and `data-plane` talk to; several of the same log are tried in turn
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "COUNTERSIGN_CONTROL_PLANE",
        hide_env_values = true
    )]
    #[arg(value_delimiter = ',', default_value = DEFAULT_CONTROL_PLANE)]
    pub(crate) control_plane: Vec<String>,

    /// Who vouches for a control plane at https://, in PEM; left out: whom this system trusts
    #[arg(long, global = true, value_name = "FILE", env = "COUNTERSIGN_CONTROL_PLANE_CA")]
    #[arg(hide_env_values = true)]
    pub(crate) control_plane_ca: Option<PathBuf>,

    /// The certificate that is shown there, in PEM, then those that lead to its authority. It says who
    /// calls, and is read again for each connection
    #[arg(long, global = true, value_name = "FILE", env = "COUNTERSIGN_CONTROL_PLANE_CERT")]
    #[arg(hide_env_values = true)]
    pub(crate) control_plane_cert: Option<PathBuf>,

    /// The certificate's private key in PEM
    #[arg(long, global = true, value_name = "FILE", env = "COUNTERSIGN_CONTROL_PLANE_KEY")]
    #[arg(hide_env_values = true)]
    pub(crate) control_plane_key: Option<PathBuf>,

    /// A file with a bearer token, which says who calls in the place of a certificate; or the token
    /// itself in `COUNTERSIGN_TOKEN`
    #[arg(long, global = true, value_name = "FILE", env = "COUNTERSIGN_TOKEN_FILE")]
    #[arg(hide_env_values = true)]
    pub(crate) token_file: Option<PathBuf>,

    /// Read what is newest, as of all replicas, and not what the one that answers has so far
    #[arg(long, global = true)]
    pub(crate) fresh: bool,

    /// How results are printed
    #[arg(
        long,
        short,
        global = true,
        value_enum,
        env = "COUNTERSIGN_OUTPUT",
        hide_env_values = true
    )]
    #[arg(default_value_t = Format::Table, hide_possible_values = true)]
    #[arg(value_name = "table|json|yaml")]
    pub(crate) output: Format,
}

impl Globals {
    /// Connects to the first control plane that answers.
    pub(crate) async fn plane(&self) -> Result<ControlPlane, Failure> {
        let mut failure = Failure::usage("no control plane is named");
        let (files, token) = (self.tls()?, self.token()?);
        for address in &self.control_plane {
            match ControlPlane::connect(address, &files, token.as_ref(), self.fresh).await {
                Ok(plane) => return Ok(plane),
                Err(reason) => failure = reason,
            }
        }
        Err(failure)
    }

    /// What says who calls, where a certificate does not.
    fn token(&self) -> Result<Option<Secret>, Failure> {
        let text = match &self.token_file {
            Some(path) => std::fs::read_to_string(path).map_err(|error| {
                Failure::usage(format!("--token-file {}: {error}", path.display()))
            })?,
            None => std::env::var("COUNTERSIGN_TOKEN").unwrap_or_default(),
        };
        let text = text.trim();
        Ok((!text.is_empty()).then(|| Secret::new(text.to_owned())))
    }

    /// Whom control planes are trusted by, and what is shown to them.
    pub(crate) fn tls(&self) -> Result<ClientFiles, Failure> {
        let own = match (self.control_plane_cert.clone(), self.control_plane_key.clone()) {
            (Some(certificate), Some(key)) => Some(CertificateFiles { certificate, key }),
            (None, None) => None,
            _ => {
                return Err(Failure::usage(
                    "--control-plane-cert and --control-plane-key go together: give both or none",
                ));
            }
        };
        Ok(ClientFiles { ca: self.control_plane_ca.clone(), own })
    }

    /// Where results go.
    pub(crate) fn output(&self) -> Output {
        Output { format: self.output }
    }
}

// What every write takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct WriteArgs {
    /// A name for this write: repeated with the same request it gets the first answer again
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    pub(crate) request_id: String,

    /// Write only if the log still ends at this revision
    #[arg(long, value_name = "REVISION")]
    pub(crate) expected_revision: Option<u64>,

    /// Why: at most 512 characters, kept with the events for the audit
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) reason: String,

    #[command(flatten)]
    pub(crate) wait: WaitArgs,
}

// The filter on bound or unbound.
#[derive(Debug, Clone, Args)]
pub(crate) struct BoundFilter {
    /// Only those with a binding
    #[arg(long, conflicts_with = "unbound")]
    bound: bool,

    /// Only those without a binding
    #[arg(long)]
    unbound: bool,
}

impl BoundFilter {
    pub(crate) fn wanted(&self) -> Option<bool> {
        match (self.bound, self.unbound) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        }
    }
}

/// The field mask of an update: the names of what was given. At least one, for an empty mask
/// means every field.
pub(crate) fn mask(
    given: &[(&'static str, bool)],
    flags: &str,
) -> Result<Option<prost_types::FieldMask>, Failure> {
    let paths: Vec<String> = given
        .iter()
        .filter(|(_, is_given)| *is_given)
        .map(|(path, _)| (*path).to_owned())
        .collect();
    if paths.is_empty() {
        return Err(Failure::usage(format!("nothing to change; give at least one of {flags}")));
    }
    Ok(Some(prost_types::FieldMask { paths }))
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory as _};

    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_verb_says_what_it_does_and_gives_examples() {
        fn check(command: &Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            let about = command.get_about().unwrap_or_else(|| panic!("{path}: no line about"));
            assert!(!about.to_string().contains('\n'), "{path}: more than a line about");
            for arg in command.get_arguments() {
                assert!(arg.get_help().is_some(), "{path}: no help on {}", arg.get_id());
            }
            if command.has_subcommands() {
                command.get_subcommands().for_each(|verb| check(verb, &path));
            } else {
                let examples =
                    command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(examples.starts_with("Examples:\n  "), "{path}: no examples");
                assert!(examples.contains(path.trim()), "{path}: examples of something else");
            }
        }
        check(&Cli::command(), "");
    }

    #[test]
    fn variables_are_named_after_their_flags() {
        fn check(command: &Command) {
            for arg in command.get_arguments() {
                let (Some(long), Some(variable)) = (arg.get_long(), arg.get_env()) else {
                    continue;
                };
                let name = long.to_uppercase().replace('-', "_");
                // The sample backend stands for somebody else's program.
                let names = [format!("COUNTERSIGN_{name}"), format!("COUNTERSIGN_BACKEND_{name}")];
                assert!(names.iter().any(|name| name.as_str() == variable), "{long}");
            }
        }
        let line = Cli::command();
        check(&line);
        for name in crate::config::PROCESSES {
            check(line.find_subcommand(name).unwrap());
        }
    }

    #[test]
    fn a_mask_names_what_was_given_and_is_never_empty() {
        let given = mask(&[("name", true), ("remark", false)], "--name, --remark").unwrap();
        assert_eq!(given.unwrap().paths, ["name"]);
        let failure = mask(&[("name", false)], "--name, --remark").unwrap_err();
        assert_eq!(
            failure.to_string(),
            "error: nothing to change; give at least one of --name, --remark"
        );
    }
}
