//! `countersign api publish`

use clap::Args;
use countersign_proto::v1::PublishApiRequest;

use crate::args::{Globals, WriteArgs};
use crate::failure::Failure;

/// Publish an API in an environment, as it stands now
///
/// Publishing freezes the definition: later changes of the API reach the nodes when it is
/// published again. A binding that was there before it went offline signs again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign api publish shop/orders --env RELEASE")]
pub(crate) struct Publish {
    /// Name, GROUP/NAME or id
    #[arg(value_name = "API")]
    api: String,

    /// The environment: its name or id
    #[arg(long, alias = "environment", value_name = "ENV")]
    env: String,

    #[command(flatten)]
    write: WriteArgs,
}

pub(super) async fn run(args: Publish, globals: &Globals) -> Result<(), Failure> {
    let request = PublishApiRequest {
        api: args.api,
        environment: args.env.clone(),
        request_id: args.write.request_id,
        expected_revision: args.write.expected_revision,
        reason: args.write.reason,
    };
    let reply = globals.plane().await?.apis().publish_api(request).await?.into_inner();
    globals.output().reply(&reply)?;
    args.write.wait.until_signed(globals, reply.revision, &args.env).await
}
