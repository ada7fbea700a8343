//! The service of nodes.

use countersign_proto::convert::timestamp;
use countersign_proto::v1;
use countersign_proto::v1::nodes_server::Nodes;
use tonic::{Code, Request, Response, Status};

use super::apis::named;
use super::page::{PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX};
use super::{Api, status};
use crate::decide::find_environment;
use crate::engine::View;
use crate::nodes::NodeStatus;

#[tonic::async_trait]
impl Nodes for Api {
    async fn get_node(
        &self,
        request: Request<v1::GetNodeRequest>,
    ) -> Result<Response<v1::GetNodeResponse>, Status> {
        let name = &request.get_ref().node;
        let view = self.engine.view();
        let Some(node) = self.nodes.get(name) else {
            let message = format!("no node `{name}` has connected since the control plane started");
            let metadata = [("kind", "node".to_owned()), ("reference", name.clone())];
            return Err(status::status(Code::NotFound, "NOT_FOUND", message, metadata));
        };
        let node = Some(shown(&view, name.clone(), node));
        Ok(Response::new(v1::GetNodeResponse { node, revision: view.head.revision }))
    }

    /// The token is the last name of the page before: nodes are listed by name.
    async fn list_nodes(
        &self,
        request: Request<v1::ListNodesRequest>,
    ) -> Result<Response<v1::ListNodesResponse>, Status> {
        let request = request.into_inner();
        let size = match usize::try_from(request.page_size) {
            Ok(0) | Err(_) => PAGE_SIZE_DEFAULT,
            Ok(size) => size.min(PAGE_SIZE_MAX),
        };
        let view = self.engine.view();
        let environment =
            named(&request.environment, |text| Ok(find_environment(&view.state, text)?.fields.id))?;
        let mut wanted = self.nodes.list().into_iter().filter(|(name, node)| {
            name.as_str() > request.page_token.as_str()
                && environment.is_none_or(|environment| node.environments.contains(&environment))
        });
        let nodes: Vec<v1::Node> =
            wanted.by_ref().take(size).map(|(name, node)| shown(&view, name, node)).collect();
        let more = wanted.next().is_some();
        let next_page_token =
            nodes.last().filter(|_| more).map(|node| node.name.clone()).unwrap_or_default();
        Ok(Response::new(v1::ListNodesResponse {
            nodes,
            next_page_token,
            revision: view.head.revision,
        }))
    }
}

fn shown(view: &View, name: String, node: NodeStatus) -> v1::Node {
    let environment_name =
        |id| view.state.environments().get(id).map(|e| e.fields.name.to_string());
    v1::Node {
        name,
        instance: node.instance,
        version: node.version,
        environments: node.environments.iter().filter_map(environment_name).collect(),
        address: node.address,
        connected: node.connected,
        connect_time: Some(timestamp(node.connected_at_ms)),
        last_contact_time: Some(timestamp(node.last_contact_ms)),
        sent_revision: node.sent_revision,
        acked_revision: node.acked_revision,
        lag_revisions: view.head.revision.saturating_sub(node.acked_revision),
        in_sync: node.in_sync,
        last_nack: node.last_nack.map(|nack| v1::NodeRefusal {
            revision: nack.revision,
            reason: nack.reason,
            time: Some(timestamp(nack.at_ms)),
        }),
        snapshots_sent: node.snapshots_sent,
        deltas_sent: node.deltas_sent,
    }
}
