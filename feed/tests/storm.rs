//! Many nodes that want a snapshot at once, of a source that is none but for its size.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that goes wrong should panic"
)]

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use countersign_feed::metrics::StreamMetrics;
use countersign_feed::nodes::NodeRegistry;
use countersign_feed::scope::Scope;
use countersign_feed::server::{Parts, Streams};
use countersign_feed::source::{NoKeys, NoSnapshot};
use countersign_feed::turns::AtOnce;
use countersign_feed::{
    Feed, FeedEntry, Refused, ServedEnvironment, Source, Tip, Unserved, Window,
};
use countersign_proto::v1;
use countersign_proto::v1::subscribe_request::Message as FromNode;
use countersign_proto::v1::subscribe_response::Message as ToNode;
use countersign_proto::v1::sync_client::SyncClient;
use countersign_shared::chain::Head;
use countersign_shared::id::{EnvironmentId, LogId};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Endpoint, Server};
use tonic::{Code, Status, Streaming};

const LOG: LogId = LogId::from_bytes([1; 16]);
const RELEASE: EnvironmentId = EnvironmentId::from_bytes([1; 16]);
const CHUNKS: usize = 40;
/// No wait in these tests is longer.
const PATIENCE: Duration = Duration::from_secs(10);

async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what} did not happen"))
}

struct View(Tip);

impl AsRef<Tip> for View {
    fn as_ref(&self) -> &Tip {
        &self.0
    }
}

/// A log of which nothing is known but its revision.
struct Log {
    feed: Feed,
    view: Mutex<Arc<View>>,
    revision: watch::Sender<u64>,
    made: AtomicUsize,
}

struct Shared(Arc<Log>);

fn view(revision: u64) -> Arc<View> {
    let head = Head { revision, ..Head::genesis(LOG) };
    Arc::new(View(Tip { head, digests: Arc::default() }))
}

impl Log {
    fn commits(&self, revision: u64) {
        let changes = BTreeMap::from([(RELEASE, Bytes::from_static(b"a change"))]);
        let view = view(revision);
        let head = view.0.head;
        let digests = Arc::default();
        self.feed.push(FeedEntry { after: revision - 1, head, changes, digests });
        *self.view.lock().unwrap() = view;
        self.revision.send_replace(revision);
    }
}

impl Source for Shared {
    type View = View;

    fn log_id(&self) -> LogId {
        LOG
    }

    fn view(&self) -> Arc<View> {
        Arc::clone(&self.0.view.lock().unwrap())
    }

    fn revision(&self) -> watch::Receiver<u64> {
        self.0.revision.subscribe()
    }

    fn feed(&self) -> &Feed {
        &self.0.feed
    }

    fn environment(&self, _: &View, text: &str) -> Result<ServedEnvironment, Unserved> {
        let served = ServedEnvironment { id: RELEASE, name: "RELEASE".into() };
        if text == served.name { Ok(served) } else { Err(Unserved::new(text)) }
    }

    fn resume(&self, _: &v1::Hello) -> Result<Option<u64>, Refused> {
        Ok(None)
    }

    fn snapshot(
        &self,
        _: &View,
        environment: EnvironmentId,
    ) -> Result<Vec<v1::SnapshotChunk>, NoSnapshot> {
        self.0.made.fetch_add(1, Relaxed);
        let change_set = Bytes::from(vec![0; 64 * 1024]);
        let environment_id = environment.as_bytes().to_vec();
        let environments = vec![v1::EnvironmentChanges { environment_id, change_set }];
        Ok(vec![v1::SnapshotChunk { environments }; CHUNKS])
    }

    async fn delivery_keys(&self, _: v1::DeliverKeysRequest) -> Result<Vec<Vec<u8>>, NoKeys> {
        Ok(Vec::new())
    }
}

struct Serving {
    address: SocketAddr,
    log: Arc<Log>,
    metrics: Arc<StreamMetrics>,
    _stop: watch::Sender<bool>,
}

impl Serving {
    async fn start(at_once: usize, stalled_max: Duration) -> Self {
        let log = Arc::new(Log {
            feed: Feed::after(5, Window::default()),
            view: Mutex::new(view(5)),
            revision: watch::Sender::new(5),
            made: AtomicUsize::new(0),
        });
        let metrics =
            StreamMetrics::register(&mut prometheus_client::registry::Registry::default());
        let (stop, stopping) = watch::channel(false);
        let streams = Streams::new(Parts {
            source: Shared(Arc::clone(&log)),
            nodes: Arc::new(NodeRegistry::default()),
            commits: Arc::default(),
            metrics: Arc::clone(&metrics),
            bookmark_interval: Duration::from_millis(50),
            snapshots_at_once: AtOnce { count: at_once, ..AtOnce::default() },
            stalled_max,
            scope: Scope::default(),
            stopping,
            now_ms: || 0,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Server::builder().add_service(streams.into_service());
        tokio::spawn(
            server.serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true))),
        );
        Self { address, log, metrics, _stop: stop }
    }

    async fn connect(&self, name: &str) -> Node {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).unwrap();
        // So that what a node does not read stays at the server.
        let endpoint = endpoint.initial_stream_window_size(65_535);
        let channel = soon("a connection", endpoint.connect()).await.unwrap();
        let (say, said) = mpsc::channel(16);
        let hello = v1::Hello {
            node: name.into(),
            instance: "1".into(),
            protocol_version: 1,
            environments: vec!["RELEASE".into()],
            ..v1::Hello::default()
        };
        say.send(v1::SubscribeRequest { message: Some(FromNode::Hello(hello)) }).await.unwrap();
        let mut client = SyncClient::new(channel);
        let stream = soon("an answer", client.subscribe(ReceiverStream::new(said))).await;
        let mut node = Node { _say: say, stream: stream.unwrap().into_inner() };
        assert!(matches!(node.next().await, Ok(ToNode::Welcome(_))));
        node
    }
}

struct Node {
    _say: mpsc::Sender<v1::SubscribeRequest>,
    stream: Streaming<v1::SubscribeResponse>,
}

impl Node {
    async fn next(&mut self) -> Result<ToNode, Status> {
        Ok(soon("a message", self.stream.message()).await?.unwrap().message.unwrap())
    }

    /// The revision of the snapshot, and how many messages came before its first chunk.
    async fn snapshot(&mut self) -> Result<(u64, usize), Status> {
        let (mut waits, mut chunks) = (0, 0);
        loop {
            match self.next().await? {
                ToNode::Waiting(_) => waits += 1,
                ToNode::SnapshotChunk(_) => chunks += 1,
                ToNode::SnapshotEnd(end) => {
                    assert_eq!(chunks, CHUNKS);
                    return Ok((end.revision, waits));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_snapshot_is_made_once_for_all_and_the_deltas_come_after_it() {
    let serving = Serving::start(3, PATIENCE).await;
    let mut nodes = Vec::new();
    for number in 0..10 {
        nodes.push(serving.connect(&format!("node-{number}")).await);
    }
    for node in &mut nodes {
        assert_eq!(node.snapshot().await.unwrap().0, 5);
    }
    serving.log.commits(6);
    let mut late = serving.connect("late").await;
    assert_eq!(late.snapshot().await.unwrap().0, 5);
    assert!(matches!(late.next().await, Ok(ToNode::Delta(delta)) if delta.revision == 6));
    assert_eq!(serving.log.made.load(Relaxed), 1);
    let held = i64::try_from(CHUNKS * 64 * 1024).unwrap();
    assert_eq!(serving.metrics.snapshot_bytes_held.get(), held);
}

#[tokio::test]
async fn who_has_to_wait_is_told_so_until_it_is_its_turn() {
    let serving = Serving::start(1, PATIENCE).await;
    let mut first = serving.connect("first").await;
    let mut second = serving.connect("second").await;
    let mut third = serving.connect("third").await;
    for (node, ahead) in [(&mut second, 0), (&mut third, 1)] {
        for _ in 0..2 {
            let told = node.next().await;
            assert!(matches!(told, Ok(ToNode::Waiting(w)) if w.ahead == ahead), "{told:?}");
        }
    }
    assert_eq!(serving.metrics.snapshots_waiting.get(), 2);
    assert_eq!(serving.metrics.snapshots_sending.get(), 1);
    drop(second);
    assert_eq!(first.snapshot().await.unwrap(), (5, 0));
    assert_eq!(third.snapshot().await.unwrap().0, 5);
    soon("all is sent", async {
        while serving.metrics.snapshots_sending.get() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(serving.metrics.snapshots_waiting.get(), 0);
    assert_eq!(serving.metrics.snapshot_bytes_unsent.get(), 0);
}

#[tokio::test]
async fn a_node_that_takes_nothing_keeps_nobody_from_its_snapshot() {
    let serving = Serving::start(1, Duration::from_millis(200)).await;
    let mut stuck = serving.connect("stuck").await;
    let mut next = serving.connect("next").await;
    assert_eq!(next.snapshot().await.unwrap().0, 5);
    assert_eq!(serving.metrics.snapshots_stalled.get(), 1);
    let ended = stuck.snapshot().await.unwrap_err();
    assert_eq!(ended.code(), Code::Aborted);
    assert!(ended.message().contains("took nothing of its snapshot"), "{ended}");
}
