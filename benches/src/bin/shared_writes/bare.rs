//! The limit: what etcd gives to those who append as the log does, and do nothing else. Each append is
//! the log's transaction, with its three comparisons and two values, of the log's sizes.

use std::time::{Duration, Instant};

use countersign_etcd::pb::TxnRequest;
use countersign_etcd::request::{absent, one, put, range, read, unchanged};
use countersign_etcd::{Access, Client};
use countersign_transport::ClientFiles;
use futures_util::future::join_all;

use crate::sample::Sample;

/// The head is a revision and a hash.
const HEAD_BYTES: usize = 40;
const CALL_TIME_MAX: Duration = Duration::from_secs(10);

pub(crate) struct BareEtcd {
    client: Client,
    frame_bytes: usize,
    appenders: Vec<Appender>,
}

/// Appends under a prefix of its own.
struct Appender {
    prefix: String,
    fence: i64,
    head: i64,
    revision: u64,
}

impl BareEtcd {
    /// So many appenders, whose appends are as long as the last one of the log.
    pub(crate) async fn at(endpoint: &str, log: &str, appenders: usize) -> Self {
        let access = Access {
            endpoints: vec![endpoint.to_owned()],
            files: ClientFiles::default(),
            credentials: None,
        };
        let client = Client::new(&access).unwrap();
        let frames = range(&format!("{log}/frames/"), &format!("{log}/frames/:"), 0);
        let frames = client.range(&frames, CALL_TIME_MAX).await.unwrap().kvs;
        let frame_bytes = frames.last().expect("the log has an append").value.len();
        let appenders = (0..appenders).map(|number| Appender::start(&client, number));
        Self { appenders: join_all(appenders).await, client, frame_bytes }
    }

    pub(crate) fn frame_bytes(&self) -> usize {
        self.frame_bytes
    }

    /// Each waits for its answer before it appends again.
    pub(crate) async fn append_for(&mut self, turn: Duration, appenders: usize) -> Sample {
        let begun = Instant::now();
        let (client, bytes, end) = (&self.client, self.frame_bytes, begun + turn);
        let all = self.appenders.iter_mut().take(appenders);
        let latencies = join_all(all.map(|it| it.append_until(end, client, bytes))).await;
        Sample::new(begun.elapsed(), latencies.concat())
    }
}

impl Appender {
    async fn start(client: &Client, number: usize) -> Self {
        let prefix = format!("bare-{number}");
        let names = vec![put(&format!("{prefix}/leader"), b"nobody".to_vec(), 0)];
        let transaction = TxnRequest { success: names, ..TxnRequest::default() };
        let answer = client.transact(&transaction, CALL_TIME_MAX).await.unwrap();
        Self { prefix, fence: answer.header.unwrap().revision, head: 0, revision: 0 }
    }

    async fn append_until(&mut self, end: Instant, client: &Client, bytes: usize) -> Vec<Duration> {
        let mut latencies = Vec::new();
        while Instant::now() < end {
            let asked = Instant::now();
            self.append(client, bytes).await;
            latencies.push(asked.elapsed());
        }
        latencies
    }

    async fn append(&mut self, client: &Client, bytes: usize) {
        self.revision += 1;
        let (prefix, revision) = (&self.prefix, self.revision);
        let (head, frame) = (format!("{prefix}/head"), format!("{prefix}/frames/{revision:020}"));
        let transaction = TxnRequest {
            compare: vec![
                unchanged(&head, self.head),
                absent(&frame),
                unchanged(&format!("{prefix}/leader"), self.fence),
            ],
            success: vec![put(&head, vec![b'.'; HEAD_BYTES], 0), put(&frame, vec![b'.'; bytes], 0)],
            failure: vec![read(one(&head)), read(one(&frame))],
        };
        let answer = client.transact(&transaction, CALL_TIME_MAX).await.unwrap();
        assert!(answer.succeeded, "nobody else appends");
        self.head = answer.header.unwrap().revision;
    }
}
