//! One stream, from welcome to end: sends what `NodeStream` says, and hears the node. What is due
//! and what an answer means is decided there and not here.

use std::sync::Arc;

use countersign_proto::convert::InvalidField;
use countersign_proto::v1;
use countersign_proto::v1::subscribe_request::Message as FromNode;
use countersign_proto::v1::subscribe_response::Message as ToNode;
use futures_util::StreamExt;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};
use tonic::{Code, Status, Streaming};

use super::{Sender, Streams, status, stopped, tip};
use crate::nodes::{NodeStatus, Refusal, Registration};
use crate::source::{NoSnapshot, Source};
use crate::stream::{Acked, Next, NodeStream};

pub(super) struct Subscription<S> {
    pub(super) streams: Streams<S>,
    pub(super) stream: NodeStream,
    /// The node's name.
    pub(super) node: String,
    pub(super) began: Instant,
    pub(super) registration: Registration,
    pub(super) sender: Sender,
}

/// The stream has ended; there is nothing more to say on it.
struct Gone;

impl<S: Source> Subscription<S> {
    pub(super) async fn run(
        mut self,
        welcome: v1::Welcome,
        mut from_node: Streaming<v1::SubscribeRequest>,
        mut replaced: oneshot::Receiver<()>,
    ) {
        self.streams.metrics.connected.inc();
        let _ = self.serve(welcome, &mut from_node, &mut replaced).await;
        self.streams.metrics.connected.dec();
        self.streams.nodes.disconnect(&self.registration);
        tracing::info!(node = self.node, sent_revision = self.stream.sent(), "node disconnected");
    }

    async fn serve(
        &mut self,
        welcome: v1::Welcome,
        from_node: &mut Streaming<v1::SubscribeRequest>,
        replaced: &mut oneshot::Receiver<()>,
    ) -> Result<(), Gone> {
        self.send(ToNode::Welcome(welcome)).await?;
        let mut revision = self.streams.source.revision();
        let mut stopping = self.streams.stopping.clone();
        loop {
            self.send_due().await?;
            let due = self.began + self.stream.bookmark_at();
            tokio::select! {
                () = stopped(&mut stopping) => {
                    return self.end(status::status(Code::Unavailable, "STOPPING", "the control plane is stopping", [])).await;
                }
                _ = &mut *replaced => {
                    let message = format!("another node named {} has connected: give each node a name of its own", self.node);
                    return self.end(status::status(Code::Aborted, "NODE_REPLACED", message, [])).await;
                }
                message = from_node.next() => match message {
                    Some(Ok(v1::SubscribeRequest { message: Some(message) })) => self.hear(message).await?,
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Err(Gone),
                },
                moved = revision.changed() => moved.map_err(|_| Gone)?,
                _ = timeout_at(due, std::future::pending::<()>()) => {}
            }
        }
    }

    /// Sends until there is nothing that is due.
    async fn send_due(&mut self) -> Result<(), Gone> {
        loop {
            let view = self.streams.source.view();
            let now = self.began.elapsed();
            match self.stream.next(now, self.streams.source.feed(), tip(&view)) {
                None => return Ok(()),
                Some(Next::Snapshot) => self.snapshot(view).await?,
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

    /// Sends the whole table as it is in the view.
    async fn snapshot(&mut self, view: Arc<S::View>) -> Result<(), Gone> {
        let (streams, of) = (self.streams.clone(), Arc::clone(&view));
        let environments = self.stream.environments().to_vec();
        let made = tokio::task::spawn_blocking(move || {
            let chunks = |environment| streams.source.snapshot(&of, environment);
            let made: Result<Vec<_>, NoSnapshot> = environments.into_iter().map(chunks).collect();
            made
        })
        .await;
        let chunks = match made {
            Ok(Ok(chunks)) => chunks,
            Ok(Err(error)) => {
                tracing::error!(%error, "no snapshot can be made");
                return self
                    .end(Status::internal("no snapshot can be made; see the control plane's log"))
                    .await;
            }
            Err(_) => return Err(Gone),
        };
        for chunk in chunks.into_iter().flatten() {
            self.send(ToNode::SnapshotChunk(chunk)).await?;
        }
        let end = self.stream.snapshot_end(tip(&view));
        self.send(ToNode::SnapshotEnd(end)).await?;
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

    async fn hear(&mut self, message: FromNode) -> Result<(), Gone> {
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
                let reason: String = nack.reason.chars().take(1_000).collect();
                self.streams.nodes.update(&self.registration, |node| {
                    node.last_contact_ms = now_ms;
                    node.in_sync = false;
                    node.last_nack = Some(Refusal {
                        revision: nack.revision,
                        resource_kind: nack.kind,
                        resource_id: nack.resource_id.into_iter().take(16).collect(),
                        reason,
                        at_ms: now_ms,
                    });
                });
                Ok(())
            }
            FromNode::Hello(_) => {
                let rule = "only once, at the beginning of a stream";
                self.end(status::invalid(vec![InvalidField::new("hello", rule)])).await
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

    async fn end(&self, status: Status) -> Result<(), Gone> {
        let _ = self.sender.send(Err(status)).await;
        Err(Gone)
    }

    async fn send(&self, message: ToNode) -> Result<(), Gone> {
        self.sender
            .send(Ok(v1::SubscribeResponse { message: Some(message) }))
            .await
            .map_err(|_| Gone)
    }
}
