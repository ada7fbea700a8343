//! `countersign api offline`

use clap::Args;
use countersign_proto::v1::TakeApiOfflineRequest;

use crate::args::{Globals, WriteArgs};
use crate::failure::Failure;

/// Take an API offline in an environment
///
/// Nodes answer 404 there. Its binding stays, and signs again when it is published again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign api offline shop/orders --env RELEASE")]
pub(crate) struct Offline {
    /// Name, GROUP/NAME or id
    #[arg(value_name = "API")]
    api: String,

    /// The environment: its name or id
    #[arg(long, alias = "environment", value_name = "ENV")]
    env: String,

    #[command(flatten)]
    write: WriteArgs,
}

pub(super) async fn run(args: Offline, globals: &Globals) -> Result<(), Failure> {
    let request = TakeApiOfflineRequest {
        api: args.api,
        environment: args.env.clone(),
        request_id: args.write.request_id,
        expected_revision: args.write.expected_revision,
        reason: args.write.reason,
    };
    let reply = globals.plane().await?.apis().take_api_offline(request).await?.into_inner();
    globals.output().reply(&reply)?;
    args.write.wait.until_signed(globals, reply.revision, &args.env).await
}
