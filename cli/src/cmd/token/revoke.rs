//! `countersign token revoke`

use clap::Args;
use countersign_proto::v1::RevokeTokenRequest;

use crate::args::{Globals, WriteArgs};
use crate::failure::Failure;

/// Take back a token: it is worth nothing from then on, and streams that it opened end
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign token revoke 0197c2f0a1b27d4c8e11223344556677 --reason 'left on a train'")]
pub(crate) struct Revoke {
    /// Its id, as `countersign token list` shows it
    #[arg(value_name = "ID")]
    token: String,

    #[command(flatten)]
    write: WriteArgs,
}

pub(super) async fn run(args: Revoke, globals: &Globals) -> Result<(), Failure> {
    let request = RevokeTokenRequest {
        token: args.token,
        request_id: args.write.request_id,
        expected_revision: args.write.expected_revision,
        reason: args.write.reason,
    };
    let reply = globals.plane().await?.access().revoke_token(request).await?.into_inner();
    globals.output().reply(&reply)?;
    args.write.wait.until_signed(globals, reply.revision, "").await
}
