//! One stream, from Hello to its end. All messages that are waiting are applied before a table
//! is built, so that a node that is behind catches up in one step.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use countersign_proto::v1::subscribe_request::Message as Request;
use countersign_proto::v1::subscribe_response::Message as Response;
use countersign_proto::v1::sync_client::SyncClient;
use countersign_proto::v1::{Ack, Hello, Nack, SubscribeRequest, SubscribeResponse, Welcome};
use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::Channel;
use tracing::{info, warn};

use super::Sync;
use super::backoff::Backoff;
use crate::clock;
use crate::replica::{Outcome, PROTOCOL_VERSION, Unwelcome};

/// Answers that wait to be sent; the stream is read no further while they are this many.
const ANSWERS_MAX: usize = 64;
/// At most this many messages are applied between two tables.
const MESSAGES_PER_TABLE_MAX: usize = 4096;
/// How long the control plane may take to say Welcome.
const WELCOME_TIMEOUT: Duration = Duration::from_secs(5);
/// A stream that is silent for this many bookmark intervals is given up.
const SILENT_INTERVALS_MAX: u32 = 3;
const BOOKMARK_INTERVAL_MS_MIN: u32 = 10;
/// How long a refusal is given to reach the control plane before the stream is closed.
const FAREWELL: Duration = Duration::from_secs(1);

/// Why a stream ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    #[error("no connection: {0}")]
    Unreachable(tonic::transport::Error),
    #[error("refused: {} {}", .0.code(), .0.message())]
    Status(#[from] tonic::Status),
    #[error("the control plane closed it")]
    Closed,
    #[error("nothing was heard for {0:?}")]
    Silent(Duration),
    #[error("the first message was not a Welcome")]
    NoWelcome,
    #[error("a message without content, or a second Welcome")]
    Unexpected,
    #[error(transparent)]
    Unwelcome(#[from] Unwelcome),
    #[error("a message could not be used: {0}")]
    Refused(String),
}

/// Follows one stream until it ends.
pub(super) async fn follow(
    sync: &mut Sync,
    mut client: SyncClient<Channel>,
    backoff: &mut Backoff,
) -> Ended {
    let (answers, outgoing) = mpsc::channel(ANSWERS_MAX);
    // The first message is in the channel before anything is sent.
    if answers.try_send(message(Request::Hello(sync.hello()))).is_err() {
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
                if answers.send(message(answer(&outcome))).await.is_err() {
                    return Ended::Closed;
                }
                if let Outcome::Nack { unusable, .. } = outcome {
                    drop(answers);
                    // What still comes is not used; the control plane ends the stream.
                    let _ = timeout(FAREWELL, async {
                        while stream.message().await.is_ok_and(|m| m.is_some()) {}
                    })
                    .await;
                    return Ended::Refused(unusable.reason);
                }
                backoff.reset();
            }
        }
    }
}

impl Sync {
    fn hello(&self) -> Hello {
        let position = self.replica.hello();
        Hello {
            node: self.identity.node.clone(),
            instance: self.identity.instance.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            protocol_version: PROTOCOL_VERSION,
            environments: self.identity.environments.clone(),
            log_id: position.log_id,
            revision: position.revision,
            hash: position.hash,
        }
    }

    fn welcome(&mut self, welcome: &Welcome) -> Result<(), Unwelcome> {
        let former = self.replica.position().log_id.clone();
        if self.replica.welcome(welcome)? {
            warn!(%former, log_id = %welcome.log_id, "the control plane has another log now; its snapshot will replace the table");
        }
        info!(log_id = %welcome.log_id, resumed = welcome.resumed, "connected to the control plane");
        self.telemetry.sync.connected.store(1, Relaxed);
        self.heard();
        Ok(())
    }

    /// Applies a message and all that are there without waiting, brings the outcome into force,
    /// and returns what is to be answered: the newest acknowledgement, or the refusal.
    fn apply_all_waiting(
        &mut self,
        first: Response,
        stream: &mut Streaming<SubscribeResponse>,
    ) -> Result<Option<Outcome>, Ended> {
        self.heard();
        let mut outcome = self.apply(first)?;
        let mut unfinished = Ok(());
        for _ in 1..MESSAGES_PER_TABLE_MAX {
            if matches!(outcome, Some(Outcome::Nack { .. })) {
                break;
            }
            let Some(received) = stream.message().now_or_never() else { break };
            match content(received).and_then(|message| self.apply(message)) {
                Ok(newer) => outcome = newer.or(outcome),
                Err(ended) => {
                    unfinished = Err(ended);
                    break;
                }
            }
        }
        self.swap();
        unfinished.map(|()| outcome)
    }

    fn apply(&mut self, message: Response) -> Result<Option<Outcome>, Ended> {
        let meters = &self.telemetry.sync;
        let outcome = match message {
            Response::Welcome(_) => return Err(Ended::Unexpected),
            Response::SnapshotChunk(chunk) => {
                self.replica.snapshot_chunk(&chunk);
                return Ok(None);
            }
            Response::SnapshotEnd(end) => {
                meters.snapshots.fetch_add(1, Relaxed);
                self.replica.snapshot_end(&end)
            }
            Response::Delta(delta) => {
                meters.deltas.fetch_add(1, Relaxed);
                self.replica.delta(&delta)
            }
            Response::Bookmark(bookmark) => self.replica.bookmark(&bookmark),
        };
        match &outcome {
            Outcome::Ack { revision, digest_differs: true, .. } => {
                meters.digest_mismatches.fetch_add(1, Relaxed);
                warn!(revision, "this node's table differs from the control plane's");
            }
            Outcome::Ack { .. } => {}
            Outcome::Nack { revision, unusable } => {
                meters.nacks.fetch_add(1, Relaxed);
                warn!(revision, kind = unusable.kind, reason = %unusable.reason, "a message could not be used; the last good table stays");
            }
        }
        Ok(Some(outcome))
    }

    fn heard(&self) {
        self.telemetry.sync.last_contact_unix_seconds.store(clock::unix_seconds(), Relaxed);
    }
}

async fn next(
    stream: &mut Streaming<SubscribeResponse>,
    patience: Duration,
) -> Result<Response, Ended> {
    let received =
        timeout(patience, stream.message()).await.map_err(|_| Ended::Silent(patience))?;
    content(received)
}

fn content(received: Result<Option<SubscribeResponse>, tonic::Status>) -> Result<Response, Ended> {
    received?.ok_or(Ended::Closed)?.message.ok_or(Ended::Unexpected)
}

fn message(content: Request) -> SubscribeRequest {
    SubscribeRequest { message: Some(content) }
}

fn answer(outcome: &Outcome) -> Request {
    match outcome {
        Outcome::Ack { revision, digest, .. } => {
            Request::Ack(Ack { revision: *revision, digest: digest.as_bytes().to_vec() })
        }
        Outcome::Nack { revision, unusable } => Request::Nack(Nack {
            revision: *revision,
            kind: unusable.kind,
            resource_id: unusable.id.clone(),
            reason: unusable.reason.clone(),
        }),
    }
}
