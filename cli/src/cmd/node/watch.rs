//! `countersign node watch`

use std::collections::BTreeMap;

use clap::Args;
use countersign_proto::v1::{Node, WatchNodesRequest};

use super::list::{COLUMNS, row};
use crate::args::Globals;
use crate::failure::Failure;
use crate::output::{Format, screen};

/// Show nodes as they change, until interrupted
///
/// A table of all of them, drawn anew whenever one changed; as JSON one object a line for each node
/// that changed, as YAML one document.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign node watch
  countersign node watch --env RELEASE
  countersign node watch -o json | jq -c 'select(.stale) | .name'")]
pub(crate) struct Watch {
    /// Only those that serve this environment: its name or id
    #[arg(long, alias = "environment", value_name = "ENV")]
    #[arg(default_value = "", hide_default_value = true)]
    env: String,
}

pub(super) async fn run(args: Watch, globals: &Globals) -> Result<(), Failure> {
    let output = globals.output();
    let request = WatchNodesRequest { environment: args.env };
    let mut changes = globals.plane().await?.nodes().watch_nodes(request).await?.into_inner();
    let mut nodes: BTreeMap<String, Node> = BTreeMap::new();
    while let Some(reply) = changes.message().await? {
        if output.format != Format::Table {
            reply.nodes.iter().try_for_each(|node| output.line(node, String::new))?;
            continue;
        }
        reply.forgotten_nodes.iter().for_each(|name| drop(nodes.remove(name)));
        nodes.extend(reply.nodes.into_iter().map(|node| (node.name.clone(), node)));
        screen(COLUMNS, nodes.values().map(row).collect())?;
    }
    Err(Failure::failed("the control plane ended the stream").advise("start watching again"))
}
