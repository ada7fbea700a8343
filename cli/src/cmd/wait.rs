//! `countersign wait`

use std::time::Duration;

use clap::Args;

use crate::args::Globals;
use crate::failure::Failure;
use crate::waiting::{judge, wait};

/// Wait until every live node signs with a revision
///
/// Prints which revision that is and how many nodes sign with it. A node is live while its stream is
/// open and it was heard within three bookmark intervals. Exit status 1 when a live node does not sign
/// with it in time.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign wait
  countersign wait --revision 42 --env RELEASE --timeout 10
  countersign wait -o json | jq .signing_count")]
pub(crate) struct Wait {
    /// The revision, or a later one; left out: the newest there is
    #[arg(long, value_name = "REVISION", default_value_t = 0, hide_default_value = true)]
    revision: u64,

    /// Only nodes that serve this environment: its name or id
    #[arg(long, alias = "environment", value_name = "ENV")]
    #[arg(default_value = "", hide_default_value = true)]
    env: String,

    /// How long to wait at most
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    timeout: u64,
}

pub(super) async fn run(args: Wait, globals: &Globals) -> Result<(), Failure> {
    let patience = Duration::from_secs(args.timeout);
    let plane = globals.plane().await?;
    let reply = wait(&plane, args.revision, &args.env, patience).await?;
    globals.output().line(&reply, || {
        format!("revision {}: {} live nodes sign with it", reply.revision, reply.signing_count)
    })?;
    judge(&reply, patience)
}
