//! `countersign node get`

use clap::Args;
use countersign_proto::v1::GetNodeRequest;

use crate::args::Globals;
use crate::failure::Failure;

/// Show one node
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign node get edge-1
  countersign node get edge-1 -o json | jq .lag_revisions")]
pub(crate) struct Get {
    /// The name under which it presents itself
    #[arg(value_name = "NODE")]
    node: String,
}

pub(super) async fn run(args: Get, globals: &Globals) -> Result<(), Failure> {
    let request = GetNodeRequest { node: args.node };
    let reply = globals.plane().await?.nodes().get_node(request).await?.into_inner();
    globals.output().reply(&reply)
}
