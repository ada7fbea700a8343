//! The stream from the control plane: it brings the replica forward, has the table built and
//! swapped, and only then acknowledges. When the stream breaks, falls silent or brings something
//! that cannot be used, the last good table stays and another stream is tried.

pub(crate) mod certificates;
mod cold_start;
pub(crate) mod stream;
pub(crate) mod tries;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use countersign_proto::v1::sync_client::SyncClient;
use countersign_transport::{ClientFiles, client};
use http::Uri;
use tokio::sync::watch;
use tonic::transport::{Channel, Endpoint};
use tracing::{info, warn};

use crate::cache::Offers;
use crate::clock;
use crate::enrolment::Certificates;
use crate::follower::{Follower, Identity};
use crate::proxy::Shared;
use crate::replica::Unwelcome;
use crate::table::RoutingTable;
use crate::telemetry::Telemetry;
use stream::Ended;
use tries::Tries;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A delta may be the work of one large command; a chunk of a snapshot has at most 1 MiB.
const MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What is carried from stream to stream.
#[derive(Debug)]
pub(crate) struct Sync {
    identity: Identity,
    accept_log: Option<String>,
    follower: Follower,
    shared: Arc<Shared>,
    telemetry: Arc<Telemetry>,
    applied: watch::Sender<u64>,
    /// Where tables are offered to be kept on the disk, if they are.
    offers: Option<Arc<Offers>>,
    /// Former tables that a request may still be reading. They are dropped here and not by a
    /// worker, which has better things to do.
    former: Vec<Arc<RoutingTable>>,
}

impl Sync {
    /// `accept_log`: the log whose next snapshot may take the place of whatever is held.
    pub(crate) fn new(
        identity: Identity,
        accept_log: Option<String>,
        shared: Arc<Shared>,
        telemetry: Arc<Telemetry>,
        applied: watch::Sender<u64>,
    ) -> Self {
        let follower = Follower::default().accepting(accept_log.clone());
        let former = Vec::new();
        Self { identity, accept_log, follower, shared, telemetry, applied, offers: None, former }
    }

    /// The same, but every table that comes into force is offered to be kept.
    pub(crate) fn offering(self, offers: Arc<Offers>) -> Self {
        Self { follower: self.follower.keeping_encoded(), offers: Some(offers), ..self }
    }

    /// Keeps a stream to one of the control planes open for ever; cancelled by being dropped.
    /// `certificates` counts those that were given to this node, where it gets them by itself: it waits for
    /// the first one, and opens another stream with each.
    pub(crate) async fn run(
        mut self,
        control_planes: Vec<Uri>,
        tls: ClientFiles,
        mut certificates: Certificates,
    ) {
        let mut tries = Tries::of(control_planes);
        certificates.first().await;
        while let Some(control_plane) = tries.current() {
            let mut worked = false;
            let ended = self.stream(&control_plane, &tls, || {
                worked = true;
                tries.worked();
            });
            let ended = tokio::select! {
                ended = ended => ended,
                () = certificates.next() => Ended::Renewed,
            };
            let meters = &self.telemetry.sync;
            meters.connected.store(0, Relaxed);
            meters.reconnects.fetch_add(1, Relaxed);
            let is_foreign = matches!(ended, Ended::Unwelcome(Unwelcome::ForeignLog { .. }));
            meters.foreign_log.store(u64::from(is_foreign), Relaxed);
            if matches!(ended, Ended::Renewed) {
                info!(%control_plane, "going on with the certificate that was renewed");
                continue;
            }
            meters.say(Some(format!("no stream: {control_plane}: {ended}")));
            let pause = clock::jitter(tries.ended(worked));
            let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
            warn!(%control_plane, reason = %ended, pause_ms, "the stream ended; the last good table stays");
            tokio::time::sleep(pause).await;
        }
    }

    async fn stream(
        &mut self,
        control_plane: &Uri,
        tls: &ClientFiles,
        worked: impl FnMut(),
    ) -> Ended {
        let client = match connect(control_plane, tls).await {
            Ok(client) => client,
            Err(ended) => return ended,
        };
        stream::follow(self, client, worked).await
    }

    /// Brings what the node holds into force, if that is another table than the one that is.
    fn swap(&mut self) -> bool {
        let Some(table) = self.follower.table().map(Arc::new) else { return false };
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
        true
    }
}

/// Connects to whoever serves the stream.
pub(crate) async fn connect(
    control_plane: &Uri,
    tls: &ClientFiles,
) -> Result<SyncClient<Channel>, Ended> {
    let endpoint = Endpoint::from(control_plane.clone()).connect_timeout(CONNECT_TIMEOUT);
    let channel = client::connect(&endpoint, tls).await;
    let channel = channel.map_err(|error| Ended::Unreachable(cause(&error)))?;
    Ok(SyncClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX))
}

/// What is at the bottom of it: tonic says of each that it is a transport error.
fn cause(error: &tonic::transport::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
