//! One stream, from welcome to end: a cursor in the shared feed, and what the node says of it.

use std::sync::Arc;
use std::time::Duration;

use countersign_proto::convert::InvalidField;
use countersign_proto::v1;
use countersign_proto::v1::subscribe_request::Message as FromNode;
use countersign_proto::v1::subscribe_response::Message as ToNode;
use countersign_shared::id::EnvironmentId;
use futures_util::StreamExt;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};
use tonic::{Code, Status, Streaming};

use super::hello::Hello;
use super::{PROTOCOL_VERSION, Sender};
use crate::api::{Api, status, stopped};
use crate::clock;
use crate::feed::{FeedEntry, snapshot_chunks};
use crate::nodes::{Refusal, Registration};

/// Entries of the feed taken at a time.
const ENTRIES_AT_ONCE_MAX: usize = 256;

pub(super) struct Subscription {
    pub(super) api: Api,
    pub(super) node: Hello,
    pub(super) registration: Registration,
    pub(super) sender: Sender,
    /// The revision that the node has after all that was sent.
    pub(super) sent: u64,
    /// The cursor in the feed: the revision up to which entries were looked at.
    pub(super) entries: u64,
    /// When a table that differed was last sent anew.
    pub(super) healed: Option<Instant>,
}

/// The stream has ended; there is nothing more to say on it.
struct Gone;

impl Subscription {
    pub(super) async fn run(
        mut self,
        hello: v1::Hello,
        mut from_node: Streaming<v1::SubscribeRequest>,
        mut replaced: oneshot::Receiver<()>,
    ) {
        tracing::info!(
            node = hello.node,
            version = hello.version,
            from_revision = hello.revision,
            "node connected"
        );
        self.api.metrics.connected.inc();
        let _ = self.serve(&hello, &mut from_node, &mut replaced).await;
        self.api.metrics.connected.dec();
        self.api.nodes.disconnect(&self.registration);
        tracing::info!(node = hello.node, sent_revision = self.sent, "node disconnected");
    }

    async fn serve(
        &mut self,
        hello: &v1::Hello,
        from_node: &mut Streaming<v1::SubscribeRequest>,
        replaced: &mut oneshot::Receiver<()>,
    ) -> Result<(), Gone> {
        let resumed =
            self.node.resume.is_some_and(|revision| self.api.feed.since(revision, 1).is_some());
        self.welcome(resumed).await?;
        match self.node.resume {
            Some(revision) if resumed => (self.sent, self.entries) = (revision, revision),
            _ => self.snapshot().await?,
        }
        let mut revision = self.api.engine.revision();
        let mut stopping = self.api.stopping.clone();
        let interval = Duration::from_millis(self.api.bookmark_interval_ms.into());
        self.catch_up().await?;
        self.bookmark().await?;
        let mut due = Instant::now() + interval;
        loop {
            tokio::select! {
                () = stopped(&mut stopping) => {
                    return self.end(status::status(Code::Unavailable, "STOPPING", "the control plane is stopping", [])).await;
                }
                _ = &mut *replaced => {
                    let message = format!("another node named {} has connected: give each node a name of its own", hello.node);
                    return self.end(status::status(Code::Aborted, "NODE_REPLACED", message, [])).await;
                }
                message = from_node.next() => match message {
                    Some(Ok(v1::SubscribeRequest { message: Some(message) })) => self.hear(hello, message).await?,
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Err(Gone),
                },
                moved = revision.changed() => {
                    moved.map_err(|_| Gone)?;
                    self.catch_up().await?;
                    due = Instant::now() + interval;
                }
                _ = timeout_at(due, std::future::pending::<()>()) => {
                    self.bookmark().await?;
                    due = Instant::now() + interval;
                }
            }
        }
    }

    async fn welcome(&self, resumed: bool) -> Result<(), Gone> {
        let view = self.api.engine.view();
        let served = |id: &EnvironmentId| {
            let name = view
                .state
                .environments()
                .get(id)
                .map(|e| e.fields.name.to_string())
                .unwrap_or_default();
            v1::ServedEnvironment { id: id.as_bytes().to_vec(), name }
        };
        self.send(ToNode::Welcome(v1::Welcome {
            log_id: self.api.log_id.to_string(),
            protocol_version: PROTOCOL_VERSION,
            bookmark_interval_ms: self.api.bookmark_interval_ms,
            environments: self.node.environments.iter().map(served).collect(),
            resumed,
        }))
        .await
    }

    /// Sends the whole table as it is now.
    async fn snapshot(&mut self) -> Result<(), Gone> {
        let view = self.api.engine.view();
        let (api, environments) = (self.api.clone(), self.node.environments.clone());
        let of = Arc::clone(&view);
        let made = tokio::task::spawn_blocking(move || {
            snapshot_chunks(&api.sealer, &of.state, &environments)
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
        for chunk in chunks {
            self.send(ToNode::SnapshotChunk(chunk)).await?;
        }
        let revision = view.head.revision;
        let digest = view.digests.of(&self.node.environments).as_bytes().to_vec();
        let hash = view.head.hash.as_bytes().to_vec();
        self.send(ToNode::SnapshotEnd(v1::SnapshotEnd { revision, hash, digest })).await?;
        (self.sent, self.entries) = (revision, revision);
        self.api.metrics.snapshots.inc();
        self.api.nodes.update(&self.registration, |node| {
            node.sent_revision = revision;
            node.snapshots_sent += 1;
        });
        Ok(())
    }

    /// Sends what the feed has beyond the cursor; where nothing of it was for this node, a
    /// bookmark tells it how far the log is.
    async fn catch_up(&mut self) -> Result<(), Gone> {
        loop {
            let Some(entries) = self.api.feed.since(self.entries, ENTRIES_AT_ONCE_MAX) else {
                self.snapshot().await?;
                continue;
            };
            if entries.is_empty() {
                break;
            }
            for entry in entries {
                self.delta(&entry).await?;
            }
        }
        if self.sent < self.entries { self.bookmark().await } else { Ok(()) }
    }

    async fn delta(&mut self, entry: &FeedEntry) -> Result<(), Gone> {
        self.entries = entry.head.revision;
        let environments: Vec<v1::EnvironmentChanges> = (self.node.environments.iter())
            .filter_map(|id| {
                let change_set = entry.changes.get(id)?.clone();
                Some(v1::EnvironmentChanges { environment_id: id.as_bytes().to_vec(), change_set })
            })
            .collect();
        if environments.is_empty() {
            return Ok(());
        }
        let revision = entry.head.revision;
        let hash = entry.head.hash.as_bytes().to_vec();
        self.send(ToNode::Delta(v1::Delta { revision, hash, environments })).await?;
        self.sent = revision;
        self.api.metrics.deltas.inc();
        self.api.nodes.update(&self.registration, |node| {
            node.sent_revision = revision;
            node.deltas_sent += 1;
        });
        Ok(())
    }

    /// Tells the node how far the log is, and what its table amounts to there.
    async fn bookmark(&mut self) -> Result<(), Gone> {
        let view = self.api.engine.view();
        if view.head.revision != self.entries {
            // Something came in between: it is caught up with first, and bookmarked then.
            return Ok(());
        }
        let revision = view.head.revision;
        let digest = view.digests.of(&self.node.environments).as_bytes().to_vec();
        let hash = view.head.hash.as_bytes().to_vec();
        self.send(ToNode::Bookmark(v1::Bookmark { revision, hash, digest })).await?;
        self.sent = revision;
        self.api.nodes.update(&self.registration, |node| node.sent_revision = revision);
        Ok(())
    }

    async fn hear(&mut self, hello: &v1::Hello, message: FromNode) -> Result<(), Gone> {
        let now_ms = clock::now_ms();
        match message {
            FromNode::Ack(ack) => self.acked(hello, now_ms, &ack).await,
            FromNode::Nack(nack) => {
                tracing::warn!(
                    node = hello.node,
                    revision = nack.revision,
                    reason = nack.reason,
                    "node refused a change"
                );
                self.api.metrics.nacks.inc();
                let reason: String = nack.reason.chars().take(1_000).collect();
                self.api.nodes.update(&self.registration, |node| {
                    node.last_contact_ms = now_ms;
                    node.in_sync = false;
                    node.last_nack =
                        Some(Refusal { revision: nack.revision, reason, at_ms: now_ms });
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
    async fn acked(&mut self, hello: &v1::Hello, now_ms: i64, ack: &v1::Ack) -> Result<(), Gone> {
        let view = self.api.engine.view();
        let ours = if view.head.revision == ack.revision {
            Some(Arc::clone(&view.digests))
        } else {
            self.api.feed.digests_at(ack.revision)
        };
        let same =
            ours.map(|ours| ours.of(&self.node.environments).as_bytes().as_slice() == ack.digest);
        self.api.nodes.update(&self.registration, |node| {
            node.last_contact_ms = now_ms;
            node.acked_revision = node.acked_revision.max(ack.revision);
            node.in_sync = same.unwrap_or(node.in_sync);
        });
        let interval = Duration::from_millis(self.api.bookmark_interval_ms.into());
        if same == Some(false) && self.healed.is_none_or(|healed| healed.elapsed() > interval) {
            self.healed = Some(Instant::now());
            tracing::warn!(
                node = hello.node,
                revision = ack.revision,
                "the node's table differs from ours; sending it anew"
            );
            self.api.metrics.digest_mismatches.inc();
            return self.snapshot().await;
        }
        Ok(())
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
