//! `countersign node list`

use clap::Args;
use countersign_proto::v1::{ListNodesRequest, Node, NodeLoad, NodeRefusal, ResourceKind};

use crate::args::Globals;
use crate::failure::Failure;
use crate::output::{enum_name, time};
use crate::paging::PageArgs;

pub(super) const COLUMNS: &[&str] = &[
    "NODE",
    "ENVIRONMENTS",
    "STATE",
    "VERSION",
    "REVISION",
    "LAG",
    "LAG TIME",
    "IN SYNC",
    "CONNECTED SINCE",
    "LAST CONTACT",
    "LAST NACK",
    "VIA",
    "ENROLLED",
    "CERTIFICATE UNTIL",
    "REQUESTS/S",
    "SIGNATURES/S",
];

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

pub(super) fn row(node: &Node) -> Vec<String> {
    vec![
        node.name.clone(),
        node.environments.join(", "),
        state(node).to_owned(),
        node.version.clone(),
        node.acked_revision.to_string(),
        node.lag_revisions.to_string(),
        lag_time(node.lag_ms),
        if node.in_sync { "yes" } else { "no" }.to_owned(),
        time(node.connect_time.as_ref()),
        time(node.last_contact_time.as_ref()),
        node.last_nack.as_ref().map_or_else(|| "-".to_owned(), refusal),
        via(node),
        time(node.enrolment.as_ref().and_then(|it| it.time.as_ref())),
        time(node.certificate_expire_time.as_ref()),
        rate(node, |load| load.requests_per_second),
        rate(node, |load| load.signatures_per_second),
    ]
}

/// How it is reached, and whether it is there for others.
fn via(node: &Node) -> String {
    match (node.via.as_str(), node.relay) {
        ("", false) => "-".to_owned(),
        ("", true) => "- (a relay)".to_owned(),
        (via, false) => via.to_owned(),
        (via, true) => format!("{via} (a relay)"),
    }
}

fn state(node: &Node) -> &'static str {
    match (node.connected, node.stale) {
        _ if node.revoke_time.is_some() => "revoked",
        (true, false) => "live",
        (true, true) => "stale",
        (false, _) if node.connect_time.is_none() => "unseen",
        (false, _) => "gone",
    }
}

fn lag_time(ms: u64) -> String {
    if ms == 0 { "-".to_owned() } else { format!("{}.{} s", ms / 1000, ms % 1000 / 100) }
}

fn rate(node: &Node, which: fn(&NodeLoad) -> f64) -> String {
    node.load.as_ref().map_or_else(|| "-".to_owned(), |load| which(load).to_string())
}

fn refusal(nack: &NodeRefusal) -> String {
    let resource = match nack.resource_kind() {
        ResourceKind::Unspecified => String::new(),
        kind => format!("{} {}, ", enum_name(kind.as_str_name()), nack.resource_id),
    };
    format!("{} at {}: {resource}{}", time(nack.time.as_ref()), nack.revision, nack.reason)
}
