//! `countersign node token revoke`

use clap::Args;
use countersign_proto::v1::RevokeNodeTokenRequest;

use crate::args::{Globals, WriteArgs};
use crate::failure::Failure;

/// Take back a token that nobody has used yet
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign node token revoke 0198c1a2b3c4d5e6f708192a3b4c5d6e")]
pub(crate) struct Revoke {
    /// Its id, as `countersign node token list` shows it
    #[arg(value_name = "TOKEN_ID")]
    token: String,

    #[command(flatten)]
    write: WriteArgs,
}

pub(super) async fn run(args: Revoke, globals: &Globals) -> Result<(), Failure> {
    let request = RevokeNodeTokenRequest {
        node_token: args.token,
        request_id: args.write.request_id,
        expected_revision: args.write.expected_revision,
        reason: args.write.reason,
    };
    let reply = globals.plane().await?.nodes().revoke_node_token(request).await?.into_inner();
    globals.output().reply(&reply)?;
    args.write.wait.until_signed(globals, reply.revision, "").await
}
