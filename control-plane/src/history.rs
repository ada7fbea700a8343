//! The past: the events of the log as they were, and the state at any revision, by replaying.

use std::sync::Arc;

use countersign_proto::convert::{InvalidField, record_from_proto, snapshot_from_proto};
use countersign_proto::{store, v1};
use countersign_shared::event::Record;
use countersign_shared::state::State;
use prost::Message;

use crate::log::{LogReader, ReadError, SnapshotStore, StoredRecord};

/// How many records a replay reads at a time.
const READ_RECORDS_MAX: usize = 4_096;

#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(
        "the event at revision {revision} cannot be read: {why}. Start the version of Countersign that wrote it"
    )]
    Event { revision: u64, why: String },
    #[error("revision {revision} is still to come: the log is at {head}")]
    ToCome { revision: u64, head: u64 },
}

#[derive(Clone)]
pub struct History {
    pub reader: Arc<dyn LogReader>,
    pub snapshots: Arc<SnapshotStore>,
}

impl std::fmt::Debug for History {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("History").field("head", &self.reader.head()).finish_non_exhaustive()
    }
}

impl History {
    /// The state right after a revision; at 0 it is empty.
    pub fn state_at(&self, revision: u64) -> Result<State, HistoryError> {
        let head = self.reader.head().revision;
        if revision > head {
            return Err(HistoryError::ToCome { revision, head });
        }
        let mut state = self.snapshot_before(revision);
        replay(&*self.reader, &mut state, revision, |_| {})?;
        Ok(state)
    }

    /// The last revision whose event happened at or before a time; 0 where there is none. Time
    /// never runs backwards in the log, so that it is found by halves.
    pub fn last_revision_at(&self, time_ms: i64) -> Result<u64, HistoryError> {
        let (mut before, mut after) = (0, self.reader.head().revision + 1);
        while after - before > 1 {
            let middle = before.midpoint(after);
            let Some(stored) = self.reader.read(middle, 1)?.pop() else { break };
            if decode(&stored)?.at.time_ms <= time_ms { before = middle } else { after = middle }
        }
        Ok(before)
    }

    /// The newest stored state that is not after a revision; the empty one, where there is none.
    pub fn snapshot_before(&self, revision: u64) -> State {
        let hash_at = |revision| self.reader.hash_at(revision).ok().flatten();
        let Some(snapshot) = self.snapshots.load_newest(revision, hash_at) else {
            return State::default();
        };
        let parsed = store::v1::Snapshot::decode(snapshot.bytes.clone())
            .map_err(|e| InvalidField::new("snapshot", e))
            .and_then(|message| snapshot_from_proto(&message));
        parsed.unwrap_or_else(|error| {
            tracing::warn!(%error, revision = snapshot.revision, "passing over a snapshot: replaying the whole log");
            State::default()
        })
    }
}

/// Applies all events after the state's own revision, up to and including `until`, and shows
/// each with the state after it. (A clone of the state for each event would make each copy
/// what it changes.)
pub fn replay(
    reader: &dyn LogReader,
    state: &mut State,
    until: u64,
    mut seen: impl FnMut((&StoredRecord, &Record, &State)),
) -> Result<(), HistoryError> {
    each_after(reader, state.head().revision, until, |stored, record| {
        state.apply(record);
        seen((stored, record, state));
    })
}

/// Shows all events after a revision, up to and including `until`.
pub fn each_after(
    reader: &dyn LogReader,
    mut revision: u64,
    until: u64,
    mut seen: impl FnMut(&StoredRecord, &Record),
) -> Result<(), HistoryError> {
    while revision < until {
        let most = usize::try_from(until - revision).unwrap_or(usize::MAX);
        for stored in reader.read(revision + 1, most.min(READ_RECORDS_MAX))? {
            revision = stored.revision;
            seen(&stored, &decode(&stored)?);
        }
    }
    Ok(())
}

/// The event as it is stored, ciphertext and all.
pub fn decode_event(stored: &StoredRecord) -> Result<v1::Event, HistoryError> {
    let invalid = |why: String| HistoryError::Event { revision: stored.revision, why };
    let event = v1::Event::decode(stored.bytes.clone()).map_err(|e| invalid(e.to_string()))?;
    if event.revision != stored.revision {
        return Err(invalid(format!("it says that it is revision {}", event.revision)));
    }
    Ok(event)
}

pub(crate) fn decode(stored: &StoredRecord) -> Result<Record, HistoryError> {
    let event = decode_event(stored)?;
    record_from_proto(&event)
        .map_err(|e| HistoryError::Event { revision: stored.revision, why: e.to_string() })
}
