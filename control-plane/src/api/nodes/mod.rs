//! The service of nodes: what the registry knows of them, told, watched and waited for.

mod known;
mod shown;
mod tokens;
mod wait;
mod watch;

use std::pin::Pin;

use countersign_feed::nodes::NodeStatus;
use countersign_proto::v1;
use countersign_proto::v1::nodes_server::Nodes;
use futures_util::Stream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status};

use super::apis::named;
use super::page::{PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX};
use super::{Api, status};
use crate::decide::find_environment;
pub(super) use known::view as known;
use shown::Showing;
pub(super) use tokens::{hash as token_hash, view as token};

#[tonic::async_trait]
impl Nodes for Api {
    type WatchNodesStream =
        Pin<Box<dyn Stream<Item = Result<v1::WatchNodesResponse, Status>> + Send>>;

    async fn get_node(
        &self,
        request: Request<v1::GetNodeRequest>,
    ) -> Result<Response<v1::GetNodeResponse>, Status> {
        let name = &request.get_ref().node;
        let view = self.engine.view();
        let is_known = view.state.nodes().get(name).is_some();
        let Some(node) = self.nodes.get(name).or_else(|| is_known.then(NodeStatus::default)) else {
            let message = format!(
                "no node `{name}` was enrolled, or has connected since the control plane started"
            );
            let metadata = [("kind", "node".to_owned()), ("reference", name.clone())];
            return Err(status::status(Code::NotFound, "NOT_FOUND", message, metadata));
        };
        let node = Some(Showing { api: self, view: &view }.node(name.clone(), node));
        Ok(Response::new(v1::GetNodeResponse { node, revision: view.tip.head.revision }))
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
        let listed = known::listed(self, &view, environment);
        let mut wanted =
            listed.into_iter().filter(|(name, _)| name.as_str() > request.page_token.as_str());
        let showing = Showing { api: self, view: &view };
        let nodes: Vec<v1::Node> =
            wanted.by_ref().take(size).map(|(name, node)| showing.node(name, node)).collect();
        let more = wanted.next().is_some();
        let next_page_token =
            nodes.last().filter(|_| more).map(|node| node.name.clone()).unwrap_or_default();
        Ok(Response::new(v1::ListNodesResponse {
            nodes,
            next_page_token,
            revision: view.tip.head.revision,
        }))
    }
    async fn watch_nodes(
        &self,
        request: Request<v1::WatchNodesRequest>,
    ) -> Result<Response<Self::WatchNodesStream>, Status> {
        let state = &self.engine.view().state;
        let environment = named(&request.get_ref().environment, |text| {
            Ok(find_environment(state, text)?.fields.id)
        })?;
        let (sender, receiver) = mpsc::channel(watch::QUEUE_MAX);
        tokio::spawn(watch::watch(self.clone(), environment, sender));
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn wait_for_revision(
        &self,
        request: Request<v1::WaitForRevisionRequest>,
    ) -> Result<Response<v1::WaitForRevisionResponse>, Status> {
        wait::wait_for_revision(self, request.into_inner()).await.map(Response::new)
    }

    async fn create_node_token(
        &self,
        request: Request<v1::CreateNodeTokenRequest>,
    ) -> Result<Response<v1::CreateNodeTokenResponse>, Status> {
        tokens::create(self, request).await.map(Response::new)
    }

    async fn list_node_tokens(
        &self,
        request: Request<v1::ListNodeTokensRequest>,
    ) -> Result<Response<v1::ListNodeTokensResponse>, Status> {
        tokens::list(self, request.get_ref()).map(Response::new)
    }

    async fn revoke_node_token(
        &self,
        request: Request<v1::RevokeNodeTokenRequest>,
    ) -> Result<Response<v1::RevokeNodeTokenResponse>, Status> {
        tokens::revoke(self, request).await.map(Response::new)
    }

    async fn revoke_node(
        &self,
        request: Request<v1::RevokeNodeRequest>,
    ) -> Result<Response<v1::RevokeNodeResponse>, Status> {
        known::revoke(self, request).await.map(Response::new)
    }
}
