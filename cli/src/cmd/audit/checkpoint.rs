//! `countersign audit checkpoint`

use clap::Args;
use countersign_proto::v1::GetCheckpointRequest;

use crate::args::Globals;
use crate::failure::Failure;

/// Print a signed checkpoint of the log, to be kept elsewhere
///
/// Whoever keeps one finds out later if anything that was in the log by then was changed or cut off:
/// `countersign audit verify --checkpoint FILE`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign audit checkpoint > checkpoint-$(date +%F)
  countersign audit checkpoint --at 4711")]
pub(crate) struct Print {
    /// Of the log as it was at this revision; left out: the newest
    #[arg(long, value_name = "REVISION", default_value_t = 0, hide_default_value = true)]
    at: u64,
}

pub(super) async fn run(args: Print, globals: &Globals) -> Result<(), Failure> {
    let request = GetCheckpointRequest { revision: args.at };
    let reply = globals.plane().await?.audit().get_checkpoint(request).await?.into_inner();
    let text = || reply.checkpoint.clone();
    let value = serde_json::Value::Object(crate::json::object(&reply)?);
    globals.output().value(&value, text)
}
