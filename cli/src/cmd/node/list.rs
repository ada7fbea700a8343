//! `countersign node list`

use clap::Args;
use countersign_proto::v1::{ListNodesRequest, Node};

use crate::args::Globals;
use crate::failure::Failure;
use crate::output::time;
use crate::paging::PageArgs;

const COLUMNS: &[&str] =
    &["NODE", "ENVIRONMENTS", "CONNECTED", "REVISION", "LAG", "IN SYNC", "LAST CONTACT"];

/// List nodes, with the revision that each one signs with
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign node list
  countersign node list --env RELEASE -o json")]
pub(crate) struct List {
    /// Only those that serve this environment: its name or id
    #[arg(long, alias = "environment", value_name = "ENV")]
    #[arg(default_value = "", hide_default_value = true)]
    env: String,

    #[command(flatten)]
    page: PageArgs,
}

pub(super) async fn run(args: List, globals: &Globals) -> Result<(), Failure> {
    let mut nodes = globals.plane().await?.nodes();
    let mut list = globals.output().list(COLUMNS);
    let fetch = async |page_size, page_token| {
        let request = ListNodesRequest { page_size, page_token, environment: args.env.clone() };
        let reply = nodes.list_nodes(request).await?.into_inner();
        Ok((reply.nodes, reply.next_page_token))
    };
    args.page.each(fetch, async |node| list.push(&node, row)).await?;
    list.finish()
}

fn row(node: &Node) -> Vec<String> {
    let yes_or_no = |is: bool| if is { "yes" } else { "no" }.to_owned();
    vec![
        node.name.clone(),
        node.environments.join(", "),
        yes_or_no(node.connected),
        node.acked_revision.to_string(),
        node.lag_revisions.to_string(),
        yes_or_no(node.in_sync),
        time(node.last_contact_time.as_ref()),
    ]
}
