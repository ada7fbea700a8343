//! What was acknowledged, and the question whether the log still has it: every write at its
//! revision, with its content, once, and no revision missing.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use countersign_proto::v1::event::Payload;
use countersign_proto::v1::{Event, ListEventsRequest};
use countersign_tests::Management;

const PAGE_SIZE: i32 = 1_000;

/// A write whose reply has come.
#[derive(Debug, Clone)]
pub(crate) struct Acknowledged {
    pub(crate) revision: u64,
    pub(crate) request_id: String,
    pub(crate) payload: Payload,
}

/// Shared by all who write.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    acknowledged: Arc<Mutex<Vec<Acknowledged>>>,
    asked_again: Arc<AtomicUsize>,
}

impl Ledger {
    pub(crate) fn acknowledge(&self, write: Acknowledged) {
        self.acknowledged.lock().unwrap().push(write);
    }

    /// A call ended without an answer, and is repeated with the same request id.
    pub(crate) fn ask_again(&self) {
        self.asked_again.fetch_add(1, Relaxed);
    }

    pub(crate) fn asked_again(&self) -> usize {
        self.asked_again.load(Relaxed)
    }

    pub(crate) fn so_far(&self) -> Vec<Acknowledged> {
        self.acknowledged.lock().unwrap().clone()
    }
}

/// The whole log, in order. Panics where a revision is missing, or a request was carried out twice.
pub(crate) async fn read_log(management: &Management) -> Vec<Event> {
    let mut log: Vec<Event> = Vec::new();
    let mut page_token = String::new();
    loop {
        let request =
            ListEventsRequest { page_size: PAGE_SIZE, page_token, ..ListEventsRequest::default() };
        let page = management.events().list_events(request).await.unwrap().into_inner();
        log.extend(page.events);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let mut request_ids = HashSet::new();
    for (event, revision) in log.iter().zip(1..) {
        assert_eq!(event.revision, revision, "a gap in the log");
        // Each request of these suites makes one event.
        let id = &event.request_id;
        assert!(id.is_empty() || request_ids.insert(id), "{id} was carried out twice");
    }
    log
}

pub(crate) fn assert_kept(acknowledged: &[Acknowledged], log: &[Event]) {
    for write in acknowledged {
        let at = usize::try_from(write.revision - 1).unwrap();
        let event = log.get(at).unwrap_or_else(|| {
            panic!("{write:?} was acknowledged, and the log ends at {}", log.len())
        });
        assert_eq!(event.request_id, write.request_id, "revision {} is another's", write.revision);
        assert_eq!(event.payload.clone().map(without_secret_id), Some(write.payload.clone()));
    }
}

/// No reply tells it, so it cannot be told what it should be.
fn without_secret_id(mut payload: Payload) -> Payload {
    let secret = match &mut payload {
        Payload::SignatureKeyCreated(created) => &mut created.secret,
        Payload::SecretReplaced(replaced) => &mut replaced.secret,
        _ => return payload,
    };
    secret.as_mut().expect("a secret").secret_id.clear();
    payload
}
