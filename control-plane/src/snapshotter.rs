//! Writes a state snapshot every so many events, on a thread of its own: a shortcut for the next
//! start, never a source of truth. A failure is logged and costs nothing but a longer start.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

use countersign_proto::convert::snapshot_to_proto;
use countersign_shared::state::State;
use prost::Message;

use crate::log::{Head, SnapshotStore};

/// Events between two snapshots, at least.
pub const SNAPSHOT_EVENTS: u64 = 8_192;
/// And at least one for so many things in the state: a state of a million APIs is hundreds of megabytes,
/// which nobody should write again for each few thousand events.
const THINGS_PER_EVENT: usize = 8;

#[derive(Debug)]
pub struct Snapshotter {
    last: u64,
    /// Where there is none, there are no snapshots.
    due: Option<SyncSender<(State, Head)>>,
}

impl Snapshotter {
    /// Never writes any: for a log that is not on a disk.
    pub fn none() -> Self {
        Self { last: 0, due: None }
    }

    /// `last` is the revision of the newest snapshot, or where counting begins.
    pub fn spawn(store: Arc<SnapshotStore>, last: u64) -> std::io::Result<Self> {
        let (due, waiting) = sync_channel::<(State, Head)>(1);
        std::thread::Builder::new().name("snapshots".into()).spawn(move || {
            for (state, head) in waiting {
                let bytes = snapshot_to_proto(&state).encode_to_vec();
                match store.save(head.revision, head.hash, &bytes) {
                    Ok(()) => tracing::info!(revision = head.revision, bytes = bytes.len(), "state snapshot written"),
                    Err(error) => tracing::warn!(%error, revision = head.revision, "state snapshot not written"),
                }
            }
        })?;
        Ok(Self { last, due: Some(due) })
    }

    /// Takes the state if one is due and the thread is free; otherwise the next commit offers again.
    pub fn offer(&mut self, state: &State, head: Head) {
        let things = state.apis().len() + state.publications().len() + state.bindings().len();
        let interval = SNAPSHOT_EVENTS.max((things / THINGS_PER_EVENT) as u64);
        if head.revision < self.last + interval {
            return;
        }
        if self.due.as_ref().is_some_and(|due| due.try_send((state.clone(), head)).is_ok()) {
            self.last = head.revision;
        }
    }
}
