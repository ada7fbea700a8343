//! A relay's stream from a control plane or another relay: what comes is put on the shelf as it is and
//! acknowledged, and what is news of the nodes behind is told. When the stream ends, the shelf stays.

use std::sync::Arc;
use std::time::Duration;

use countersign_feed::nodes::reports::{REPORTS_AT_ONCE_MAX, Told};
use countersign_feed::nodes::{NodeRegistry, SILENT_INTERVALS_MAX as SILENT_NODES_MAX};
use countersign_proto::v1;
use countersign_proto::v1::subscribe_request::Message as Request;
use countersign_proto::v1::subscribe_response::Message as Response;
use countersign_proto::v1::sync_client::SyncClient;
use countersign_transport::ClientFiles;
use futures_util::FutureExt as _;
use http::Uri;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout, timeout_at};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::Channel;
use tracing::{info, warn};

use super::meters::Meters;
use super::source::Shelf;
use super::tables::Tables;
use crate::clock;
use crate::enrolment::Certificates;
use crate::follower::answer;
use crate::replica::PROTOCOL_VERSION;
use crate::sync::connect;
use crate::sync::stream::{
    ANSWERS_MAX, BOOKMARK_INTERVAL_MS_MIN, Ended, FAREWELL, SILENT_INTERVALS_MAX, WELCOME_TIMEOUT,
    content, message, next,
};
use crate::sync::tries::Tries;

/// News of nodes are gathered for so long.
const REPORT_PAUSE: Duration = Duration::from_millis(100);
/// That a node falls silent is no move of any node: it is looked for once in so many pauses.
const PAUSES_PER_LOOK: u32 = 10;
/// Answers and reports wait in one queue; so much of it is kept free for answers, for who waits for
/// room there does not read.
const ANSWERS_KEPT_FREE: usize = ANSWERS_MAX / 2;

/// What is carried from stream to stream.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) name: String,
    pub(crate) tls: ClientFiles,
    /// Those that come by themselves: each gets another stream.
    pub(crate) certificates: Certificates,
    pub(crate) instance: String,
    pub(crate) environments: Vec<String>,
    pub(crate) bookmark_interval: Duration,
    pub(crate) tables: Tables,
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) nodes: Arc<NodeRegistry>,
    pub(crate) meters: Arc<Meters>,
}

/// The open stream.
struct Line {
    stream: Streaming<v1::SubscribeResponse>,
    answers: mpsc::Sender<v1::SubscribeRequest>,
    patience: Duration,
    told: Told,
}

impl Upstream {
    /// Keeps a stream to one of the addresses open for ever; cancelled by being dropped.
    pub(crate) async fn run(mut self, addresses: Vec<Uri>) {
        let mut tries = Tries::of(addresses);
        let mut certificates = std::mem::take(&mut self.certificates);
        certificates.first().await;
        while let Some(upstream) = tries.current() {
            let mut worked = false;
            let ended = self.stream(&upstream, || {
                worked = true;
                tries.worked();
            });
            let ended = tokio::select! {
                ended = ended => ended,
                () = certificates.next() => Ended::Renewed,
            };
            self.shelf.keys.ask_at(None);
            self.meters.connected.set(0);
            self.meters.reconnects.inc();
            if matches!(ended, Ended::Renewed) {
                info!(%upstream, "going on with the certificate that was renewed");
                continue;
            }
            let pause = clock::jitter(tries.ended(worked));
            let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
            self.meters.say(Some(format!("no stream: {upstream}: {ended}")));
            warn!(%upstream, reason = %ended, pause_ms, "the stream ended; what is here is served on");
            tokio::time::sleep(pause).await;
        }
    }

    async fn stream(&mut self, upstream: &Uri, worked: impl FnMut()) -> Ended {
        let client = match connect(upstream, &self.tls).await {
            Ok(client) => client,
            Err(ended) => return ended,
        };
        match self.greet(client.clone()).await {
            Err(ended) => ended,
            Ok(line) => {
                self.shelf.keys.ask_at(Some(client));
                self.follow(line, worked).await
            }
        }
    }

    async fn greet(&mut self, mut client: SyncClient<Channel>) -> Result<Line, Ended> {
        let (answers, outgoing) = mpsc::channel(ANSWERS_MAX);
        // The first message is in the channel before anything is sent.
        answers.try_send(message(Request::Hello(self.hello()))).map_err(|_| Ended::Closed)?;
        let subscribed = client.subscribe(ReceiverStream::new(outgoing));
        let subscribed = timeout(WELCOME_TIMEOUT, subscribed).await;
        let subscribed = subscribed.map_err(|_| Ended::Silent(WELCOME_TIMEOUT))?;
        let mut stream = subscribed?.into_inner();
        let Response::Welcome(welcome) = next(&mut stream, WELCOME_TIMEOUT).await? else {
            return Err(Ended::NoWelcome);
        };
        self.tables.welcome(&welcome)?;
        info!(log_id = %welcome.log_id, resumed = welcome.resumed, "connected upstream");
        self.meters.connected.set(1);
        self.meters.say(None);
        let interval_ms = welcome.bookmark_interval_ms.max(BOOKMARK_INTERVAL_MS_MIN);
        let patience = Duration::from_millis(interval_ms.into()) * SILENT_INTERVALS_MAX;
        Ok(Line { stream, answers, patience, told: Told::new() })
    }

    fn hello(&self) -> v1::Hello {
        let position = self.tables.position();
        v1::Hello {
            node: self.name.clone(),
            instance: self.instance.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            protocol_version: PROTOCOL_VERSION,
            environments: self.environments.clone(),
            log_id: position.log_id,
            epoch: position.epoch,
            revision: position.revision,
            hash: position.hash,
            relay: true,
            ..v1::Hello::default()
        }
    }

    async fn follow(&mut self, mut line: Line, mut worked: impl FnMut()) -> Ended {
        let mut report = interval(REPORT_PAUSE);
        report.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut moved, mut pauses) = (self.nodes.moved(), 0);
        moved.mark_changed();
        let mut heard_at = Instant::now();
        loop {
            let received = tokio::select! {
                received = timeout_at(heard_at + line.patience, line.stream.message()) => received,
                _ = report.tick() => {
                    pauses += 1;
                    let has_moved = moved.has_changed().unwrap_or(false);
                    if has_moved || pauses >= PAUSES_PER_LOOK {
                        moved.mark_unchanged();
                        pauses = 0;
                        self.report(&mut line);
                    }
                    continue;
                }
            };
            let first = match received.map_err(|_| Ended::Silent(line.patience)).map(content) {
                Ok(Ok(first)) => first,
                Ok(Err(ended)) | Err(ended) => return ended,
            };
            heard_at = Instant::now();
            match self.take(first, &mut line).await {
                Ok(false) => {}
                Ok(true) => worked(),
                Err(ended) => return ended,
            }
        }
    }

    /// Takes a message and all that are there without waiting; of the answers the last one is sent.
    /// Says whether there was one.
    async fn take(&mut self, first: Option<Response>, line: &mut Line) -> Result<bool, Ended> {
        let mut outcome = None;
        let mut next = Some(Ok(first));
        while let Some(message) = next {
            if let Some(brought) = message?.and_then(|message| self.tables.apply(message)) {
                let is_refusal = brought.served.is_none();
                if let Some(served) = brought.served {
                    self.put(served);
                }
                outcome = Some(brought.outcome);
                if is_refusal {
                    break;
                }
            }
            next = line.stream.message().now_or_never().map(content);
        }
        let Some(outcome) = outcome else { return Ok(false) };
        let (mut told, refusal) = answer(outcome);
        if let Request::Ack(ack) = &mut told {
            ack.applied_at_ms = clock::unix_ms();
        }
        line.answers.send(message(told)).await.map_err(|_| Ended::Closed)?;
        let Some(unusable) = refusal else { return Ok(true) };
        let _ = timeout(FAREWELL, async {
            while line.stream.message().await.is_ok_and(|message| message.is_some()) {}
        })
        .await;
        Err(Ended::Refused(unusable.reason))
    }

    fn put(&self, served: super::tables::Served) {
        let (is_snapshot, revision) = (served.entry.is_none(), served.view.tip.head.revision);
        let is_first = *self.shelf.revision().borrow() == 0;
        self.shelf.serve(served, clock::now());
        self.meters.revision.set(i64::try_from(revision).unwrap_or(i64::MAX));
        if is_first && is_snapshot {
            info!(revision, "ready: the first snapshot is served");
        }
    }

    /// As much as there is room for; the rest is news still, the next time.
    fn report(&self, line: &mut Line) {
        let silence = self.bookmark_interval.as_millis();
        let silence_ms = i64::try_from(silence).unwrap_or(i64::MAX) * SILENT_NODES_MAX;
        let heard_since_ms = clock::unix_ms() - silence_ms;
        while line.answers.capacity() > ANSWERS_KEPT_FREE {
            let nodes = self.nodes.news(&mut line.told, heard_since_ms, REPORTS_AT_ONCE_MAX);
            let is_all = nodes.len() < REPORTS_AT_ONCE_MAX;
            if !nodes.is_empty() {
                let reports = message(Request::NodeReports(v1::NodeReports { nodes }));
                // There is room; without a stream there is nobody to be told.
                let _ = line.answers.try_send(reports);
            }
            if is_all {
                return;
            }
        }
    }
}
