//! The nodes' stream. One task per stream reads the shared feed with a cursor of its own: a slow
//! node is merely behind, and one that has fallen out of the ring gets a snapshot.

mod hello;
mod subscription;

use std::pin::Pin;
use std::time::Duration;

use countersign_proto::convert::InvalidField;
use countersign_proto::v1;
use countersign_proto::v1::subscribe_request::Message as FromNode;
use countersign_proto::v1::sync_server::Sync;
use futures_util::Stream;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::{Api, status};
use crate::clock;
use crate::nodes::NodeStatus;
use crate::stream::NodeStream;
use hello::Hello;
use subscription::Subscription;

/// How long a new stream may take to say hello.
const HELLO_WAIT: Duration = Duration::from_secs(10);
/// Messages that wait for a slow node in its stream; the rest waits in the feed.
const STREAM_QUEUE_MAX: usize = 8;

type Sender = mpsc::Sender<Result<v1::SubscribeResponse, Status>>;

#[tonic::async_trait]
impl Sync for Api {
    type SubscribeStream =
        Pin<Box<dyn Stream<Item = Result<v1::SubscribeResponse, Status>> + Send>>;

    async fn subscribe(
        &self,
        request: Request<Streaming<v1::SubscribeRequest>>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let address = request.remote_addr().map(|address| address.to_string()).unwrap_or_default();
        let mut from_node = request.into_inner();
        let hello = match timeout(HELLO_WAIT, from_node.message()).await {
            Ok(Ok(Some(v1::SubscribeRequest { message: Some(FromNode::Hello(hello)) }))) => hello,
            Ok(Err(status)) => return Err(status),
            Ok(Ok(_)) | Err(_) => {
                let rule = "a stream begins with Hello, within 10 s";
                return Err(status::invalid(vec![InvalidField::new("hello", rule)]));
            }
        };
        let node = Hello::parse(self, &hello)?;
        let (sender, receiver) = mpsc::channel(STREAM_QUEUE_MAX);
        let now_ms = clock::now_ms();
        let (registration, replaced) = self.nodes.connect(
            &hello.node,
            NodeStatus {
                instance: hello.instance.clone(),
                version: hello.version.clone(),
                environments: node.environments.clone(),
                address,
                connected: true,
                connected_at_ms: now_ms,
                last_contact_ms: now_ms,
                acked_revision: node.resume.unwrap_or_default(),
                timed_revision: node.resume.unwrap_or(self.engine.view().head.revision),
                protocol_version: node.protocol_version,
                ..NodeStatus::default()
            },
        );
        let protocol_version = node.protocol_version;
        let interval = Duration::from_millis(self.bookmark_interval_ms.into());
        let stream = NodeStream::begin(node.environments, node.resume, interval, &self.feed);
        let began = Instant::now();
        let subscription = Subscription {
            api: self.clone(),
            stream,
            protocol_version,
            began,
            registration,
            sender,
        };
        tokio::spawn(subscription.run(hello, from_node, replaced));
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}
