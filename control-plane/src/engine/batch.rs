//! A batch: commands that are decided one after the other, each on the state that those before
//! it will leave, and then wait for the same flush. It writes nothing and publishes nothing.

use std::sync::Arc;

use countersign_proto::convert::record_to_proto;
use countersign_shared::event::Record;
use countersign_shared::stamp::Stamp;
use countersign_shared::state::State;
use prost::Message;
use tokio::sync::oneshot;

use super::{ExecuteError, Outcome};
use crate::command::{Answer, Authority, Request};
use crate::decide::{Limits, decide, permit};
use crate::keystore::DataKey;
use crate::rejection::Rejection;

/// A batch that has so many records or bytes takes no further command.
pub const BATCH_RECORDS_MAX: usize = 1_024;
pub const BATCH_BYTES_MAX: usize = 128 * 1024;

pub(super) type Reply = oneshot::Sender<Result<Outcome, ExecuteError>>;

/// A command on its way to the engine, and where its answer goes.
#[derive(Debug)]
pub struct Envelope {
    now_ms: i64,
    request: Request,
    reply: Reply,
}

impl Envelope {
    pub fn new(
        now_ms: i64,
        request: Request,
    ) -> (Self, oneshot::Receiver<Result<Outcome, ExecuteError>>) {
        let (reply, answer) = oneshot::channel();
        (Self { now_ms, request, reply }, answer)
    }

    /// Answers without carrying anything out.
    pub(super) fn refuse(self, why: ExecuteError) {
        // A caller that has gone does not wait for its answer.
        let _ = self.reply.send(Err(why));
    }
}

/// Commands that were decided one after the other and wait for the same flush.
#[derive(Debug)]
pub struct Batch {
    limits: Limits,
    pub(super) scratch: State,
    pub(super) records: Vec<Record>,
    pub(super) encoded: Vec<Vec<u8>>,
    bytes: usize,
    pub(super) data_keys: Vec<DataKey>,
    pub(super) decided: Vec<(Reply, Outcome)>,
}

impl Batch {
    pub(super) fn on(state: &State, limits: Limits) -> Self {
        Self {
            limits,
            scratch: state.clone(),
            records: vec![],
            encoded: vec![],
            bytes: 0,
            data_keys: vec![],
            decided: vec![],
        }
    }

    /// Decides one command on the state that those before it in the batch will leave.
    pub fn take(&mut self, envelope: Envelope) {
        let Envelope { now_ms, request, reply } = envelope;
        match self.decide(now_ms, request) {
            Ok(outcome) => self.decided.push((reply, outcome)),
            Err(rejection) => {
                let _ = reply.send(Err(rejection.into()));
            }
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.encoded.len() < BATCH_RECORDS_MAX && self.bytes < BATCH_BYTES_MAX
    }

    fn decide(&mut self, now_ms: i64, request: Request) -> Result<Outcome, Rejection> {
        // First, so that who may do nothing learns nothing, not even from an answer of before.
        if request.authority == Authority::Granted {
            permit(&self.scratch, &request.origin.actor, &request.command)?;
        }
        if let Some(repeated) = repeated(&self.scratch, &request)? {
            return Ok(repeated);
        }
        let found = self.scratch.head();
        if let Some(expected) =
            request.expected_revision.filter(|expected| *expected != found.revision)
        {
            return Err(Rejection::RevisionMismatch { expected, found: found.revision });
        }
        let events = decide(&self.scratch, &request.command, &self.limits)?;
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
            self.data_keys.extend(request.data_key);
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
