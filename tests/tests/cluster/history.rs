//! What clients were told, and whether the log bears it out.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use countersign_proto::v1::Event;
use countersign_proto::v1::event::Payload;

/// A write that was acknowledged.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub(crate) request_id: String,
    /// The revision that it expected.
    pub(crate) on: Option<u64>,
    pub(crate) revision: u64,
    pub(crate) begun: Instant,
    pub(crate) ended: Instant,
}

/// Shared by all who write.
#[derive(Debug, Clone, Default)]
pub(crate) struct History(Arc<Parts>);

#[derive(Debug, Default)]
struct Parts {
    written: Mutex<Vec<Written>>,
    refused: Mutex<Vec<String>>,
    asked_again: AtomicUsize,
}

/// What came of it. What was lost or repeated would have ended the test.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) acknowledged: usize,
    races_lost: usize,
    asked_again: usize,
    events: usize,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acknowledged, races_lost, asked_again, events } = self;
        write!(
            f,
            "{acknowledged} writes acknowledged, 0 lost, 0 repeated, in {events} events; {races_lost} refused \
             for another revision, {asked_again} calls without an answer asked again"
        )
    }
}

impl History {
    pub(crate) fn write(&self, written: Written) {
        self.0.written.lock().unwrap().push(written);
    }

    pub(crate) fn refuse(&self, request_id: String) {
        self.0.refused.lock().unwrap().push(request_id);
    }

    pub(crate) fn ask_again(&self) {
        self.0.asked_again.fetch_add(1, Relaxed);
    }

    pub(crate) fn asked_again(&self) -> usize {
        self.0.asked_again.load(Relaxed)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.written.lock().unwrap().len()
    }

    /// Writes acknowledged since a moment, and the longest time without one.
    pub(crate) fn since(&self, begun: Instant) -> (usize, Duration) {
        let written = self.0.written.lock().unwrap();
        let mut ends: Vec<Instant> =
            written.iter().map(|it| it.ended).filter(|end| *end >= begun).collect();
        ends.sort();
        let count = ends.len();
        ends.insert(0, begun);
        ends.push(Instant::now());
        let gaps = ends.windows(2).map(|pair| pair[1] - pair[0]);
        (count, gaps.max().unwrap_or_default())
    }
}

/// Panics where the log says anything else than the clients were told.
pub(crate) fn check(history: &History, log: &[Event]) -> Outcome {
    let mut places: HashMap<&str, u64> = HashMap::new();
    for (event, revision) in log.iter().zip(1..) {
        assert_eq!(event.revision, revision, "a gap in the log");
        let id = event.request_id.as_str();
        assert!(id.is_empty() || places.insert(id, revision).is_none(), "{id} came twice");
    }
    let mut written = history.0.written.lock().unwrap().clone();
    for write in &written {
        let place = places.get(write.request_id.as_str());
        assert_eq!(place, Some(&write.revision), "{write:?} is not where it was acknowledged");
        let expected = write.on.is_none_or(|on| on + 1 == write.revision);
        assert!(expected, "{write:?} is not on what it expected");
    }
    let refused = history.0.refused.lock().unwrap();
    for id in refused.iter() {
        assert!(!places.contains_key(id.as_str()), "{id} was refused, and carried out");
    }
    // Whatever was acknowledged before another write began comes before it.
    written.sort_by_key(|write| write.revision);
    let mut begun_after: Option<Instant> = None;
    for write in &written {
        assert!(begun_after.is_none_or(|latest| write.ended >= latest), "{write:?} comes too late");
        begun_after = begun_after.max(Some(write.begun));
    }
    assert_bindings(log);
    Outcome {
        acknowledged: written.len(),
        races_lost: refused.len(),
        asked_again: history.0.asked_again.load(Relaxed),
        events: log.len(),
    }
}

/// One binding for each API and environment, at each revision.
fn assert_bindings(log: &[Event]) {
    let mut bound: HashMap<(String, String), String> = HashMap::new();
    for event in log {
        let revision = event.revision;
        match event.payload.clone() {
            Some(Payload::KeyBound(it)) => {
                let before = bound.insert((it.api, it.environment), it.signature_key);
                assert_eq!(before, None, "revision {revision} binds what is bound");
            }
            Some(Payload::KeyRebound(it)) => {
                let before = bound.insert((it.api, it.environment), it.signature_key);
                assert_eq!(before, Some(it.former_signature_key), "revision {revision}");
            }
            Some(Payload::KeyUnbound(it)) => {
                let before = bound.remove(&(it.api, it.environment));
                assert_eq!(before, Some(it.signature_key), "revision {revision}");
            }
            _ => {}
        }
    }
}
