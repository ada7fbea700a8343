//! A control plane in a directory of its own, and a node that says what the test tells it to say.

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use countersign_control_plane::{Config, ControlPlane, start};
use countersign_proto::v1::environments_client::EnvironmentsClient;
use countersign_proto::v1::nodes_client::NodesClient;
use countersign_proto::v1::subscribe_request::Message as FromNode;
use countersign_proto::v1::subscribe_response::Message as ToNode;
use countersign_proto::v1::sync_client::SyncClient;
use countersign_proto::v1::{
    Ack, CreateEnvironmentRequest, Environment, GetNodeRequest, Hello, Nack, Node,
    SubscribeRequest, SubscribeResponse, Welcome,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Status, Streaming};

/// No wait in these tests is longer.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what} did not happen"))
}

pub(crate) struct Plane {
    pub(crate) server: ControlPlane,
    pub(crate) channel: Channel,
    data_dir: tempfile::TempDir,
}

impl Plane {
    pub(crate) async fn start() -> Self {
        Self::with_bookmarks_each(Duration::from_mins(1)).await
    }

    pub(crate) async fn with_bookmarks_each(bookmark_interval: Duration) -> Self {
        Self::with(Config { bookmark_interval, ..Config::default() }).await
    }

    /// A directory and addresses of its own, and otherwise as it says here.
    pub(crate) async fn with(config: Config) -> Self {
        Self::on(tempfile::tempdir().unwrap(), config).await
    }

    async fn on(data_dir: tempfile::TempDir, config: Config) -> Self {
        let local = "127.0.0.1:0".parse().unwrap();
        let config = Config {
            data_dir: data_dir.path().to_owned(),
            listen: local,
            status_listen: Some(local),
            ..config
        };
        let server = start(config).await.unwrap();
        let address = format!("http://{}", server.grpc_address());
        let channel = Channel::from_shared(address).unwrap().connect().await.unwrap();
        Self { server, channel, data_dir }
    }

    pub(crate) fn data_dir(&self) -> &Path {
        self.data_dir.path()
    }

    /// Stops, has something done to the directory, and starts anew.
    pub(crate) async fn restarts(self, meanwhile: impl FnOnce(&Path)) -> Self {
        self.server.shutdown().await;
        meanwhile(self.data_dir.path());
        Self::on(self.data_dir, Config::default()).await
    }

    pub(crate) fn nodes(&self) -> NodesClient<Channel> {
        NodesClient::new(self.channel.clone())
    }

    pub(crate) fn revision(&self) -> u64 {
        *self.server.revision().borrow()
    }

    /// Something that no node signs with; the revision after it.
    pub(crate) async fn write(&self, environment: &str) -> u64 {
        let request = CreateEnvironmentRequest {
            environment: Some(Environment { name: environment.into(), ..Environment::default() }),
            ..CreateEnvironmentRequest::default()
        };
        let mut environments = EnvironmentsClient::new(self.channel.clone());
        environments.create_environment(request).await.unwrap().into_inner().revision
    }

    pub(crate) async fn node(&self, name: &str) -> Node {
        let request = GetNodeRequest { node: name.into() };
        self.nodes().get_node(request).await.unwrap().into_inner().node.unwrap()
    }

    /// The node as soon as it is as wanted.
    pub(crate) async fn node_that(&self, name: &str, is: impl Fn(&Node) -> bool) -> Node {
        soon("the node's status", async {
            loop {
                let node = self.node(name).await;
                if is(&node) {
                    return node;
                }
                tokio::task::yield_now().await;
            }
        })
        .await
    }

    pub(crate) async fn connect(&self, name: &str) -> Double {
        self.connect_as(hello(name)).await.unwrap()
    }

    pub(crate) async fn connect_as(&self, hello: Hello) -> Result<Double, Status> {
        let (say, said) = mpsc::channel(16);
        say.send(SubscribeRequest { message: Some(FromNode::Hello(hello)) }).await.unwrap();
        let mut client = SyncClient::new(self.channel.clone());
        let subscribed = soon("an answer", client.subscribe(ReceiverStream::new(said))).await;
        let mut stream = subscribed?.into_inner();
        let first = soon("a Welcome", stream.message()).await?.unwrap();
        let Some(ToNode::Welcome(welcome)) = first.message else { panic!("no Welcome: {first:?}") };
        Ok(Double { welcome, say, stream })
    }
}

pub(crate) fn hello(name: &str) -> Hello {
    Hello {
        node: name.into(),
        instance: "0011223344556677".into(),
        version: "0.1.0".into(),
        protocol_version: 1,
        environments: vec!["RELEASE".into()],
        ..Hello::default()
    }
}

/// A node's side of a stream.
pub(crate) struct Double {
    pub(crate) welcome: Welcome,
    say: mpsc::Sender<SubscribeRequest>,
    stream: Streaming<SubscribeResponse>,
}

impl Double {
    /// Reads until what came brings it to this revision or beyond; the digest that was told last.
    pub(crate) async fn reaches(&mut self, revision: u64) -> Vec<u8> {
        soon("the revision", async {
            loop {
                let message = self.stream.message().await.unwrap().unwrap().message;
                let (reached, digest) = match message.unwrap() {
                    ToNode::SnapshotEnd(end) => (end.revision, end.digest),
                    ToNode::Bookmark(bookmark) => (bookmark.revision, bookmark.digest),
                    ToNode::Delta(delta) => panic!("these tests publish nothing: {delta:?}"),
                    ToNode::SnapshotChunk(_) | ToNode::Welcome(_) | ToNode::Waiting(_) => continue,
                };
                if reached >= revision {
                    return digest;
                }
            }
        })
        .await
    }

    pub(crate) async fn say(&self, message: FromNode) {
        self.say.send(SubscribeRequest { message: Some(message) }).await.unwrap();
    }

    pub(crate) async fn ack(&self, revision: u64, digest: Vec<u8>) {
        let applied_at_ms = 1_795_435_200_000;
        self.ack_as(Ack { revision, digest, applied_at_ms, counts: None }).await;
    }

    pub(crate) async fn ack_as(&self, ack: Ack) {
        self.say(FromNode::Ack(ack)).await;
    }

    pub(crate) async fn nack(&self, nack: Nack) {
        self.say(FromNode::Nack(nack)).await;
    }

    /// Reads up to a revision and acknowledges it.
    pub(crate) async fn signs_with(&mut self, revision: u64) {
        let digest = self.reaches(revision).await;
        self.ack(revision, digest).await;
    }
}
