//! The stream from the control plane: it brings the replica forward, has the table built and
//! swapped, and only then acknowledges. When the stream breaks, falls silent or brings something
//! that cannot be used, the last good table stays and another stream is tried.

mod backoff;
mod stream;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use countersign_proto::v1::sync_client::SyncClient;
use http::Uri;
use tokio::sync::watch;
use tonic::transport::{Channel, Endpoint};
use tracing::{info, warn};

use crate::clock;
use crate::follower::{Follower, Identity};
use crate::proxy::Shared;
use crate::table::RoutingTable;
use crate::telemetry::Telemetry;
use backoff::Backoff;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A delta may be the work of one large command; a chunk of a snapshot has at most 1 MiB.
const MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What is carried from stream to stream.
#[derive(Debug)]
pub(crate) struct Sync {
    identity: Identity,
    follower: Follower,
    shared: Arc<Shared>,
    telemetry: Arc<Telemetry>,
    applied: watch::Sender<u64>,
    /// Former tables that a request may still be reading. They are dropped here and not by a
    /// worker, which has better things to do.
    former: Vec<Arc<RoutingTable>>,
}

impl Sync {
    pub(crate) fn new(
        identity: Identity,
        shared: Arc<Shared>,
        telemetry: Arc<Telemetry>,
        applied: watch::Sender<u64>,
    ) -> Self {
        Self {
            identity,
            follower: Follower::default(),
            shared,
            telemetry,
            applied,
            former: Vec::new(),
        }
    }

    /// Keeps a stream open for ever; cancelled by being dropped.
    pub(crate) async fn run(mut self, control_plane: Uri) {
        let endpoint = Endpoint::from(control_plane.clone())
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true);
        let mut backoff = Backoff::default();
        loop {
            let ended = self.stream(&endpoint, &mut backoff).await;
            self.telemetry.sync.connected.store(0, Relaxed);
            self.telemetry.sync.reconnects.fetch_add(1, Relaxed);
            let pause = clock::jitter(backoff.next_max());
            let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
            warn!(%control_plane, reason = %ended, pause_ms, "the stream ended; the last good table stays");
            tokio::time::sleep(pause).await;
        }
    }

    async fn stream(&mut self, endpoint: &Endpoint, backoff: &mut Backoff) -> stream::Ended {
        let channel = match endpoint.connect().await {
            Ok(channel) => channel,
            Err(error) => return stream::Ended::Unreachable(error),
        };
        let client =
            SyncClient::<Channel>::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX);
        stream::follow(self, client, backoff).await
    }

    /// Brings what the node holds into force.
    fn swap(&mut self) {
        let Some(table) = self.follower.table().map(Arc::new) else { return };
        let revision = table.revision;
        let is_first = self.shared.table.load().is_none();
        if let Some(former) = self.shared.table.swap(Some(table)) {
            self.former.push(former);
        }
        self.former.retain(|former| Arc::strong_count(former) > 1);
        self.telemetry.sync.applied_revision.store(revision, Relaxed);
        if is_first {
            info!(revision, "ready: the first snapshot is in force");
        }
        self.applied.send_replace(revision);
    }
}
