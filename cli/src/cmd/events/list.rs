//! `countersign events list`

use clap::Args;
use countersign_proto::v1::{Event, ListEventsRequest};
use prost_types::Timestamp;

use super::payload::{summary, type_of};
use crate::args::Globals;
use crate::failure::Failure;
use crate::moment;
use crate::names::Names;
use crate::output::time;
use crate::paging::PageArgs;

const COLUMNS: &[&str] = &["REVISION", "TIME", "ACTOR", "SOURCE", "TYPE", "WHAT"];

/// List events, oldest first
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign events list --newest-first --limit 20
  countersign events list --since '2h ago' --type key_bound --type key_unbound
  countersign events list --from 100 --to 200 -o json
  countersign events list --resource $(countersign key get orders -o json | jq -r .id)")]
pub(crate) struct List {
    /// From this revision on
    #[arg(long, value_name = "REVISION", default_value_t = 0, hide_default_value = true)]
    from: u64,

    /// Up to this revision, included
    #[arg(long, value_name = "REVISION", default_value_t = 0, hide_default_value = true)]
    to: u64,

    /// From this time on: RFC 3339, or such as `2h ago`
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    since: Option<Timestamp>,

    /// Before this time: RFC 3339, or such as `10m ago`
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    until: Option<Timestamp>,

    /// Only by exactly this actor
    #[arg(long, default_value = "", hide_default_value = true)]
    actor: String,

    /// Only those that touch the resource of this id
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    resource: String,

    /// Only of this type, such as `key_bound`; repeat for several
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,

    /// Only those that a write of exactly this request id made
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    request_id: String,

    /// Newest first
    #[arg(long)]
    newest_first: bool,

    #[command(flatten)]
    page: PageArgs,
}

pub(super) async fn run(args: List, globals: &Globals) -> Result<(), Failure> {
    let plane = globals.plane().await?;
    let mut events = plane.events();
    let mut names = Names::new(&plane);
    let mut list = globals.output().list(COLUMNS);
    let fetch = async |page_size, page_token| {
        let request = ListEventsRequest {
            page_size,
            page_token,
            revision_from: args.from,
            revision_to: args.to,
            time_from: args.since,
            time_to: args.until,
            actor: args.actor.clone(),
            resource: args.resource.clone(),
            types: args.types.clone(),
            request_id: args.request_id.clone(),
            descending: args.newest_first,
        };
        let reply = events.list_events(request).await?.into_inner();
        Ok((reply.events, reply.next_page_token))
    };
    let take = async |event: Event| {
        let summary =
            if list.is_table() { summary(&event, &mut names).await } else { String::new() };
        list.push(&event, |event| row(event, summary))
    };
    args.page.each(fetch, take).await?;
    list.finish()
}

fn row(event: &Event, summary: String) -> Vec<String> {
    vec![
        event.revision.to_string(),
        time(event.time.as_ref()),
        event.actor.clone(),
        if event.source.is_empty() { "-".to_owned() } else { event.source.clone() },
        type_of(event).to_owned(),
        summary,
    ]
}
