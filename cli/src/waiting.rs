//! Waiting until nodes sign with a revision: the flag that every write has, and what is said when
//! time is over. It asks the control plane, never a node.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use clap::Args;
use countersign_proto::v1::{NodeBehind, WaitForRevisionRequest, WaitForRevisionResponse};

use crate::args::Globals;
use crate::client::ControlPlane;
use crate::failure::Failure;

/// The longest that the control plane waits within one call.
const CALL_WAIT_MS_MAX: u128 = 30_000;
/// Nodes that a sentence names.
const NODES_NAMED_MAX: usize = 5;

// Whether a write waits for the nodes.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct WaitArgs {
    /// Wait until every live node signs with this write; 30 s at most, or so many. Exit status 1 when
    /// one does not by then; the write stands all the same
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "30")]
    wait: Option<u64>,
}

impl WaitArgs {
    /// Returns at once where nothing was asked for.
    pub(crate) async fn until_signed(
        self,
        globals: &Globals,
        revision: u64,
        environment: &str,
    ) -> Result<(), Failure> {
        let Some(seconds) = self.wait else { return Ok(()) };
        let plane = globals.plane().await?;
        let patience = Duration::from_secs(seconds);
        let reply = wait(&plane, revision, environment, patience).await?;
        judge(&reply, patience).map_err(|failure| failure.advise("it is written; do not repeat it"))
    }
}

/// Asks until it is reached or time is over.
pub(crate) async fn wait(
    plane: &ControlPlane,
    revision: u64,
    environment: &str,
    patience: Duration,
) -> Result<WaitForRevisionResponse, Failure> {
    let begun = Instant::now();
    let mut request = WaitForRevisionRequest {
        revision,
        environment: environment.to_owned(),
        ..WaitForRevisionRequest::default()
    };
    loop {
        let left = patience.saturating_sub(begun.elapsed());
        // 0 would mean as long as may be.
        let ms = left.as_millis().clamp(1, CALL_WAIT_MS_MAX);
        request.timeout_ms = u32::try_from(ms).unwrap_or(1);
        let reply = plane.nodes().wait_for_revision(request.clone()).await?.into_inner();
        if reply.reached || begun.elapsed() >= patience {
            return Ok(reply);
        }
        // The log may have gone on meanwhile; what was asked for first is waited for.
        request.revision = reply.revision;
    }
}

/// A failure where live nodes are missing; nodes that nobody waited for are told on standard error.
pub(crate) fn judge(reply: &WaitForRevisionResponse, patience: Duration) -> Result<(), Failure> {
    let revision = reply.revision;
    if reply.silent_count > 0 {
        let silent = named(&reply.silent_nodes, reply.silent_count);
        eprintln!("note: not waited for, stale or gone before revision {revision}: {silent}");
    }
    if !reply.reached && reply.missing_count == 0 {
        let seconds = patience.as_secs();
        let what = format!("the log has not come to revision {revision} after {seconds} s");
        return Err(Failure::failed(what));
    }
    if !reply.reached {
        let missing = named(&reply.missing_nodes, reply.missing_count);
        let live = reply.signing_count + reply.missing_count;
        return Err(Failure::failed(format!(
            "{} of {live} live nodes do not sign with revision {revision} after {} s: {missing}",
            reply.missing_count,
            patience.as_secs(),
        )));
    }
    if reply.signing_count == 0 {
        eprintln!("note: there is no live node");
    }
    Ok(())
}

fn named(nodes: &[NodeBehind], count: u32) -> String {
    let told = nodes.iter().take(NODES_NAMED_MAX);
    let mut text = told
        .map(|node| format!("{} (at {})", node.name, node.acked_revision))
        .collect::<Vec<_>>()
        .join(", ");
    let more = (count as usize).saturating_sub(nodes.len().min(NODES_NAMED_MAX));
    if more > 0 {
        let _ = write!(text, " and {more} more");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_missing_is_named_with_what_it_signs_with() {
        let behind = |n: u64| NodeBehind { name: format!("edge-{n}"), acked_revision: 40 + n };
        let reply = WaitForRevisionResponse {
            revision: 50,
            signing_count: 3,
            missing_count: 7,
            missing_nodes: (1..=7).map(behind).collect(),
            ..WaitForRevisionResponse::default()
        };
        let failure = judge(&reply, Duration::from_secs(2)).unwrap_err();
        assert_eq!(
            failure.to_string(),
            "error: 7 of 10 live nodes do not sign with revision 50 after 2 s: edge-1 (at 41), edge-2 (at 42), \
             edge-3 (at 43), edge-4 (at 44), edge-5 (at 45) and 2 more"
        );
    }
}
