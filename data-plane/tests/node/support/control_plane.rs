//! A control plane that says what the test tells it to say.

use std::net::SocketAddr;
use std::pin::Pin;

use countersign_delivery::{HandOver, hand_over};
use countersign_proto::v1::sync_server::{Sync, SyncServer};
use countersign_proto::v1::{
    Ack, Bookmark, DeliverKeysRequest, DeliverKeysResponse, Delta, Hello, Nack, ServedEnvironment,
    SnapshotEnd, SubscribeRequest, SubscribeResponse, Welcome, subscribe_request,
    subscribe_response::Message,
};
use countersign_shared::digest::TableDigest;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming};

use super::resources::delivery_key;
use super::{Resources, soon};

pub(crate) struct ControlPlane {
    address: SocketAddr,
    streams: mpsc::Receiver<Stream>,
    server: tokio::task::JoinHandle<()>,
}

/// One stream of a node, after its Hello.
pub(crate) struct Stream {
    pub(crate) hello: Hello,
    answers: Streaming<SubscribeRequest>,
    out: mpsc::Sender<Result<SubscribeResponse, Status>>,
    pub(crate) bookmark_interval_ms: u32,
}

impl ControlPlane {
    pub(crate) async fn start() -> Self {
        Self::start_on(super::local()).await
    }

    pub(crate) async fn start_on(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, streams) = mpsc::channel(16);
        let server = tokio::spawn(async move {
            tonic::transport::Server::builder()
                .add_service(SyncServer::new(Service(sender)))
                .serve_with_incoming(TcpListenerStream::new(listener))
                .await
                .unwrap();
        });
        Self { address, streams, server }
    }

    pub(crate) fn uri(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next stream that a node opens.
    pub(crate) async fn stream(&mut self) -> Stream {
        soon("a stream", self.streams.recv()).await.unwrap()
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Stream {
    pub(crate) async fn send(&self, message: Message) {
        let message = SubscribeResponse { message: Some(message) };
        soon("room in the stream", self.out.send(Ok(message))).await.unwrap();
    }

    /// A kind of message that came after this version of the contract: to it, one without content.
    pub(crate) async fn send_unknown(&self) {
        let message = SubscribeResponse { message: None };
        soon("room in the stream", self.out.send(Ok(message))).await.unwrap();
    }

    pub(crate) async fn fail(&self, status: Status) {
        soon("room in the stream", self.out.send(Err(status))).await.unwrap();
    }

    pub(crate) async fn welcome(&self, log_id: &str, resumed: bool) {
        let hello = &self.hello;
        let served = |at: usize, name: &String| {
            let environment = Resources::environment(at);
            let (node, instance) = (hello.node.as_str(), hello.instance.as_str());
            let of = HandOver { log_id, environment, node, instance };
            let sealed = hand_over(&delivery_key(), &of, &hello.delivery_public_key);
            ServedEnvironment {
                id: environment.as_bytes().to_vec(),
                name: name.clone(),
                sealed_delivery_key: sealed.unwrap(),
            }
        };
        let environments = self.hello.environments.iter().enumerate();
        self.send(Message::Welcome(Welcome {
            log_id: log_id.into(),
            protocol_version: 1,
            bookmark_interval_ms: self.bookmark_interval_ms,
            environments: environments.map(|(at, name)| served(at, name)).collect(),
            resumed,
            ..Welcome::default()
        }))
        .await;
    }

    pub(crate) async fn snapshot(&self, revision: u64, resources: &Resources) {
        for chunk in resources.chunks() {
            self.send(Message::SnapshotChunk(chunk)).await;
        }
        self.snapshot_end(revision, resources.digest()).await;
    }

    pub(crate) async fn snapshot_end(&self, revision: u64, digest: TableDigest) {
        let (hash, digest) = (hash(revision), digest.as_bytes().to_vec());
        self.send(Message::SnapshotEnd(SnapshotEnd { revision, hash, digest })).await;
    }

    pub(crate) async fn delta(&self, revision: u64, changes: &Resources) {
        let environments = changes.environment_changes();
        self.send(Message::Delta(Delta { revision, hash: hash(revision), environments })).await;
    }

    pub(crate) async fn bookmark(&self, revision: u64, digest: TableDigest) {
        let (hash, digest) = (hash(revision), digest.as_bytes().to_vec());
        self.send(Message::Bookmark(Bookmark { revision, hash, digest })).await;
    }

    /// Waits for the acknowledgement of exactly this revision, and returns it.
    pub(crate) async fn ack(&mut self, revision: u64) -> Ack {
        match self.answer().await {
            Some(subscribe_request::Message::Ack(ack)) => {
                assert_eq!(ack.revision, revision);
                ack
            }
            other => panic!("an Ack of {revision} was expected, not {other:?}"),
        }
    }

    pub(crate) async fn nack(&mut self) -> Nack {
        match self.answer().await {
            Some(subscribe_request::Message::Nack(nack)) => nack,
            other => panic!("a Nack was expected, not {other:?}"),
        }
    }

    /// The node's next answer; none when it has closed its side.
    pub(crate) async fn answer(&mut self) -> Option<subscribe_request::Message> {
        let answer = soon("an answer", self.answers.message()).await.ok()??;
        Some(answer.message.unwrap())
    }
}

/// What the fake log's hash is at a revision.
pub(crate) fn hash(revision: u64) -> Vec<u8> {
    revision.to_be_bytes().repeat(4)
}

struct Service(mpsc::Sender<Stream>);

#[tonic::async_trait]
impl Sync for Service {
    type SubscribeStream =
        Pin<Box<dyn tokio_stream::Stream<Item = Result<SubscribeResponse, Status>> + Send>>;

    async fn subscribe(
        &self,
        request: Request<Streaming<SubscribeRequest>>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let mut answers = request.into_inner();
        let hello = match answers.message().await?.and_then(|m| m.message) {
            Some(subscribe_request::Message::Hello(hello)) => hello,
            other => panic!("a Hello was expected, not {other:?}"),
        };
        let (out, outgoing) = mpsc::channel(1024);
        let stream = Stream { hello, answers, out, bookmark_interval_ms: 60_000 };
        self.0.send(stream).await.map_err(|_| Status::unavailable("the test is over"))?;
        Ok(Response::new(Box::pin(ReceiverStream::new(outgoing))))
    }

    async fn deliver_keys(
        &self,
        _: Request<DeliverKeysRequest>,
    ) -> Result<Response<DeliverKeysResponse>, Status> {
        Err(Status::unimplemented("a node gets its keys with the Welcome"))
    }
}
