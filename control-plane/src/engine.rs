//! The engine: the one writer. On an OS thread of its own it owns state, log and keystore, and
//! carries out commands in one order: decide, append and flush, apply, publish, reply, wake the streams. All
//! others hold a bounded handle or an immutable view. Commands that wait share one flush.

mod batch;
mod follow;
mod secrets;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use arc_swap::ArcSwap;
use countersign_feed::Tip;
use countersign_shared::event::{Event, Record};
use countersign_shared::state::State;
use tokio::sync::{Notify, mpsc, oneshot, watch};

use crate::command::{Answer, Request};
use crate::decide::Limits;
use crate::keystore::{DataKey, Keystore, PutError};
use crate::log::{AppendError, EventLog, Head, Standing};
use crate::metrics::EngineMetrics;
use crate::publisher::Publisher;
use crate::rejection::Rejection;
use crate::snapshotter::Snapshotter;
pub use batch::{BATCH_BYTES_MAX, BATCH_RECORDS_MAX, Batch, Envelope};
use follow::Waiting;
use secrets::Chore;
pub use secrets::{RotateError, forget_all_but_living, living};

/// Commands that may wait for the engine; more wait for a place.
pub const QUEUE_MAX: usize = 1_024;

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
    /// Nothing was written: another replica decides, the one at this address.
    #[error("{message}")]
    NotLeading { leader: Option<String>, message: String },
    /// Whether it was carried out is unknown; the same request again tells.
    #[error("{0}")]
    Unavailable(String),
    /// The engine is going; whether the command was carried out is unknown.
    #[error("the control plane is stopping: try again")]
    Stopped,
}

/// What everyone else sees of the engine: a state and where in the log it stands.
#[derive(Debug)]
pub struct View {
    pub state: State,
    pub tip: Tip,
}

impl AsRef<Tip> for View {
    fn as_ref(&self) -> &Tip {
        &self.tip
    }
}

/// A handle on the engine. Cheap to clone.
#[derive(Debug, Clone)]
pub struct EngineHandle {
    queue: mpsc::Sender<ToEngine>,
    view: Arc<ArcSwap<View>>,
    revision: watch::Receiver<u64>,
    admissions: watch::Receiver<u64>,
    standing: watch::Receiver<Standing>,
    /// Told when a secret was replaced or deleted.
    forgettable: Arc<Notify>,
}

impl EngineHandle {
    /// Carries out a command. When it returns `Ok` the events are durable and visible.
    pub async fn execute(&self, now_ms: i64, request: Request) -> Result<Outcome, ExecuteError> {
        // At once: the engine may be waiting for a log that does not answer.
        let standing = self.standing.borrow().clone();
        if let Standing::Following { leader, why } = standing {
            return Err(unwritten(AppendError::NotLeading { leader, why }));
        }
        let (envelope, answer) = Envelope::new(now_ms, request);
        let message = ToEngine::Execute(Box::new(envelope));
        self.queue.send(message).await.map_err(|_| ExecuteError::Stopped)?;
        answer.await.map_err(|_| ExecuteError::Stopped)?
    }

    /// Has the engine take over what others appended, after what waits. Where `has_to_ask`, all that
    /// was durable when it was called is visible here when it returns `Ok`.
    pub async fn follow(&self, has_to_ask: bool) -> Result<(), ExecuteError> {
        let (reply, done) = oneshot::channel();
        let message = ToEngine::Chore(Chore::Follow(Waiting { reply, has_to_ask }));
        self.queue.send(message).await.map_err(|_| ExecuteError::Stopped)?;
        done.await.map_err(|_| ExecuteError::Stopped)?.map_err(ExecuteError::Unavailable)
    }

    /// Carries out what waits and ends the engine's thread, with the log closed cleanly.
    pub async fn stop(&self) {
        // Its answer is the end of the thread; an engine that has gone is what is wanted.
        let _ = self.queue.send(ToEngine::Stop).await;
    }

    pub fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// Where the replica is that has to decide, if it is another one, and known.
    pub fn leader_elsewhere(&self) -> Option<String> {
        match &*self.standing.borrow() {
            Standing::Following { leader, .. } => leader.clone(),
            Standing::Leading(_) => None,
        }
    }

    /// Changes with every commit. Whoever wakes by it finds view and feed up to date.
    pub fn revision(&self) -> watch::Receiver<u64> {
        self.revision.clone()
    }

    /// Changes with each commit that enrols or revokes a node, when everybody can see it.
    pub fn admissions(&self) -> watch::Receiver<u64> {
        self.admissions.clone()
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
    Chore(Chore),
    Stop,
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
        let standing = self.log.standings();
        let writer = Writer::new(self);
        let (view, revision) = (writer.view(), writer.revised.subscribe());
        let admissions = writer.admitted.subscribe();
        let forgettable = Arc::clone(&writer.forgettable);
        let handle = EngineHandle { queue, view, revision, admissions, standing, forgettable };
        let thread = std::thread::Builder::new().name("engine".into());
        let thread = thread.spawn(move || writer.run(waiting))?;
        Ok((handle, thread))
    }
}

/// The engine at work: what its thread runs, and what the simulator runs in its place.
#[expect(missing_debug_implementations, reason = "a log has no text form")]
pub struct Writer {
    engine: Engine,
    view: Arc<ArcSwap<View>>,
    revised: watch::Sender<u64>,
    admitted: watch::Sender<u64>,
    /// There may be data keys of secrets that are no more.
    has_forgettable: bool,
    forgettable: Arc<Notify>,
}

/// Nobody knows what is on disk: the process must end, and the next start reads the truth.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Fatal(Box<dyn std::error::Error + Send + Sync>);

impl Fatal {
    fn of(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self(Box::new(error))
    }
}

impl Writer {
    pub fn new(engine: Engine) -> Self {
        let head = engine.log.head();
        engine.metrics.stands(matches!(engine.log.standing(), Standing::Leading(_)));
        let tip = Tip { head, digests: engine.publisher.digests() };
        let view = ArcSwap::from_pointee(View { state: engine.state.clone(), tip });
        Self {
            engine,
            view: Arc::new(view),
            revised: watch::Sender::new(head.revision),
            admitted: watch::Sender::new(0),
            has_forgettable: false,
            forgettable: Arc::default(),
        }
    }

    /// What everyone else sees, replaced with every commit.
    pub fn view(&self) -> Arc<ArcSwap<View>> {
        Arc::clone(&self.view)
    }

    /// Commands that will wait for the same flush.
    pub fn batch(&self) -> Batch {
        Batch::on(&self.engine.state, self.engine.limits)
    }

    fn run(mut self, mut waiting: mpsc::Receiver<ToEngine>) {
        let mut going = true;
        while going && let Some(first) = waiting.blocking_recv() {
            let mut batch = self.batch();
            let mut next = Some(first);
            let (mut chore, mut follows) = (None, Vec::new());
            while let Some(message) = next.take() {
                match message {
                    ToEngine::Execute(envelope) => self.take(&mut batch, *envelope),
                    ToEngine::Chore(Chore::Follow(waiting)) => {
                        follows.push(waiting);
                        if self.is_unsettled() {
                            break;
                        }
                    }
                    ToEngine::Chore(asked) => {
                        chore = Some(asked);
                        break;
                    }
                    ToEngine::Stop => {
                        going = false;
                        break;
                    }
                }
                if batch.has_room() {
                    next = waiting.try_recv().ok();
                }
            }
            let done = self.commit(batch).and_then(|()| self.follow_for(follows));
            let done = done.and_then(|()| match chore {
                Some(chore) => self.carry_out(chore),
                None if going => Ok(()),
                None => self.forget(),
            });
            if let Err(fatal) = done {
                die(&fatal);
            }
        }
    }

    fn take(&self, batch: &mut Batch, envelope: Envelope) {
        match self.engine.log.standing() {
            Standing::Leading(_) => batch.take(envelope),
            Standing::Following { leader, why } => {
                let error = AppendError::NotLeading { leader, why };
                envelope.refuse(unwritten(error));
            }
        }
    }

    /// Durable before visible: append and flush, apply, publish, reply, wake the streams.
    pub fn commit(&mut self, batch: Batch) -> Result<(), Fatal> {
        let Batch { scratch, records, encoded, data_keys, decided, .. } = batch;
        if !records.is_empty() {
            let begun = Instant::now();
            let head = match self.persist(&data_keys, &encoded) {
                Ok(head) => head,
                Err(Unwritten::Refused(refused)) => {
                    refuse(decided, &refused);
                    return Ok(());
                }
                Err(Unwritten::Fatal(fatal)) => return Err(fatal),
            };
            self.engine.metrics.appended(
                records.len(),
                encoded.iter().map(Vec::len).sum(),
                begun.elapsed(),
            );
            let before = std::mem::replace(&mut self.engine.state, scratch);
            self.publish(&before, &records, head)?;
            self.note_forgettable(&records);
        }
        for (reply, outcome) in decided {
            // A caller that has gone does not wait for its answer; the log has it.
            let _ = reply.send(Ok(outcome));
        }
        if !records.is_empty() {
            // Last, for it wakes every stream, and callers would wait behind a thousand of them.
            self.revised.send_modify(|_| {});
        }
        Ok(())
    }

    /// Data keys first: an event whose secret cannot be opened must never be in the log.
    fn persist(&mut self, data_keys: &[DataKey], encoded: &[Vec<u8>]) -> Result<Head, Unwritten> {
        if !data_keys.is_empty() {
            match self.engine.keystore.put(data_keys) {
                Ok(()) => {}
                Err(error @ PutError::Full(_)) => {
                    return Err(Unwritten::Refused(ExecuteError::Full(error.to_string())));
                }
                Err(error @ PutError::Unreached(_)) => {
                    return Err(Unwritten::Refused(ExecuteError::Unavailable(error.to_string())));
                }
                Err(error) => return Err(Unwritten::Fatal(Fatal::of(error))),
            }
        }
        match self.engine.log.append(self.engine.state.head().revision, encoded) {
            Ok(head) => Ok(head),
            Err(error @ AppendError::Fatal(_)) => Err(Unwritten::Fatal(Fatal::of(error))),
            // One that is the only one to append has lost its way; a replica follows, and goes on.
            Err(error @ AppendError::Conflict { .. }) if self.engine.log.pulse().is_none() => {
                Err(Unwritten::Fatal(Fatal::of(error)))
            }
            Err(error) => Err(Unwritten::Refused(unwritten(error))),
        }
    }

    fn publish(&mut self, before: &State, records: &[Record], head: Head) -> Result<(), Fatal> {
        let engine = &mut self.engine;
        let events = records.iter().map(|record| &record.event);
        engine.publisher.publish(before, &engine.state, events, head).map_err(Fatal::of)?;
        let tip = Tip { head, digests: engine.publisher.digests() };
        // Before anybody can see it, so that no acknowledgement comes sooner than its commit.
        engine.metrics.committed(head.revision);
        self.view.store(Arc::new(View { state: engine.state.clone(), tip }));
        self.revised.send_if_modified(|revision| {
            *revision = head.revision;
            false
        });
        engine.snapshotter.offer(&engine.state, head);
        let admits =
            |event: &Event| matches!(event, Event::NodeEnrolled { .. } | Event::NodeRevoked { .. });
        if records.iter().any(|record| admits(&record.event)) {
            self.admitted.send_replace(head.revision);
        }
        Ok(())
    }
}

/// Why a batch is not in the log.
enum Unwritten {
    Refused(ExecuteError),
    Fatal(Fatal),
}

/// Those that would have written nothing anyway are told the same: they were decided on events that
/// may never be.
fn refuse(decided: Vec<(batch::Reply, Outcome)>, refused: &ExecuteError) {
    tracing::warn!(%refused, "writes are refused; reads and streams go on");
    for (reply, _) in decided {
        let _ = reply.send(Err(match refused {
            ExecuteError::TooLarge(what) => ExecuteError::TooLarge(what.clone()),
            ExecuteError::Unavailable(what) => ExecuteError::Unavailable(what.clone()),
            ExecuteError::NotLeading { leader, message } => {
                let (leader, message) = (leader.clone(), message.clone());
                ExecuteError::NotLeading { leader, message }
            }
            other => ExecuteError::Full(other.to_string()),
        }));
    }
}

/// Why callers have no answer, when the log did not take what was decided.
fn unwritten(error: AppendError) -> ExecuteError {
    let message = error.to_string();
    match error {
        AppendError::Full { .. } => ExecuteError::Full(message),
        AppendError::TooLarge { .. } => ExecuteError::TooLarge(message),
        AppendError::NotLeading { leader, .. } => ExecuteError::NotLeading { leader, message },
        AppendError::Conflict { .. } => {
            ExecuteError::NotLeading { leader: None, message: "another replica appended".into() }
        }
        AppendError::Unavailable(_) | AppendError::Fatal(_) => ExecuteError::Unavailable(message),
    }
}

/// Nobody knows what is on disk: the next start reads the truth. Never retries.
fn die(error: &dyn std::error::Error) -> ! {
    tracing::error!(%error, "the log cannot go on; the process ends, and the next start reads what is durable");
    std::process::exit(70)
}
