//! `countersign unbind`

use clap::Args;
use countersign_proto::v1::DeleteBindingRequest;

use crate::args::{Globals, WriteArgs};
use crate::failure::Failure;

/// Unbind the signature key of an API in an environment
///
/// From then on requests to that API are forwarded unsigned there. Takes effect at once.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign unbind --api shop/orders --env RELEASE")]
pub(crate) struct Unbind {
    /// The API: its name, GROUP/NAME or id
    #[arg(long)]
    api: String,

    /// The environment: its name or id
    #[arg(long, alias = "environment", value_name = "ENV")]
    env: String,

    #[command(flatten)]
    write: WriteArgs,
}

pub(super) async fn run(args: Unbind, globals: &Globals) -> Result<(), Failure> {
    let request = DeleteBindingRequest {
        api: args.api,
        environment: args.env.clone(),
        request_id: args.write.request_id,
        expected_revision: args.write.expected_revision,
        reason: args.write.reason,
    };
    let reply = globals.plane().await?.bindings().delete_binding(request).await?.into_inner();
    globals.output().reply(&reply)?;
    args.write.wait.until_signed(globals, reply.revision, &args.env).await
}
