//! `countersign env list`

use clap::Args;
use countersign_proto::v1::{Environment, ListEnvironmentsRequest};

use crate::args::Globals;
use crate::failure::Failure;
use crate::output::time;
use crate::paging::PageArgs;

const COLUMNS: &[&str] = &["NAME", "REMARK", "CREATED", "UPDATED"];

/// List environments
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign env list
  countersign env list -o json | jq -r '.[].name'")]
pub(crate) struct List {
    /// Only those whose name contains this, upper and lower case alike
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    name_contains: String,

    #[command(flatten)]
    page: PageArgs,
}

pub(super) async fn run(args: List, globals: &Globals) -> Result<(), Failure> {
    let mut environments = globals.plane().await?.environments();
    let mut list = globals.output().list(COLUMNS);
    let fetch = async |page_size, page_token| {
        let name_contains = args.name_contains.clone();
        let request = ListEnvironmentsRequest { page_size, page_token, name_contains };
        let reply = environments.list_environments(request).await?.into_inner();
        Ok((reply.environments, reply.next_page_token))
    };
    args.page.each(fetch, async |environment| list.push(&environment, row)).await?;
    list.finish()
}

fn row(environment: &Environment) -> Vec<String> {
    vec![
        environment.name.clone(),
        environment.remark.clone(),
        time(environment.create_time.as_ref()),
        time(environment.update_time.as_ref()),
    ]
}
