//! One stream, from welcome to end: sends what `NodeStream` says, and hears the node. What is due
//! and what an answer means is decided there and not here.

use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use countersign_proto::convert::InvalidField;
use countersign_proto::v1;
use countersign_proto::v1::subscribe_request::Message as FromNode;
use countersign_proto::v1::subscribe_response::Message as ToNode;
use futures_util::StreamExt;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};
use tokio_stream::wrappers::WatchStream;
use tonic::{Code, Status, Streaming};

use super::admission::Entrant;
use super::gate::Turn;
use super::outgoing::{NotSent, Sender};
use super::snapshots::Snapshot;
use super::{Streams, status, stopped, tip};
use crate::nodes::{NodeStatus, Refusal, Registration};
use crate::source::Source;
use crate::stream::{Acked, Next, NodeStream};
use crate::turns::Place;

pub(super) struct Subscription<S: Source> {
    pub(super) streams: Streams<S>,
    pub(super) stream: NodeStream,
    /// The node's name.
    pub(super) node: String,
    pub(super) entrant: Entrant,
    pub(super) is_relay: bool,
    pub(super) began: Instant,
    pub(super) registration: Registration,
    pub(super) sender: Sender,
    /// While it wants a snapshot.
    pub(super) turn: Option<Turn>,
}

/// How a stream ends.
enum Ended {
    /// By the node or its connection: there is nothing more to say.
    Gone,
    Said(Status),
}

impl<S: Source> Subscription<S> {
    pub(super) async fn run(
        mut self,
        welcome: v1::Welcome,
        mut from_node: Streaming<v1::SubscribeRequest>,
        mut replaced: oneshot::Receiver<()>,
    ) {
        self.streams.metrics.connected.inc();
        // Beside the stream and not in it: a node that takes nothing is shut out as well.
        let shut_out = self.entrant.clone().shut_out(self.streams.clone());
        let ended = tokio::select! {
            biased;
            status = shut_out => {
                tracing::warn!(node = self.node, reason = status.message(), "the node is shut out");
                Ended::Said(status)
            }
            Err(ended) = self.serve(welcome, &mut from_node, &mut replaced) => ended,
        };
        self.streams.metrics.connected.dec();
        self.streams.nodes.disconnect(&self.registration);
        tracing::info!(node = self.node, sent_revision = self.stream.sent(), "node disconnected");
        if let Ended::Said(status) = ended {
            self.sender.end(status);
        }
    }

    async fn serve(
        &mut self,
        welcome: v1::Welcome,
        from_node: &mut Streaming<v1::SubscribeRequest>,
        replaced: &mut oneshot::Receiver<()>,
    ) -> Result<Infallible, Ended> {
        self.send(ToNode::Welcome(welcome)).await?;
        // What is waited for stays registered from round to round: most rounds are a revision or an
        // Ack, and thousands of streams have them at once.
        let mut revisions = WatchStream::from_changes(self.streams.source.revision());
        let mut stopping = self.streams.stopping.clone();
        let mut stops = pin!(stopped(&mut stopping));
        let mut sleep = pin!(sleep_until(self.began));
        loop {
            self.send_due().await?;
            // What is due moves away with every message, and the sleep follows when it is over.
            let due = self.began + self.stream.bookmark_at();
            if sleep.is_elapsed() || due < sleep.deadline() {
                sleep.as_mut().reset(due);
            }
            tokio::select! {
                biased;
                () = &mut stops => {
                    let message = "the control plane is stopping";
                    return Err(Ended::Said(status::status(Code::Unavailable, "STOPPING", message, [])));
                }
                _ = &mut *replaced => {
                    let message = format!("another node named {} has connected: give each node a name of its own", self.node);
                    return Err(Ended::Said(status::status(Code::Aborted, "NODE_REPLACED", message, [])));
                }
                message = from_node.next() => match message {
                    Some(Ok(v1::SubscribeRequest { message: Some(message) })) => self.hear(message)?,
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Err(Ended::Gone),
                },
                moved = revisions.next() => { moved.ok_or(Ended::Gone)?; }
                () = comes(&mut self.turn) => {}
                () = &mut sleep => {}
            }
        }
    }

    /// Sends until there is nothing that is due.
    async fn send_due(&mut self) -> Result<(), Ended> {
        loop {
            let view = self.streams.source.view();
            let now = self.began.elapsed();
            match self.stream.next(now, self.streams.source.feed(), tip(&view)) {
                None => return Ok(()),
                Some(Next::Snapshot { least }) => {
                    let turn = self.turn.take().unwrap_or_else(|| self.streams.gate.enter());
                    if let Some(place) = turn.place() {
                        self.turn = Some(turn);
                        return self.wait(now, place).await;
                    }
                    self.snapshot(turn, least).await?;
                }
                Some(Next::Delta(delta)) => {
                    self.send(ToNode::Delta(delta)).await?;
                    self.streams.metrics.deltas.inc();
                    self.was_sent(|node| node.deltas_sent += 1);
                }
                Some(Next::Bookmark(bookmark)) => {
                    self.send(ToNode::Bookmark(bookmark)).await?;
                    self.was_sent(|_| {});
                }
            }
        }
    }

    /// Tells the node that others are sent their snapshots first.
    async fn wait(&mut self, now: Duration, place: Place) -> Result<(), Ended> {
        match self.stream.waits(now, place) {
            Some(waiting) => self.send(ToNode::Waiting(waiting)).await,
            None => Ok(()),
        }
    }

    /// Sends a whole table, of the revision that the node has seen or a later one.
    async fn snapshot(&mut self, turn: Turn, least: u64) -> Result<(), Ended> {
        let environments = self.stream.environments();
        let made = self.streams.snapshots.get(&self.streams.parts, environments, least).await;
        let Snapshot { view, parts } = made.map_err(|error| {
            tracing::error!(%error, "no snapshot can be made");
            Ended::Said(Status::internal("no snapshot can be made; see the control plane's log"))
        })?;
        let bytes = parts.iter().map(|part| part.bytes).sum();
        turn.weighs(bytes);
        for chunk in parts.iter().flat_map(|part| &part.chunks) {
            self.send_in_time(ToNode::SnapshotChunk(chunk.clone())).await?;
            turn.sent(weight(chunk));
        }
        let end = self.stream.snapshot_end(tip(&view));
        self.send_in_time(ToNode::SnapshotEnd(end)).await?;
        turn.done();
        self.streams.metrics.snapshots.inc();
        self.was_sent(|node| node.snapshots_sent += 1);
        Ok(())
    }

    fn was_sent(&self, count: impl FnOnce(&mut NodeStatus)) {
        self.streams.nodes.update(&self.registration, |node| {
            node.sent_revision = self.stream.sent();
            count(node);
        });
    }

    fn hear(&mut self, message: FromNode) -> Result<(), Ended> {
        let now_ms = (self.streams.now_ms)();
        match message {
            FromNode::Ack(ack) => {
                self.acked(now_ms, &ack);
                Ok(())
            }
            FromNode::Nack(nack) => {
                tracing::warn!(
                    node = self.node,
                    revision = nack.revision,
                    reason = nack.reason,
                    "node refused a change"
                );
                self.streams.metrics.nacks.inc();
                self.streams.nodes.update(&self.registration, |node| {
                    node.last_contact_ms = now_ms;
                    node.in_sync = false;
                    node.last_nack = Some(Refusal::of(nack, now_ms));
                });
                Ok(())
            }
            FromNode::NodeReports(reports) if self.is_relay => {
                let (nodes, commits) = (&self.streams.nodes, &self.streams.commits);
                nodes.reported(
                    &self.registration,
                    reports.nodes,
                    commits,
                    Instant::now().into_std(),
                );
                Ok(())
            }
            FromNode::NodeReports(_) => {
                let rule = "only of who has said that it is a relay";
                Err(Ended::Said(status::invalid(vec![InvalidField::new("node_reports", rule)])))
            }
            FromNode::Hello(_) => {
                let rule = "only once, at the beginning of a stream";
                Err(Ended::Said(status::invalid(vec![InvalidField::new("hello", rule)])))
            }
        }
    }

    /// A table that differs from ours is healed by a snapshot, and counted.
    fn acked(&mut self, now_ms: i64, ack: &v1::Ack) {
        let heard = std::time::Instant::now();
        let (now, view) = (self.began.elapsed(), self.streams.source.view());
        let feed = self.streams.source.feed();
        let Acked { same, heals } = self.stream.acked(now, ack, feed, tip(&view));
        self.streams.nodes.update(&self.registration, |node| {
            node.last_contact_ms = now_ms;
            node.acked(ack.revision, &self.streams.commits, heard);
            node.applied_at_ms = ack.applied_at_ms;
            if let Some(counts) = ack.counts {
                node.load.counted(counts, heard);
            }
            node.in_sync = same.unwrap_or(node.in_sync);
        });
        if heals {
            self.streams.metrics.digest_mismatches.inc();
            tracing::warn!(
                node = self.node,
                revision = ack.revision,
                "the node's table differs from ours; sending it anew"
            );
        }
    }

    async fn send(&self, message: ToNode) -> Result<(), Ended> {
        self.sender.send(message).await.map_err(|_| Ended::Gone)
    }

    /// A part of a snapshot: a node that takes nothing of it keeps others from theirs.
    async fn send_in_time(&self, message: ToNode) -> Result<(), Ended> {
        let Err(error) = self.sender.send_within(self.streams.stalled_max, message).await else {
            return Ok(());
        };
        match error {
            NotSent::Gone => Err(Ended::Gone),
            NotSent::Stalled => {
                self.streams.metrics.snapshots_stalled.inc();
                tracing::warn!(node = self.node, "the node takes nothing of its snapshot");
                let seconds = self.streams.stalled_max.as_secs();
                let message =
                    format!("node {} took nothing of its snapshot for {seconds} s", self.node);
                Err(Ended::Said(status::status(Code::Aborted, "SNAPSHOT_STALLED", message, [])))
            }
        }
    }
}

/// Waits for the turn, where there is one.
async fn comes(turn: &mut Option<Turn>) {
    match turn {
        Some(turn) => turn.comes().await,
        None => std::future::pending().await,
    }
}

fn weight(chunk: &v1::SnapshotChunk) -> u64 {
    chunk.environments.iter().map(|changes| changes.change_set.len() as u64).sum()
}
