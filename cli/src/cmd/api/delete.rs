//! `countersign api delete`

use clap::Args;
use countersign_proto::v1::DeleteApiRequest;

use crate::args::{Globals, WriteArgs};
use crate::failure::Failure;

/// Delete an API
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign api delete shop/orders
  countersign api delete shop/orders --force")]
pub(crate) struct Delete {
    /// Name, GROUP/NAME or id
    #[arg(value_name = "API")]
    api: String,

    /// Take it offline everywhere and unbind it too, all in one
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    write: WriteArgs,
}

pub(super) async fn run(args: Delete, globals: &Globals) -> Result<(), Failure> {
    let request = DeleteApiRequest {
        api: args.api,
        force: args.force,
        request_id: args.write.request_id,
        expected_revision: args.write.expected_revision,
        reason: args.write.reason,
    };
    let reply = globals.plane().await?.apis().delete_api(request).await?.into_inner();
    globals.output().reply(&reply)?;
    args.write.wait.until_signed(globals, reply.revision, "").await
}
