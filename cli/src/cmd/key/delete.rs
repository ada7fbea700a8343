//! `countersign key delete`

use clap::Args;
use countersign_proto::v1::DeleteSignatureKeyRequest;

use crate::args::{Globals, WriteArgs};
use crate::failure::Failure;

/// Delete a signature key
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign key delete orders
  countersign key delete orders --force")]
pub(crate) struct Delete {
    /// Name or id
    #[arg(value_name = "KEY")]
    key: String,

    /// Unbind it everywhere too, all in one
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    write: WriteArgs,
}

pub(super) async fn run(args: Delete, globals: &Globals) -> Result<(), Failure> {
    let request = DeleteSignatureKeyRequest {
        signature_key: args.key,
        force: args.force,
        request_id: args.write.request_id,
        expected_revision: args.write.expected_revision,
        reason: args.write.reason,
    };
    let reply =
        globals.plane().await?.signature_keys().delete_signature_key(request).await?.into_inner();
    globals.output().reply(&reply)?;
    args.write.wait.until_signed(globals, reply.revision, "").await
}
