//! `countersign node token list`

use clap::Args;
use countersign_proto::v1::{ListNodeTokensRequest, NodeToken};

use crate::args::Globals;
use crate::failure::Failure;
use crate::output::time;
use crate::paging::PageArgs;

const COLUMNS: &[&str] =
    &["TOKEN", "FOR", "ENVIRONMENTS", "CREATED", "EXPIRES", "SPENT BY", "SPENT"];

/// List tokens of nodes that can be used, were used, or expired within the last day
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign node token list
  countersign node token list -o json | jq -r '.[] | select(.spent_by == null) | .id'")]
pub(crate) struct List {
    #[command(flatten)]
    page: PageArgs,
}

pub(super) async fn run(args: List, globals: &Globals) -> Result<(), Failure> {
    let mut nodes = globals.plane().await?.nodes();
    let mut list = globals.output().list(COLUMNS);
    let fetch = async |page_size, page_token| {
        let request = ListNodeTokensRequest { page_size, page_token };
        let reply = nodes.list_node_tokens(request).await?.into_inner();
        Ok((reply.node_tokens, reply.next_page_token))
    };
    args.page.each(fetch, async |token| list.push(&token, row)).await?;
    list.finish()
}

fn row(token: &NodeToken) -> Vec<String> {
    let or_dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    let role = if token.relay { "relay" } else { "node" };
    let whom =
        if token.node.is_empty() { role.to_owned() } else { format!("{role} {}", token.node) };
    let scope =
        if token.all_environments { "all".to_owned() } else { token.environments.join(", ") };
    vec![
        token.id.clone(),
        whom,
        scope,
        time(token.create_time.as_ref()),
        time(token.expire_time.as_ref()),
        or_dash(&token.spent_by),
        time(token.spend_time.as_ref()),
    ]
}
