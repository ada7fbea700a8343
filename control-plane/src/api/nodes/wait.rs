//! Waiting until every live node signs with a revision. It reads the registry whenever a node has
//! moved, and never asks a node anything.

use std::time::Duration;

use countersign_proto::v1;
use tokio::time::{Instant, sleep, timeout_at};
use tonic::{Code, Status};

use crate::api::apis::named;
use crate::api::{Api, status, stopped};
use crate::decide::find_environment;
use countersign_feed::nodes::standing::Standing;

/// The longest that one call waits.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// Nodes move by the thousand when something is written: they are looked at once in so long.
const LOOK_PAUSE: Duration = Duration::from_millis(5);
/// That a node falls silent, or that the log goes on without nodes, is no move of any of them: it is
/// looked for once in so long.
const SILENCE_PAUSE: Duration = Duration::from_secs(1);
/// Nodes that are told by name.
const NODES_TOLD_MAX: usize = 100;

pub(super) async fn wait_for_revision(
    api: &Api,
    request: v1::WaitForRevisionRequest,
) -> Result<v1::WaitForRevisionResponse, Status> {
    let view = api.engine.view();
    let environment =
        named(&request.environment, |text| Ok(find_environment(&view.state, text)?.fields.id))?;
    let revision = match request.revision {
        0 => view.tip.head.revision,
        revision => revision,
    };
    let asked = Duration::from_millis(request.timeout_ms.into());
    let patience = if asked.is_zero() { WAIT_MAX } else { asked.min(WAIT_MAX) };
    let ends_at = Instant::now() + patience;
    let (mut moved, mut stopping) = (api.nodes.moved(), api.stopping.clone());
    loop {
        moved.mark_unchanged();
        let looked_at = Instant::now();
        let nodes = api.nodes.list();
        let standing = Standing::of(&nodes, environment, revision, api.heard_since_ms());
        // A revision that is not there yet is not reached, even where there is no node to wait for.
        let is_there = api.engine.view().tip.head.revision >= revision;
        let reached = is_there && standing.is_reached();
        if reached || Instant::now() >= ends_at {
            return Ok(told(revision, reached, &standing));
        }
        // Of a hundred thousand nodes a look takes so long that it must not be taken all the time.
        let pause = LOOK_PAUSE.max(looked_at.elapsed() * 4);
        let look_at = ends_at.min(Instant::now() + SILENCE_PAUSE);
        tokio::select! {
            () = stopped(&mut stopping) => {
                let message = "the control plane is stopping: ask again";
                return Err(status::status(Code::Unavailable, "STOPPING", message, []));
            }
            _ = timeout_at(look_at, moved.changed()) => sleep(pause).await,
        }
    }
}

fn told(revision: u64, reached: bool, standing: &Standing) -> v1::WaitForRevisionResponse {
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let behind = |nodes: &[(String, u64)]| -> Vec<v1::NodeBehind> {
        let told = nodes.iter().take(NODES_TOLD_MAX);
        told.map(|(name, acked)| v1::NodeBehind { name: name.clone(), acked_revision: *acked })
            .collect()
    };
    v1::WaitForRevisionResponse {
        revision,
        reached,
        signing_count: count(standing.signing),
        missing_count: count(standing.missing.len()),
        missing_nodes: behind(&standing.missing),
        silent_count: count(standing.silent.len()),
        silent_nodes: behind(&standing.silent),
    }
}
