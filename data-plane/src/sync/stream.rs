//! One stream, from Hello to its end: feeds the follower, and sends what it answers. All messages
//! that are waiting are applied before a table is built, so that a node that is behind catches up
//! in one step.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use countersign_proto::v1::subscribe_request::Message as Request;
use countersign_proto::v1::subscribe_response::Message as Response;
use countersign_proto::v1::sync_client::SyncClient;
use countersign_proto::v1::{SubscribeRequest, SubscribeResponse, Waiting, Welcome};
use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::Channel;
use tracing::{info, warn};

use super::Sync;
use crate::clock;
use crate::follower::{Applied, Unexpected, answer};
use crate::replica::{Outcome, Unwelcome};
use crate::telemetry::SyncMeters;

/// Answers that wait to be sent; the stream is read no further while they are this many.
pub(crate) const ANSWERS_MAX: usize = 64;
/// How long the control plane may take to say Welcome.
pub(crate) const WELCOME_TIMEOUT: Duration = Duration::from_secs(5);
/// A stream that is silent for this many bookmark intervals is given up.
pub(crate) const SILENT_INTERVALS_MAX: u32 = 3;
pub(crate) const BOOKMARK_INTERVAL_MS_MIN: u32 = 10;
/// How long a refusal is given to reach the control plane before the stream is closed.
pub(crate) const FAREWELL: Duration = Duration::from_secs(1);

/// Why a stream ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ended {
    #[error("no connection: {0}")]
    Unreachable(String),
    #[error("refused: {} {}", .0.code(), .0.message())]
    Status(#[from] tonic::Status),
    #[error("the control plane closed it")]
    Closed,
    #[error("nothing was heard for {0:?}")]
    Silent(Duration),
    #[error("the first message was not a Welcome")]
    NoWelcome,
    #[error(transparent)]
    Unexpected(#[from] Unexpected),
    #[error(transparent)]
    Unwelcome(#[from] Unwelcome),
    #[error("a message could not be used: {0}")]
    Refused(String),
    #[error("there is another certificate to go on with")]
    Renewed,
}

/// Follows one stream until it ends; says by `worked` whenever something came into force.
pub(super) async fn follow(
    sync: &mut Sync,
    mut client: SyncClient<Channel>,
    mut worked: impl FnMut(),
) -> Ended {
    let (answers, outgoing) = mpsc::channel(ANSWERS_MAX);
    // The first message is in the channel before anything is sent.
    if answers.try_send(message(Request::Hello(sync.follower.hello(&sync.identity)))).is_err() {
        return Ended::Closed;
    }
    let subscribed =
        timeout(WELCOME_TIMEOUT, client.subscribe(ReceiverStream::new(outgoing))).await;
    let mut stream = match subscribed {
        Ok(Ok(response)) => response.into_inner(),
        Ok(Err(status)) => return status.into(),
        Err(_) => return Ended::Silent(WELCOME_TIMEOUT),
    };
    let welcome = match next(&mut stream, WELCOME_TIMEOUT).await {
        Ok(Response::Welcome(welcome)) => welcome,
        Ok(_) => return Ended::NoWelcome,
        Err(ended) => return ended,
    };
    let interval_ms = welcome.bookmark_interval_ms.max(BOOKMARK_INTERVAL_MS_MIN);
    let patience = Duration::from_millis(interval_ms.into()) * SILENT_INTERVALS_MAX;
    if let Err(unwelcome) = sync.welcome(&welcome) {
        return unwelcome.into();
    }
    loop {
        let first = match next(&mut stream, patience).await {
            Ok(message) => message,
            Err(ended) => return ended,
        };
        match sync.apply_all_waiting(first, &mut stream) {
            Err(ended) => return ended,
            Ok(None) => {}
            Ok(Some(outcome)) => {
                // A table that differs is about to be healed, and should not outlive the node.
                let differs = matches!(outcome, Outcome::Ack { digest_differs: true, .. });
                let (mut answer, refusal) = answer(outcome);
                if let Request::Ack(ack) = &mut answer {
                    ack.applied_at_ms = clock::unix_ms();
                    ack.counts = Some(sync.telemetry.counts());
                }
                if answers.send(message(answer)).await.is_err() {
                    return Ended::Closed;
                }
                if let Some(unusable) = refusal {
                    drop(answers);
                    // What still comes is not used; the control plane ends the stream.
                    let _ = timeout(FAREWELL, async {
                        while stream.message().await.is_ok_and(|m| m.is_some()) {}
                    })
                    .await;
                    return Ended::Refused(unusable.reason);
                }
                if !differs {
                    sync.keep();
                }
                worked();
            }
        }
    }
}

impl Sync {
    fn welcome(&mut self, welcome: &Welcome) -> Result<(), Unwelcome> {
        let former = self.follower.replica().position().log_id.clone();
        if self.follower.welcome(&self.identity, welcome)? {
            warn!(%former, log_id = %welcome.log_id, "this other log is accepted; its snapshot will replace the table");
        }
        info!(log_id = %welcome.log_id, resumed = welcome.resumed, "connected to the control plane");
        self.telemetry.sync.connected.store(1, Relaxed);
        self.telemetry.sync.foreign_log.store(0, Relaxed);
        self.telemetry.sync.say(None);
        self.heard();
        Ok(())
    }

    /// Applies a message and all that are there without waiting, brings the outcome into force,
    /// and returns what is to be answered.
    fn apply_all_waiting(
        &mut self,
        first: Response,
        stream: &mut Streaming<SubscribeResponse>,
    ) -> Result<Option<Outcome>, Ended> {
        self.heard();
        let received_at = clock::now();
        let waiting = std::iter::from_fn(|| Some(content(stream.message().now_or_never()?)))
            .filter_map(Result::transpose);
        let meters = &self.telemetry.sync;
        let messages = std::iter::once(Ok(first)).chain(waiting).inspect(|message| {
            match message {
                Ok(Response::Waiting(waiting)) => waits(meters, *waiting),
                Ok(Response::SnapshotEnd(_)) => {
                    meters.say(None);
                    meters.snapshots.fetch_add(1, Relaxed)
                }
                Ok(Response::Delta(_)) => meters.deltas.fetch_add(1, Relaxed),
                _ => 0,
            };
        });
        let (Applied { outcome, digest_mismatches }, result) = self.follower.apply_all(messages);
        if digest_mismatches > 0 {
            meters.digest_mismatches.fetch_add(digest_mismatches, Relaxed);
            warn!("this node's table differs from the control plane's");
        }
        if let Some(Outcome::Nack { revision, unusable }) = &outcome {
            meters.nacks.fetch_add(1, Relaxed);
            warn!(revision, kind = unusable.kind, reason = %unusable.reason, "a message could not be used; the last good table stays");
        }
        if self.swap() {
            self.telemetry
                .sync
                .came_into_force(clock::now().saturating_duration_since(received_at));
        }
        result.map(|()| outcome)
    }

    fn heard(&self) {
        self.telemetry.sync.last_contact_unix_seconds.store(clock::unix_seconds(), Relaxed);
    }
}

/// Says at `/ready` for how many this node waits, and in the log at the first time.
fn waits(meters: &SyncMeters, waiting: Waiting) -> u64 {
    let Waiting { ahead, estimated_ms } = waiting;
    if meters.trouble().is_none() {
        info!(ahead, estimated_ms, "others are sent their snapshots first; waiting");
    }
    let about = Duration::from_millis(estimated_ms.into()).as_secs_f64();
    meters.say(Some(format!(
        "waiting for a snapshot: {ahead} nodes are sent theirs first, about {about:.1} s"
    )));
    0
}

/// The next message of a kind that is known here. Kinds that came after this version say nothing
/// that it needs, and are passed over.
pub(crate) async fn next(
    stream: &mut Streaming<SubscribeResponse>,
    patience: Duration,
) -> Result<Response, Ended> {
    loop {
        let received =
            timeout(patience, stream.message()).await.map_err(|_| Ended::Silent(patience))?;
        if let Some(message) = content(received)? {
            return Ok(message);
        }
    }
}

pub(crate) fn content(
    received: Result<Option<SubscribeResponse>, tonic::Status>,
) -> Result<Option<Response>, Ended> {
    Ok(received?.ok_or(Ended::Closed)?.message)
}

pub(crate) fn message(content: Request) -> SubscribeRequest {
    SubscribeRequest { message: Some(content) }
}
