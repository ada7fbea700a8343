//! `countersign env get`

use clap::Args;
use countersign_proto::v1::GetEnvironmentRequest;

use crate::args::Globals;
use crate::failure::Failure;

/// Show one environment
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign env get RELEASE
  countersign env get RELEASE -o json")]
pub(crate) struct Get {
    /// Name or id
    #[arg(value_name = "ENV")]
    environment: String,
}

pub(super) async fn run(args: Get, globals: &Globals) -> Result<(), Failure> {
    let request = GetEnvironmentRequest { environment: args.environment };
    let reply = globals.plane().await?.environments().get_environment(request).await?.into_inner();
    globals.output().reply(&reply)
}
