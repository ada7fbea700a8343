//! The service of the audit: checkpoints and proofs, the stored records, the state at any moment
//! and what each event changed. Everything is read from the log; nothing is kept for it but the
//! tree, which the log keeps.

mod changes;
mod proofs;
mod records;
mod resources;
mod state;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use countersign_proto::convert::timestamp;
use countersign_proto::v1;
use countersign_proto::v1::audit_server::Audit;
use futures_util::Stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::{Api, status};
use crate::attempts::Attempts;
use crate::clock;
use crate::history::HistoryError;
use crate::log::CheckpointKey;

/// Calls that may read all of the log at once; more wait for their turn.
const REPLAYS_MAX: usize = 2;
/// Messages that wait for a slow reader of a stream.
const QUEUE_MAX: usize = 2;
/// Attempts in one answer, unless fewer are asked for,
const ATTEMPTS_DEFAULT: usize = 100;
/// and at most.
const ATTEMPTS_MAX: usize = 1_000;
/// So much of an error is kept with an attempt.
const ERROR_CHARACTERS_MAX: usize = 512;

pub(super) type Replies<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;
pub(super) type Replier<T> = mpsc::Sender<Result<T, Status>>;

/// What the audit needs besides the log.
#[derive(Debug)]
pub struct Auditing {
    pub(super) key: CheckpointKey,
    attempts: Attempts,
    replays: Arc<Semaphore>,
}

impl Auditing {
    pub fn new(key: CheckpointKey, attempts: Attempts) -> Self {
        Self { key, attempts, replays: Arc::new(Semaphore::new(REPLAYS_MAX)) }
    }
}

impl Auditing {
    /// Keeps that a write was refused, and why.
    pub(super) fn refused(&self, attempt: v1::Attempt, status: &Status) {
        let error = status.message().chars().take(ERROR_CHARACTERS_MAX).collect();
        let attempt = v1::Attempt {
            time: Some(timestamp(clock::now_ms())),
            status: format!("{:?}", status.code()),
            error,
            ..attempt
        };
        self.attempts.keep(attempt, Instant::now());
    }
}

#[tonic::async_trait]
impl Audit for Api {
    async fn get_checkpoint(
        &self,
        request: Request<v1::GetCheckpointRequest>,
    ) -> Result<Response<v1::GetCheckpointResponse>, Status> {
        let revision = request.get_ref().revision;
        self.read(move |api| proofs::checkpoint(api, revision)).await
    }

    async fn get_inclusion_proof(
        &self,
        request: Request<v1::GetInclusionProofRequest>,
    ) -> Result<Response<v1::GetInclusionProofResponse>, Status> {
        let request = proofs::Inclusion::parse(request.get_ref())?;
        self.read(move |api| proofs::inclusion(api, &request)).await
    }

    async fn get_consistency_proof(
        &self,
        request: Request<v1::GetConsistencyProofRequest>,
    ) -> Result<Response<v1::GetConsistencyProofResponse>, Status> {
        let request = proofs::Consistency::parse(request.get_ref())?;
        self.read(move |api| proofs::consistency(api, &request)).await
    }

    type ReadRecordsStream = Replies<v1::ReadRecordsResponse>;

    async fn read_records(
        &self,
        request: Request<v1::ReadRecordsRequest>,
    ) -> Result<Response<Self::ReadRecordsStream>, Status> {
        let asked = records::Asked::parse(self, request.get_ref())?;
        let (sender, replies) = replies();
        tokio::spawn(records::send(self.clone(), asked, sender));
        Ok(replies)
    }

    type GetStateStream = Replies<v1::GetStateResponse>;

    async fn get_state(
        &self,
        request: Request<v1::GetStateRequest>,
    ) -> Result<Response<Self::GetStateStream>, Status> {
        let (sender, replies) = replies();
        let found = state::find(self, request.into_inner()).await?;
        tokio::spawn(state::send(found, sender));
        Ok(replies)
    }

    type ListChangesStream = Replies<v1::ListChangesResponse>;

    async fn list_changes(
        &self,
        request: Request<v1::ListChangesRequest>,
    ) -> Result<Response<Self::ListChangesStream>, Status> {
        let (sender, replies) = replies();
        let begun = changes::begin(self, request.into_inner()).await?;
        tokio::spawn(changes::send(self.clone(), begun, sender));
        Ok(replies)
    }

    async fn list_attempts(
        &self,
        request: Request<v1::ListAttemptsRequest>,
    ) -> Result<Response<v1::ListAttemptsResponse>, Status> {
        let limit = match usize::try_from(request.get_ref().limit) {
            Ok(0) | Err(_) => ATTEMPTS_DEFAULT,
            Ok(limit) => limit.min(ATTEMPTS_MAX),
        };
        let api = self.clone();
        let read = tokio::task::spawn_blocking(move || {
            let attempts = &api.auditing.attempts;
            let left_out = attempts.left_out();
            attempts.newest(limit).map(|attempts| v1::ListAttemptsResponse { attempts, left_out })
        });
        let read = read.await.map_err(|_| Status::internal("the attempts could not be read"))?;
        read.map(Response::new).map_err(|error| Status::internal(error.to_string()))
    }
}

impl Api {
    /// Reads the log on a thread that may wait for the disk.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Self) -> Result<T, HistoryError> + Send + 'static,
    ) -> Result<Response<T>, Status> {
        off_thread(self, read).await.map(Response::new)
    }

    /// Waits for a turn to read all of the log.
    pub(super) async fn replay_turn(&self) -> Result<OwnedSemaphorePermit, Status> {
        let turns = Arc::clone(&self.auditing.replays);
        turns.acquire_owned().await.map_err(|_| Status::internal("the control plane is stopping"))
    }
}

async fn off_thread<T: Send + 'static>(
    api: &Api,
    read: impl FnOnce(&Api) -> Result<T, HistoryError> + Send + 'static,
) -> Result<T, Status> {
    let api = api.clone();
    let read = tokio::task::spawn_blocking(move || read(&api)).await;
    let read = read.map_err(|_| Status::internal("the log could not be read"))?;
    read.map_err(|error| status::of_history(&error))
}

pub(super) fn replies<T: Send + 'static>() -> (Replier<T>, Response<Replies<T>>) {
    let (sender, receiver) = mpsc::channel(QUEUE_MAX);
    (sender, Response::new(Box::pin(ReceiverStream::new(receiver))))
}
