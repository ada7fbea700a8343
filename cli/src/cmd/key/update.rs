//! `countersign key update`

use clap::Args;
use countersign_proto::v1::{SignatureKey, UpdateSignatureKeyRequest};

use crate::args::{Globals, WriteArgs, mask};
use crate::failure::Failure;

/// Rename a signature key
///
/// Its type and key stay; for the secret see `key replace-secret`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign key update orders --name orders_2026")]
pub(crate) struct Update {
    /// Name or id
    #[arg(value_name = "KEY")]
    key: String,

    /// The new name
    #[arg(long)]
    name: Option<String>,

    #[command(flatten)]
    write: WriteArgs,
}

pub(super) async fn run(args: Update, globals: &Globals) -> Result<(), Failure> {
    let request = UpdateSignatureKeyRequest {
        update_mask: mask(&[("name", args.name.is_some())], "--name")?,
        signature_key: Some(SignatureKey {
            id: args.key,
            name: args.name.unwrap_or_default(),
            ..Default::default()
        }),
        request_id: args.write.request_id,
        expected_revision: args.write.expected_revision,
        reason: args.write.reason,
    };
    let reply =
        globals.plane().await?.signature_keys().update_signature_key(request).await?.into_inner();
    globals.output().reply(&reply)?;
    args.write.wait.until_signed(globals, reply.revision, "").await
}
