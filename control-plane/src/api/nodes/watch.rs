//! The nodes as they change: one task for each caller, which compares what it told with what is.

use std::collections::BTreeMap;
use std::time::Duration;

use countersign_proto::v1;
use countersign_shared::id::EnvironmentId;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tonic::{Code, Status};

use super::known;
use super::shown::Showing;
use crate::api::{Api, status, stopped};

/// How long nodes may change before it is told.
const PAUSE: Duration = Duration::from_millis(500);
/// Answers that wait for a slow caller; it gets the newest state after them.
pub(super) const QUEUE_MAX: usize = 2;

pub(super) type Sender = mpsc::Sender<Result<v1::WatchNodesResponse, Status>>;

/// Tells until the caller or the control plane goes.
pub(super) async fn watch(api: Api, environment: Option<EnvironmentId>, sender: Sender) {
    let mut stopping = api.stopping.clone();
    let mut told = BTreeMap::new();
    let mut first = true;
    loop {
        let answer = news(&api, environment, &mut told);
        let has_news = !answer.nodes.is_empty() || !answer.forgotten_nodes.is_empty();
        if (first || has_news) && sender.send(Ok(answer)).await.is_err() {
            return;
        }
        first = false;
        tokio::select! {
            () = stopped(&mut stopping) => {
                let message = "the control plane is stopping: watch again";
                let ended = status::status(Code::Unavailable, "STOPPING", message, []);
                let _ = sender.send(Err(ended)).await;
                return;
            }
            () = sender.closed() => return,
            () = sleep(PAUSE) => {}
        }
    }
}

/// What differs from what was told, which is then told.
fn news(
    api: &Api,
    environment: Option<EnvironmentId>,
    told: &mut BTreeMap<String, v1::Node>,
) -> v1::WatchNodesResponse {
    let view = api.engine.view();
    let showing = Showing { api, view: &view };
    let mut nodes = Vec::new();
    let mut former = std::mem::take(told);
    for (name, status) in known::listed(api, &view, environment) {
        let node = showing.node(name.clone(), status);
        if former.remove(&name).as_ref().map(essence) != Some(essence(&node)) {
            nodes.push(node.clone());
        }
        told.insert(name, node);
    }
    let forgotten_nodes = former.into_keys().collect();
    v1::WatchNodesResponse { nodes, forgotten_nodes, revision: view.tip.head.revision }
}

/// Without what changes by itself.
fn essence(node: &v1::Node) -> v1::Node {
    v1::Node { last_contact_time: None, apply_time: None, ..node.clone() }
}
