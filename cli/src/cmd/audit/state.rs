//! `countersign audit state`

use clap::Args;

use super::moment::Moment;
use crate::args::Globals;
use crate::differences::Shown;
use crate::failure::Failure;
use crate::output::time;

const COLUMNS: &[&str] = &["RESOURCE", "FIELDS"];

/// Show what was there, published and bound at a moment
///
/// The log is replayed up to it. Secrets are shown by their fingerprints.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign audit state --at '2h ago'
  countersign audit state --at 2026-11-23T12:00:00Z -o json
  countersign audit state --at 4711 --resource $(countersign key get orders -o json | jq -r .id)")]
pub(crate) struct State {
    /// A revision, RFC 3339, or such as `2h ago`
    #[arg(long, value_name = "TIME|REVISION")]
    at: Moment,

    /// Only what this id names or what names it
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    resource: String,
}

pub(super) async fn run(args: State, globals: &Globals) -> Result<(), Failure> {
    let plane = globals.plane().await?;
    let mut list = globals.output().list(COLUMNS);
    let take = |resource| {
        let shown = Shown::of(&resource)?;
        list.push(&resource, |_| vec![shown.label.clone(), shown.line()])
    };
    let head = args.at.each(&plane, &args.resource, take).await?;
    list.finish()?;
    eprintln!("at revision {}, {}", head.revision, time(head.time.as_ref()));
    Ok(())
}
