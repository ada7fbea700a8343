//! `countersign group delete`

use clap::Args;
use countersign_proto::v1::DeleteApiGroupRequest;

use crate::args::{Globals, WriteArgs};
use crate::failure::Failure;

/// Delete an API group that has no APIs
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign group delete shop")]
pub(crate) struct Delete {
    /// Name or id
    #[arg(value_name = "GROUP")]
    group: String,

    #[command(flatten)]
    write: WriteArgs,
}

pub(super) async fn run(args: Delete, globals: &Globals) -> Result<(), Failure> {
    let request = DeleteApiGroupRequest {
        api_group: args.group,
        request_id: args.write.request_id,
        expected_revision: args.write.expected_revision,
        reason: args.write.reason,
    };
    let reply = globals.plane().await?.api_groups().delete_api_group(request).await?.into_inner();
    globals.output().reply(&reply)?;
    args.write.wait.until_signed(globals, reply.revision, "").await
}
