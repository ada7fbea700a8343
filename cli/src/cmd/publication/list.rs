//! `countersign publication list`

use clap::Args;
use countersign_proto::v1::{ListPublicationsRequest, Publication};

use crate::args::{BoundFilter, Globals};
use crate::cmd::api::show;
use crate::failure::Failure;
use crate::paging::PageArgs;

const COLUMNS: &[&str] = &["API", "ENV", "METHOD", "PATH", "MATCH", "BACKEND", "KEY"];

/// List published APIs, as they were frozen when they were published
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign publication list --env RELEASE
  countersign publication list --env RELEASE --unbound     what nodes forward unsigned there")]
pub(crate) struct List {
    /// Only of this API: its name, GROUP/NAME or id
    #[arg(long, default_value = "", hide_default_value = true)]
    api: String,

    /// Only in this environment: its name or id
    #[arg(long, alias = "environment", value_name = "ENV")]
    #[arg(default_value = "", hide_default_value = true)]
    env: String,

    /// Only of APIs in this group: its name or id
    #[arg(long, default_value = "", hide_default_value = true)]
    group: String,

    /// Only of APIs whose name contains this
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    api_name_contains: String,

    #[command(flatten)]
    bound: BoundFilter,

    #[command(flatten)]
    page: PageArgs,
}

pub(super) async fn run(args: List, globals: &Globals) -> Result<(), Failure> {
    let mut apis = globals.plane().await?.apis();
    let mut list = globals.output().list(COLUMNS);
    let fetch = async |page_size, page_token| {
        let request = ListPublicationsRequest {
            page_size,
            page_token,
            api: args.api.clone(),
            environment: args.env.clone(),
            api_group: args.group.clone(),
            api_name_contains: args.api_name_contains.clone(),
            bound: args.bound.wanted(),
            count: false,
        };
        let reply = apis.list_publications(request).await?.into_inner();
        Ok((reply.publications, reply.next_page_token))
    };
    args.page.each(fetch, async |publication| list.push(&publication, row)).await?;
    list.finish()
}

fn row(publication: &Publication) -> Vec<String> {
    let definition = publication.definition.clone().unwrap_or_default();
    let key = &publication.signature_key_name;
    vec![
        format!("{}/{}", publication.api_group_name, publication.api_name),
        publication.environment_name.clone(),
        show::method(definition.method()).to_owned(),
        definition.path.clone(),
        show::match_mode(definition.match_mode()).to_owned(),
        show::backend(definition.backend.as_ref()),
        if key.is_empty() { "unsigned" } else { key }.to_owned(),
    ]
}
