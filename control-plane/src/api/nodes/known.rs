//! Nodes that were enrolled or revoked, as callers see them, and how one is revoked.

use std::collections::BTreeMap;

use countersign_feed::nodes::NodeStatus;
use countersign_proto::convert::timestamp;
use countersign_proto::v1;
use countersign_shared::id::EnvironmentId;
use countersign_shared::node::{KnownNode, NodeRole};
use countersign_shared::state::State;
use countersign_shared::text::NodeName;
use tonic::{Request, Status};

use super::tokens;
use crate::api::Api;
use crate::api::write::{Caller, Write};
use crate::command::Command;
use crate::engine::View;

/// All that were seen, enrolled or revoked, by name; of one environment, if it is named.
pub(super) fn listed(
    api: &Api,
    view: &View,
    environment: Option<EnvironmentId>,
) -> BTreeMap<String, NodeStatus> {
    let mut all: BTreeMap<String, NodeStatus> = api.nodes.list().into_iter().collect();
    for name in view.state.nodes().known().keys() {
        all.entry(name.to_string()).or_default();
    }
    let Some(environment) = environment else { return all };
    // What nobody has heard of for a day is of those environments that it may ask for.
    let may_ask = |name: &str| {
        let enrolment = view.state.nodes().get(name).and_then(|node| node.enrolment.as_ref());
        enrolment.is_some_and(|it| it.scope.allows(environment))
    };
    all.retain(|name, node| match node.environments.as_slice() {
        [] => may_ask(name),
        served => served.contains(&environment),
    });
    all
}

/// Streams of the node end by themselves: each looks whether its node is still let in.
pub(super) async fn revoke(
    api: &Api,
    request: Request<v1::RevokeNodeRequest>,
) -> Result<v1::RevokeNodeResponse, Status> {
    let (caller, request) = (Caller::of(&request), request.into_inner());
    let mut write = Write::begin(
        caller.because(&request.reason),
        &request,
        &request.request_id,
        request.expected_revision,
    );
    let node = write.take("node", NodeName::parse(&request.node));
    let is_seen = request.force || api.nodes.get(&request.node).is_some();
    let command = node.map(|node| Command::RevokeNode { node, is_seen });
    let answer = write.execute(api, command).await?;
    tracing::info!(node = request.node, "node revoked");
    Ok(v1::RevokeNodeResponse { revision: answer.revision })
}

pub(in crate::api) fn view(state: &State, name: &NodeName) -> Option<v1::KnownNode> {
    let node = state.nodes().known().get(name)?;
    Some(v1::KnownNode {
        name: name.to_string(),
        enrolment: enrolment(state, node),
        revoke_time: node.revoked.map(|at| timestamp(at.time_ms)),
    })
}

pub(super) fn enrolment(state: &State, node: &KnownNode) -> Option<v1::NodeEnrolment> {
    let it = node.enrolment.as_ref()?;
    let (environments, all_environments) = tokens::scope(state, &it.scope);
    Some(v1::NodeEnrolment {
        time: Some(timestamp(it.enrolled.time_ms)),
        token: it.token.to_string(),
        relay: it.role == NodeRole::Relay,
        environments,
        all_environments,
        public_key_digest: it.key.to_string(),
    })
}
