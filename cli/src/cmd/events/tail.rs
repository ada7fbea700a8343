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
  countersign events tail --type key_bound --type key_unbound
  countersign events tail --from 1 -o json | jq -c '{revision, actor}'")]
pub(crate) struct Tail {
    /// Begin at this revision; left out: with the next event
    #[arg(long, value_name = "REVISION", default_value_t = 0, hide_default_value = true)]
    from: u64,

    /// Only by exactly this actor
    #[arg(long, value_name = "ACTOR")]
    actor: Option<String>,

    /// Only of this type, such as `key_bound`; repeat for several
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
}

impl Tail {
    /// The stream carries every event; what is not wanted is left out here.
    fn wants(&self, event: &Event) -> bool {
        let is_of_type = |wanted: &String| wanted == type_of(event);
        self.actor.as_ref().is_none_or(|actor| *actor == event.actor)
            && (self.types.is_empty() || self.types.iter().any(is_of_type))
    }
}

pub(super) async fn run(args: Tail, globals: &Globals) -> Result<(), Failure> {
    let plane = globals.plane().await?;
    let mut names = Names::new(&plane);
    let request = TailEventsRequest { revision_from: args.from };
    let mut events = plane.events().tail_events(request).await?.into_inner();
    while let Some(reply) = events.message().await? {
        let Some(event) = reply.event.filter(|event| args.wants(event)) else { continue };
        let summary = summary(&event, &mut names).await;
        globals.output().line(&event, || line(&event, &summary))?;
    }
    Err(Failure::failed("the control plane ended the stream").advise("start tailing again"))
}

fn line(event: &Event, summary: &str) -> String {
    let (at, kind) = (time(event.time.as_ref()), type_of(event));
    format!("{:>8}  {at}  {:<16}  {kind:<21}  {summary}", event.revision, event.actor)
}
