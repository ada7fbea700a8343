//! `countersign api get`

use clap::Args;
use countersign_proto::v1::GetApiRequest;

use crate::args::Globals;
use crate::failure::Failure;

/// Show one API
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign api get shop/orders
  countersign api get shop/orders -o json | jq .backend")]
pub(crate) struct Get {
    /// Name, GROUP/NAME or id
    #[arg(value_name = "API")]
    api: String,
}

pub(super) async fn run(args: Get, globals: &Globals) -> Result<(), Failure> {
    let request = GetApiRequest { api: args.api };
    let reply = globals.plane().await?.apis().get_api(request).await?.into_inner();
    globals.output().reply(&reply)
}
