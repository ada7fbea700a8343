//! `countersign node token create`

use clap::Args;
use countersign_proto::v1::CreateNodeTokenRequest;

use crate::args::{Globals, WriteArgs};
use crate::failure::Failure;
use crate::moment::Lifetime;

/// Make a token by which one node or relay gets its first certificate
///
/// The token is shown this once, and is good for one node. Put it into a file on the node's machine,
/// readable by the node alone, and start the node with --enrol-token-file.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign node token create --env RELEASE --ttl 10m
  countersign node token create --env RELEASE --env STAGING --node edge-1
  countersign node token create --all-environments --relay --node relay-eu-1
  countersign node token create --env RELEASE -o json | jq -r .token")]
pub(crate) struct Create {
    /// An environment that the node may ask for, by name or id; repeat for several. Its certificate
    /// opens no other
    #[arg(long = "env", alias = "environment", value_name = "ENV", value_delimiter = ',')]
    #[arg(required_unless_present = "all_environments")]
    environments: Vec<String>,

    /// It may ask for every environment, also those that are yet to come
    #[arg(long, conflicts_with = "environments")]
    all_environments: bool,

    /// How long the token can be used, at most 7d
    #[arg(long, value_name = "TIME", default_value = "10m")]
    ttl: Lifetime,

    /// The only name that it is good for; left out: any that nobody has. Needed to let a node in again
    #[arg(long, value_name = "NODE", default_value = "", hide_default_value = true)]
    node: String,

    /// It makes a relay, which may speak for nodes of any name
    #[arg(long)]
    relay: bool,

    #[command(flatten)]
    write: WriteArgs,
}

pub(super) async fn run(args: Create, globals: &Globals) -> Result<(), Failure> {
    let request = CreateNodeTokenRequest {
        environments: args.environments,
        all_environments: args.all_environments,
        // What is shorter than a second is none, and what is too long is refused.
        ttl_seconds: u32::try_from(args.ttl.0.as_secs().max(1)).unwrap_or(u32::MAX),
        node: args.node,
        relay: args.relay,
        request_id: args.write.request_id,
        expected_revision: args.write.expected_revision,
        reason: args.write.reason,
    };
    let reply = globals.plane().await?.nodes().create_node_token(request).await?.into_inner();
    globals.output().reply(&reply)?;
    args.write.wait.until_signed(globals, reply.revision, "").await
}
