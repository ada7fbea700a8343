//! `countersign operator revoke`

use clap::Args;
use countersign_proto::v1::RevokeAccessRequest;

use crate::args::{Globals, WriteArgs};
use crate::failure::Failure;

/// Take one grant of an operator, or all of them
///
/// It holds from the next call on. Tokens stay, and may do nothing without a grant; see
/// `countersign token revoke`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign operator revoke ann
  countersign operator revoke --grant 0197c2f0a1b27d4c8e11223344556677")]
pub(crate) struct Revoke {
    /// The operator whose grants are taken, all of them
    #[arg(value_name = "NAME", required_unless_present = "grant", default_value = "")]
    #[arg(hide_default_value = true)]
    operator: String,

    /// The one grant that is taken, by its id
    #[arg(long, value_name = "ID", conflicts_with = "operator")]
    grant: Option<String>,

    #[command(flatten)]
    write: WriteArgs,
}

pub(super) async fn run(args: Revoke, globals: &Globals) -> Result<(), Failure> {
    let request = RevokeAccessRequest {
        grant: args.grant.unwrap_or_default(),
        operator: args.operator,
        request_id: args.write.request_id,
        expected_revision: args.write.expected_revision,
        reason: args.write.reason,
    };
    let reply = globals.plane().await?.access().revoke_access(request).await?.into_inner();
    globals.output().reply(&reply)?;
    args.write.wait.until_signed(globals, reply.revision, "").await
}
