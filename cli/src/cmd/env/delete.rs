//! `countersign env delete`

use clap::Args;
use countersign_proto::v1::DeleteEnvironmentRequest;

use crate::args::{Globals, WriteArgs};
use crate::failure::Failure;

/// Delete an environment in which nothing is published or bound
///
/// RELEASE is there from the start and cannot be deleted.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign env delete STAGING")]
pub(crate) struct Delete {
    /// Name or id
    #[arg(value_name = "ENV")]
    environment: String,

    #[command(flatten)]
    write: WriteArgs,
}

pub(super) async fn run(args: Delete, globals: &Globals) -> Result<(), Failure> {
    let request = DeleteEnvironmentRequest {
        environment: args.environment,
        request_id: args.write.request_id,
        expected_revision: args.write.expected_revision,
        reason: args.write.reason,
    };
    let reply =
        globals.plane().await?.environments().delete_environment(request).await?.into_inner();
    globals.output().reply(&reply)?;
    args.write.wait.until_signed(globals, reply.revision, "").await
}
