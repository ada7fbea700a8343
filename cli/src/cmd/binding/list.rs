//! `countersign binding list`

use clap::Args;
use countersign_proto::v1::{Binding, ListBindingsRequest};

use crate::args::Globals;
use crate::failure::Failure;
use crate::output::time;
use crate::paging::PageArgs;

const COLUMNS: &[&str] = &["KEY", "API", "ENV", "SIGNS", "BOUND"];

/// List bindings
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign binding list
  countersign binding list --key orders --env RELEASE
  countersign binding list --group shop -o json")]
pub(crate) struct List {
    /// Only of this signature key: its name or id
    #[arg(long, default_value = "", hide_default_value = true)]
    key: String,

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
    page: PageArgs,
}

pub(super) async fn run(args: List, globals: &Globals) -> Result<(), Failure> {
    let mut bindings = globals.plane().await?.bindings();
    let mut list = globals.output().list(COLUMNS);
    let fetch = async |page_size, page_token| {
        let request = ListBindingsRequest {
            page_size,
            page_token,
            signature_key: args.key.clone(),
            api: args.api.clone(),
            environment: args.env.clone(),
            api_group: args.group.clone(),
            api_name_contains: args.api_name_contains.clone(),
        };
        let reply = bindings.list_bindings(request).await?.into_inner();
        Ok((reply.bindings, reply.next_page_token))
    };
    args.page.each(fetch, async |binding| list.push(&binding, row)).await?;
    list.finish()
}

fn row(binding: &Binding) -> Vec<String> {
    vec![
        binding.signature_key_name.clone(),
        format!("{}/{}", binding.api_group_name, binding.api_name),
        binding.environment_name.clone(),
        if binding.published { "yes" } else { "offline" }.to_owned(),
        time(binding.bind_time.as_ref()),
    ]
}
