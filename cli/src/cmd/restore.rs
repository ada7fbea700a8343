//! `countersign restore`

use std::path::{Path, PathBuf};

use clap::Args;
use countersign_control_plane::backup::{self, RestoreError, Restored, Until};
use countersign_control_plane::log::VerifierKey;
use countersign_proto::convert::time_ms;
use serde_json::json;

use super::backup::{NO_MASTER_KEY, open};
use crate::args::Globals;
use crate::failure::Failure;
use crate::moment;

/// Make a data directory from a backup, as it was at any revision
///
/// The directory must not be there yet. It begins a new epoch: nodes keep signing with what they have
/// and refuse the restored log until they are restarted with --accept-log, as printed. The master key is
/// in no backup; put it in its place before the control plane is started.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign restore --from today.backup --to /var/lib/countersign
  countersign restore --from today.backup --to /tmp/drill --revision 4711
  countersign restore --from today.backup --to /tmp/drill --at '2h ago'")]
pub(crate) struct Restore {
    /// The backup
    #[arg(long, value_name = "FILE")]
    from: PathBuf,

    /// The data directory to make
    #[arg(long, value_name = "DIR")]
    to: PathBuf,

    /// As it was at this revision; left out: at the newest of the backup
    #[arg(long, value_name = "REVISION", conflicts_with = "at")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    revision: Option<u64>,

    /// As it was at this time: RFC 3339, or such as `2h ago`
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    at: Option<prost_types::Timestamp>,

    /// The new epoch, where nodes know a later one than the backup does: it was restored before
    #[arg(long, value_name = "NUMBER")]
    epoch: Option<u64>,

    /// Verify the signatures with this key as well; otherwise the first start does
    #[arg(long, value_name = "KEY")]
    public_key: Option<VerifierKey>,
}

pub(super) async fn run(args: Restore, globals: &Globals) -> Result<(), Failure> {
    let output = globals.output();
    let until = match (args.revision, &args.at) {
        (Some(revision), _) => Until::Revision(revision),
        (None, Some(at)) => {
            Until::Time(time_ms("at", at).map_err(|error| Failure::usage(error.to_string()))?)
        }
        (None, None) => Until::Head,
    };
    let from = open(&args.from)?;
    let to = args.to.clone();
    let made = tokio::task::spawn_blocking(move || {
        backup::restore(from, &args.to, until, args.epoch, args.public_key.as_ref())
    });
    let made = made.await.map_err(|error| Failure::failed(error.to_string()))?;
    let restored = made.map_err(|error| refused(&error))?;
    let accept = format!("{}/{}", restored.contents.verified.log_id, restored.epoch);
    let value = json!({
        "data_dir": to.display().to_string(),
        "log_id": restored.contents.verified.log_id.to_string(),
        "revision": restored.head.revision,
        "hash": restored.head.hash.to_string(),
        "former_epoch": restored.contents.epoch,
        "epoch": restored.epoch,
        "accept_log": accept,
        "backup_revision": restored.contents.verified.head.revision,
    });
    output.value(&value, || told(&to, &restored, &accept))
}

fn told(to: &Path, restored: &Restored, accept: &str) -> String {
    let (revision, last) = (restored.head.revision, restored.contents.verified.head.revision);
    let left_out = match last - revision {
        0 => String::new(),
        left_out => format!("; {left_out} later events of the backup are left out"),
    };
    let to = to.display();
    format!(
        "restored: {to} at revision {revision}, epoch {}{left_out}\n\
         next:\n  \
         1. put the master key at {to}/master.key, mode 0600, or name it with --master-key-file;\n     \
            {NO_MASTER_KEY}\n  \
         2. countersign control-plane --data-dir {to} …\n  \
         3. restart the nodes with --accept-log {accept}; until then they sign with what they have",
        restored.epoch,
    )
}

fn refused(error: &RestoreError) -> Failure {
    let failure = Failure::failed(error.to_string());
    match error {
        RestoreError::Backup(_) => failure
            .advise("nothing was restored; take another backup, and keep this one as evidence"),
        _ => failure,
    }
}
