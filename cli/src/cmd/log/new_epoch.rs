//! `countersign log new-epoch`

use std::path::PathBuf;

use clap::Args;
use countersign_control_plane::log::{DataDir, StillLog};

use crate::args::Globals;
use crate::failure::Failure;

/// Declare that a log goes on from a copy that was restored
///
/// Run it once, with the control plane stopped, after a copy of a data directory was put in the place
/// of a newer one. What was written after the copy is another history from then on: every node
/// refuses the log until it is restarted with --accept-log, and none is told that the log was rolled
/// back. A replica's copy of a log in etcd that is lost becomes a log of its own.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign log new-epoch --data-dir /var/lib/countersign")]
pub(crate) struct NewEpoch {
    /// The data directory, which no process may be using
    #[arg(long, value_name = "DIR", env = "COUNTERSIGN_DATA_DIR", hide_env_values = true)]
    data_dir: PathBuf,
}

pub(super) fn run(args: &NewEpoch, globals: &Globals) -> Result<(), Failure> {
    let failed = |error: &dyn std::error::Error| Failure::failed(error.to_string());
    // A directory that is none is not made one.
    let log_id = StillLog::id_at(&args.data_dir).map_err(|error| failed(&error))?;
    let mut directory = DataDir::open(&args.data_dir, log_id).map_err(|error| failed(&error))?;
    let former = directory.epoch();
    let epoch = directory.go_on_alone().map_err(|error| failed(&error))?;
    let value = serde_json::json!({
        "log_id": log_id.to_string(), "former_epoch": former, "epoch": epoch,
    });
    globals.output().value(&value, || {
        format!(
            "log {log_id}: epoch {former} is now epoch {epoch}; start nodes with --accept-log {log_id}/{epoch}"
        )
    })
}
