//! The engine: the one writer. On an OS thread of its own it owns state, log and keystore, and
//! carries out commands in one order: decide, append and flush, apply, publish, reply. All
//! others hold a bounded handle or an immutable view. Commands that wait share one flush.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use arc_swap::ArcSwap;
use countersign_proto::convert::record_to_proto;
use countersign_shared::event::Record;
use countersign_shared::stamp::Stamp;
use countersign_shared::state::State;
use prost::Message;
use tokio::sync::{mpsc, oneshot, watch};

use crate::command::{Answer, Request};
use crate::decide::{Limits, decide};
use crate::feed::{Digests, Publisher};
use crate::keystore::{Keystore, PutError, WrappedKey};
use crate::log::{AppendError, EventLog, Head};
use crate::metrics::EngineMetrics;
use crate::rejection::Rejection;
use crate::snapshotter::Snapshotter;

/// Commands that may wait for the engine; more wait for a place.
pub const QUEUE_MAX: usize = 1_024;
/// A batch that has so many records or bytes takes no further command.
pub const BATCH_RECORDS_MAX: usize = 1_024;
pub const BATCH_BYTES_MAX: usize = 128 * 1024;

/// Why a command has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// Nothing was written.
    #[error("{0}")]
    Full(String),
    /// Nothing was written.
    #[error("{0}")]
    TooLarge(String),
    /// The engine is going; whether the command was carried out is unknown.
    #[error("the control plane is stopping: try again")]
    Stopped,
}

/// What everyone else sees of the engine: a state and where in the log it stands.
#[derive(Debug)]
pub struct View {
    pub state: State,
    pub head: Head,
    pub digests: Arc<Digests>,
}

/// A handle on the engine. Cheap to clone.
#[derive(Debug, Clone)]
pub struct EngineHandle {
    queue: mpsc::Sender<ToEngine>,
    view: Arc<ArcSwap<View>>,
    revision: watch::Receiver<u64>,
}

impl EngineHandle {
    /// Carries out a command. When it returns `Ok` the events are durable and visible.
    pub async fn execute(&self, now_ms: i64, request: Request) -> Result<Outcome, ExecuteError> {
        let (reply, answer) = oneshot::channel();
        let message = ToEngine::Execute(Box::new(Envelope { now_ms, request, reply }));
        self.queue.send(message).await.map_err(|_| ExecuteError::Stopped)?;
        answer.await.map_err(|_| ExecuteError::Stopped)?
    }

    /// Carries out what waits and ends the engine's thread, with the log closed cleanly.
    pub async fn stop(&self) {
        // Its answer is the end of the thread; an engine that has gone is what is wanted.
        let _ = self.queue.send(ToEngine::Stop).await;
    }

    pub fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// Changes with every commit. Whoever wakes by it finds view and feed up to date.
    pub fn revision(&self) -> watch::Receiver<u64> {
        self.revision.clone()
    }
}

/// What became of a command that was not rejected.
#[derive(Debug)]
pub enum Outcome {
    Done(Box<Answer>),
    /// The same request was carried out before, by these events.
    Repeated {
        first_revision: u64,
        last_revision: u64,
    },
}

#[derive(Debug)]
enum ToEngine {
    Execute(Box<Envelope>),
    Stop,
}

#[derive(Debug)]
struct Envelope {
    now_ms: i64,
    request: Request,
    reply: oneshot::Sender<Result<Outcome, ExecuteError>>,
}

/// All that the engine owns.
#[expect(missing_debug_implementations, reason = "a log has no text form")]
pub struct Engine {
    pub log: Box<dyn EventLog>,
    pub keystore: Keystore,
    pub state: State,
    pub publisher: Publisher,
    pub limits: Limits,
    pub snapshotter: Snapshotter,
    pub metrics: Arc<EngineMetrics>,
}

impl Engine {
    /// Starts the engine's thread, which goes on until it is told to stop or all handles are gone.
    pub fn spawn(self) -> std::io::Result<(EngineHandle, JoinHandle<()>)> {
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        let head = self.log.head();
        let view = View { state: self.state.clone(), head, digests: self.publisher.digests() };
        let view = Arc::new(ArcSwap::from_pointee(view));
        let (revised, revision) = watch::channel(head.revision);
        let handle = EngineHandle { queue, view: Arc::clone(&view), revision };
        let thread = std::thread::Builder::new().name("engine".into());
        let thread = thread.spawn(move || Running { engine: self, view, revised }.run(waiting))?;
        Ok((handle, thread))
    }
}

struct Running {
    engine: Engine,
    view: Arc<ArcSwap<View>>,
    revised: watch::Sender<u64>,
}

/// Commands that were decided one after the other and wait for the same flush.
struct Batch {
    scratch: State,
    records: Vec<Record>,
    encoded: Vec<Vec<u8>>,
    bytes: usize,
    data_keys: Vec<WrappedKey>,
    decided: Vec<(oneshot::Sender<Result<Outcome, ExecuteError>>, Outcome)>,
}

impl Running {
    fn run(mut self, mut waiting: mpsc::Receiver<ToEngine>) {
        let mut going = true;
        while let Some(first) = waiting.blocking_recv() {
            let mut batch = Batch::on(&self.engine.state);
            let mut next = Some(first);
            while let Some(message) = next.take() {
                match message {
                    ToEngine::Execute(envelope) => batch.take(*envelope, &self.engine.limits),
                    ToEngine::Stop => {
                        going = false;
                        break;
                    }
                }
                if batch.encoded.len() < BATCH_RECORDS_MAX && batch.bytes < BATCH_BYTES_MAX {
                    next = waiting.try_recv().ok();
                }
            }
            self.commit(batch);
            if !going {
                return;
            }
        }
    }

    /// Durable before visible: append and flush, apply, publish, reply.
    fn commit(&mut self, batch: Batch) {
        let Batch { scratch, records, encoded, data_keys, decided, .. } = batch;
        if !records.is_empty() {
            let begun = Instant::now();
            let head = match self.persist(&data_keys, &encoded) {
                Ok(head) => head,
                Err(refused) => return refuse(decided, &refused),
            };
            self.engine.metrics.appended(
                records.len(),
                encoded.iter().map(Vec::len).sum(),
                begun.elapsed(),
            );
            let before = std::mem::replace(&mut self.engine.state, scratch);
            self.publish(&before, &records, head);
        }
        for (reply, outcome) in decided {
            // A caller that has gone does not wait for its answer; the log has it.
            let _ = reply.send(Ok(outcome));
        }
    }

    /// Data keys first: an event whose secret cannot be opened must never be in the log.
    fn persist(
        &mut self,
        data_keys: &[WrappedKey],
        encoded: &[Vec<u8>],
    ) -> Result<Head, ExecuteError> {
        if !data_keys.is_empty() {
            match self.engine.keystore.put(data_keys) {
                Ok(()) => {}
                Err(error @ PutError::Full(_)) => {
                    return Err(ExecuteError::Full(error.to_string()));
                }
                Err(error @ PutError::Fatal(_)) => die(&error),
            }
        }
        match self.engine.log.append(self.engine.state.head().revision, encoded) {
            Ok(head) => Ok(head),
            Err(error @ AppendError::Full { .. }) => Err(ExecuteError::Full(error.to_string())),
            Err(error @ AppendError::TooLarge { .. }) => {
                Err(ExecuteError::TooLarge(error.to_string()))
            }
            Err(error @ (AppendError::Conflict { .. } | AppendError::Fatal(_))) => die(&error),
        }
    }

    fn publish(&mut self, before: &State, records: &[Record], head: Head) {
        let engine = &mut self.engine;
        let events = records.iter().map(|record| &record.event);
        if let Err(error) = engine.publisher.publish(before, &engine.state, events, head) {
            die(&error);
        }
        let view = View { state: engine.state.clone(), head, digests: engine.publisher.digests() };
        self.view.store(Arc::new(view));
        self.revised.send_replace(head.revision);
        engine.metrics.committed(head.revision);
        engine.snapshotter.offer(&engine.state, head);
    }
}

impl Batch {
    fn on(state: &State) -> Self {
        Self {
            scratch: state.clone(),
            records: vec![],
            encoded: vec![],
            bytes: 0,
            data_keys: vec![],
            decided: vec![],
        }
    }

    /// Decides one command on the state that those before it in the batch will leave.
    fn take(&mut self, envelope: Envelope, limits: &Limits) {
        let Envelope { now_ms, request, reply } = envelope;
        match self.decide(now_ms, request, limits) {
            Ok(outcome) => self.decided.push((reply, outcome)),
            Err(rejection) => {
                let _ = reply.send(Err(rejection.into()));
            }
        }
    }

    fn decide(
        &mut self,
        now_ms: i64,
        request: Request,
        limits: &Limits,
    ) -> Result<Outcome, Rejection> {
        if let Some(repeated) = repeated(&self.scratch, &request)? {
            return Ok(repeated);
        }
        let found = self.scratch.head();
        if let Some(expected) =
            request.expected_revision.filter(|expected| *expected != found.revision)
        {
            return Err(Rejection::RevisionMismatch { expected, found: found.revision });
        }
        let events = decide(&self.scratch, &request.command, limits)?;
        let first_revision = found.revision + 1;
        // Time in the log never runs backwards, whatever the clock does.
        let time_ms = now_ms.max(found.time_ms);
        let mut records = Vec::with_capacity(events.len());
        for (revision, event) in (first_revision..).zip(events) {
            let origin = Arc::clone(&request.origin);
            let record = Record { at: Stamp { revision, time_ms }, origin, first_revision, event };
            self.scratch.apply(&record);
            let bytes = record_to_proto(&record).encode_to_vec();
            self.bytes += bytes.len();
            self.encoded.push(bytes);
            records.push(record);
        }
        if !records.is_empty() {
            self.data_keys.extend(request.wrapped_key);
        }
        self.records.extend(records.iter().cloned());
        let revision = self.scratch.head().revision;
        Ok(Outcome::Done(Box::new(Answer {
            revision,
            records,
            repeated: false,
            state: self.scratch.clone(),
        })))
    }
}

fn repeated(state: &State, request: &Request) -> Result<Option<Outcome>, Rejection> {
    let Some(mark) = &request.origin.request else { return Ok(None) };
    match state.requests().get(&mark.id) {
        None => Ok(None),
        Some(known) if known.mark.digest != mark.digest => {
            Err(Rejection::RequestIdReused { request_id: mark.id.to_string() })
        }
        Some(known) => Ok(Some(Outcome::Repeated {
            first_revision: known.first_revision,
            last_revision: known.last_revision,
        })),
    }
}

/// Nothing was written. Those that would have written nothing anyway are told the same: they were
/// decided on events that will not be.
fn refuse(
    decided: Vec<(oneshot::Sender<Result<Outcome, ExecuteError>>, Outcome)>,
    refused: &ExecuteError,
) {
    tracing::warn!(%refused, "writes are refused; reads and streams go on");
    for (reply, _) in decided {
        let _ = reply.send(Err(match refused {
            ExecuteError::TooLarge(what) => ExecuteError::TooLarge(what.clone()),
            other => ExecuteError::Full(other.to_string()),
        }));
    }
}

/// Nobody knows what is on disk: the next start reads the truth. Never retries.
fn die(error: &dyn std::error::Error) -> ! {
    tracing::error!(%error, "the log cannot go on; the process ends, and the next start reads what is durable");
    std::process::exit(70)
}
