//! `countersign group get`

use clap::Args;
use countersign_proto::v1::GetApiGroupRequest;

use crate::args::Globals;
use crate::failure::Failure;

/// Show one API group
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign group get shop
  countersign group get shop -o yaml")]
pub(crate) struct Get {
    /// Name or id
    #[arg(value_name = "GROUP")]
    group: String,
}

pub(super) async fn run(args: Get, globals: &Globals) -> Result<(), Failure> {
    let request = GetApiGroupRequest { api_group: args.group };
    let reply = globals.plane().await?.api_groups().get_api_group(request).await?.into_inner();
    globals.output().reply(&reply)
}
