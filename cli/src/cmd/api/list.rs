//! `countersign api list`

use clap::Args;
use countersign_proto::v1::{Api, ListApisRequest};

use super::show;
use crate::args::{BoundFilter, Globals};
use crate::failure::Failure;
use crate::paging::PageArgs;

const COLUMNS: &[&str] = &["API", "METHOD", "PATH", "MATCH", "BACKEND", "PUBLISHED IN"];

/// List APIs
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign api list --group shop
  countersign api list --env RELEASE --unbound     published there, but not signed
  countersign api list --name-contains order -o json")]
pub(crate) struct List {
    /// Only those in this group: its name or id
    #[arg(long, default_value = "", hide_default_value = true)]
    group: String,

    /// Only those whose name contains this
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    name_contains: String,

    /// Only those published in this environment: its name or id
    #[arg(long, alias = "environment", value_name = "ENV")]
    #[arg(default_value = "", hide_default_value = true)]
    env: String,

    #[command(flatten)]
    bound: BoundFilter,

    #[command(flatten)]
    page: PageArgs,
}

pub(super) async fn run(args: List, globals: &Globals) -> Result<(), Failure> {
    if args.bound.wanted().is_some() && args.env.is_empty() {
        return Err(Failure::usage("--bound and --unbound need --env: a key is bound in one"));
    }
    let plane = globals.plane().await?;
    let mut apis = plane.apis();
    let mut list = globals.output().list(COLUMNS);
    let fetch = async |page_size, page_token| {
        let request = ListApisRequest {
            page_size,
            page_token,
            api_group: args.group.clone(),
            name_contains: args.name_contains.clone(),
            environment: args.env.clone(),
            bound: args.bound.wanted(),
            count: false,
        };
        let reply = apis.list_apis(request).await?.into_inner();
        Ok((reply.apis, reply.next_page_token))
    };
    let take = async |api: Api| list.push(&api, row);
    args.page.each(fetch, take).await?;
    list.finish()
}

fn row(api: &Api) -> Vec<String> {
    let published =
        if api.published_in.is_empty() { "-".to_owned() } else { api.published_in.join(", ") };
    vec![
        format!("{}/{}", api.api_group_name, api.name),
        show::method(api.method()).to_owned(),
        api.path.clone(),
        show::match_mode(api.match_mode()).to_owned(),
        show::backend(api.backend.as_ref()),
        published,
    ]
}
