//! `countersign audit attempts`

use clap::Args;
use countersign_proto::v1::ListAttemptsRequest;

use crate::args::Globals;
use crate::failure::Failure;
use crate::output::time;

const COLUMNS: &[&str] = &["TIME", "ACTOR", "SOURCE", "REQUEST", "CALL", "STATUS", "ERROR"];

/// Show writes that were refused, newest first
///
/// They are kept beside the log: so many a minute from an address and in all, 16 MiB of them.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign audit attempts
  countersign audit attempts --limit 1000 -o json | jq -r '.[].source' | sort | uniq -c")]
pub(crate) struct List {
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100)]
    #[arg(value_parser = clap::value_parser!(i32).range(1..=1000))]
    limit: i32,
}

pub(super) async fn run(args: List, globals: &Globals) -> Result<(), Failure> {
    let request = ListAttemptsRequest { limit: args.limit };
    let reply = globals.plane().await?.audit().list_attempts(request).await?.into_inner();
    let mut list = globals.output().list(COLUMNS);
    for attempt in &reply.attempts {
        list.push(attempt, |it| {
            vec![
                time(it.time.as_ref()),
                it.actor.clone(),
                it.source.clone(),
                if it.request_id.is_empty() { "-".to_owned() } else { it.request_id.clone() },
                it.call.clone(),
                it.status.clone(),
                it.error.clone(),
            ]
        })?;
    }
    list.finish()?;
    if reply.left_out > 0 {
        eprintln!("{} more were left out since the control plane started", reply.left_out);
    }
    Ok(())
}
