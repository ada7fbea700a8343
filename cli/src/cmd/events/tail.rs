//! `countersign events tail`

use clap::Args;
use countersign_proto::v1::{Event, TailEventsRequest};

use super::payload::{summary, type_of};
use crate::args::Globals;
use crate::failure::Failure;
use crate::names::Names;
use crate::output::time;

/// Print each event as it happens, until interrupted
///
/// One line each; as JSON one object a line, as YAML one document.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign events tail
  countersign events tail --from 1 -o json | jq -c '{revision, actor}'")]
pub(crate) struct Tail {
    /// Begin at this revision; left out: with the next event
    #[arg(long, value_name = "REVISION", default_value_t = 0, hide_default_value = true)]
    from: u64,
}

pub(super) async fn run(args: Tail, globals: &Globals) -> Result<(), Failure> {
    let plane = globals.plane().await?;
    let mut names = Names::new(&plane);
    let request = TailEventsRequest { revision_from: args.from };
    let mut events = plane.events().tail_events(request).await?.into_inner();
    while let Some(reply) = events.message().await? {
        let Some(event) = reply.event else { continue };
        let summary = summary(&event, &mut names).await;
        globals.output().line(&event, || line(&event, &summary))?;
    }
    Err(Failure::failed("the control plane ended the stream").advise("start tailing again"))
}

fn line(event: &Event, summary: &str) -> String {
    let (at, kind) = (time(event.time.as_ref()), type_of(event));
    format!("{:>8}  {at}  {:<16}  {kind:<21}  {summary}", event.revision, event.actor)
}
