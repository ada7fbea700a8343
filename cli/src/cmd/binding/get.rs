//! `countersign binding get`

use clap::Args;
use countersign_proto::v1::GetBindingRequest;

use crate::args::Globals;
use crate::failure::Failure;

/// Show the binding of one API in one environment
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign binding get --api shop/orders --env RELEASE")]
pub(crate) struct Get {
    /// The API: its name, GROUP/NAME or id
    #[arg(long)]
    api: String,

    /// The environment: its name or id
    #[arg(long, alias = "environment", value_name = "ENV")]
    env: String,
}

pub(super) async fn run(args: Get, globals: &Globals) -> Result<(), Failure> {
    let request = GetBindingRequest { api: args.api, environment: args.env };
    let reply = globals.plane().await?.bindings().get_binding(request).await?.into_inner();
    globals.output().reply(&reply)
}
