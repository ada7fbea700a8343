//! `countersign node revoke`

use clap::Args;
use countersign_proto::v1::RevokeNodeRequest;

use crate::args::{Globals, WriteArgs};
use crate::failure::Failure;

/// Shut a node or relay out, whoever gave it its certificate
///
/// Its stream ends at once, and it gets neither changes nor keys nor another certificate. It goes on
/// signing with what it has: replace the secrets of its keys (`countersign key replace-secret`) to
/// take that from it. To let it in again: `countersign node token create --node NODE`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign node revoke edge-1 --reason 'the machine was stolen'
  countersign node revoke edge-7 --force")]
pub(crate) struct Revoke {
    /// The name that its certificate has
    #[arg(value_name = "NODE")]
    node: String,

    /// Also a name that was never enrolled nor seen since the control plane started
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    write: WriteArgs,
}

pub(super) async fn run(args: Revoke, globals: &Globals) -> Result<(), Failure> {
    let request = RevokeNodeRequest {
        node: args.node,
        force: args.force,
        request_id: args.write.request_id,
        expected_revision: args.write.expected_revision,
        reason: args.write.reason,
    };
    let reply = globals.plane().await?.nodes().revoke_node(request).await?.into_inner();
    globals.output().reply(&reply)?;
    args.write.wait.until_signed(globals, reply.revision, "").await
}
