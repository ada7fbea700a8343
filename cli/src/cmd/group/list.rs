//! `countersign group list`

use clap::Args;
use countersign_proto::v1::{ApiGroup, ListApiGroupsRequest};

use crate::args::Globals;
use crate::failure::Failure;
use crate::output::time;
use crate::paging::PageArgs;

const COLUMNS: &[&str] = &["NAME", "DOMAINS", "REMARK", "UPDATED"];

/// List API groups
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign group list
  countersign group list --name-contains shop -o json")]
pub(crate) struct List {
    /// Only those whose name contains this, upper and lower case alike
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    name_contains: String,

    #[command(flatten)]
    page: PageArgs,
}

pub(super) async fn run(args: List, globals: &Globals) -> Result<(), Failure> {
    let mut groups = globals.plane().await?.api_groups();
    let mut list = globals.output().list(COLUMNS);
    let fetch = async |page_size, page_token| {
        let name_contains = args.name_contains.clone();
        let request = ListApiGroupsRequest { page_size, page_token, name_contains };
        let reply = groups.list_api_groups(request).await?.into_inner();
        Ok((reply.api_groups, reply.next_page_token))
    };
    args.page.each(fetch, async |group| list.push(&group, row)).await?;
    list.finish()
}

fn row(group: &ApiGroup) -> Vec<String> {
    let domains =
        if group.domains.is_empty() { "any host".to_owned() } else { group.domains.join(", ") };
    vec![group.name.clone(), domains, group.remark.clone(), time(group.update_time.as_ref())]
}
