//! The service of events: the log as the audit reads it. Ciphertexts stay out of every reply.

use std::pin::Pin;

use countersign_proto::convert::{InvalidField, time_ms};
use countersign_proto::v1;
use countersign_proto::v1::events_server::Events;
use futures_util::Stream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::page::{Page, token};
use super::payload::{PAYLOAD_NAMES, payload_name, touched};
use super::{Api, status, stopped};
use crate::history::{HistoryError, decode_event};
use crate::log::StoredRecord;

/// The events that one call reads at most, whether they pass the filters or not.
const EVENTS_READ_MAX: usize = 100_000;
/// The records read from the log at a time.
const READ_RECORDS_MAX: usize = 1_024;
/// Events that wait for a slow reader of a tail.
const TAIL_QUEUE_MAX: usize = 64;

#[tonic::async_trait]
impl Events for Api {
    async fn list_events(
        &self,
        request: Request<v1::ListEventsRequest>,
    ) -> Result<Response<v1::ListEventsResponse>, Status> {
        let request = request.into_inner();
        let page = Page::<u64>::parse(request.page_size, &request.page_token)?;
        let filter = Filter::parse(request)?;
        let api = self.clone();
        let listed = tokio::task::spawn_blocking(move || list(&api, &page, &filter)).await;
        let listed = listed.map_err(|_| Status::internal("the events could not be read"))?;
        listed.map(Response::new).map_err(|error| status::of_history(&error))
    }

    type TailEventsStream =
        Pin<Box<dyn Stream<Item = Result<v1::TailEventsResponse, Status>> + Send>>;

    async fn tail_events(
        &self,
        request: Request<v1::TailEventsRequest>,
    ) -> Result<Response<Self::TailEventsStream>, Status> {
        let head = self.engine.view().tip.head.revision;
        let from = match request.get_ref().revision_from {
            0 => head + 1,
            from if from > head + 1 => {
                return Err(status::of_history(&HistoryError::ToCome { revision: from, head }));
            }
            from => from,
        };
        let (sender, receiver) = mpsc::channel(TAIL_QUEUE_MAX);
        tokio::spawn(tail(self.clone(), from, sender));
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

async fn tail(
    api: Api,
    mut next: u64,
    sender: mpsc::Sender<Result<v1::TailEventsResponse, Status>>,
) {
    let mut revision = api.engine.revision();
    let mut stopping = api.stopping.clone();
    loop {
        let reader = std::sync::Arc::clone(&api.history.reader);
        let read = tokio::task::spawn_blocking(move || reader.read(next, READ_RECORDS_MAX)).await;
        let Ok(Ok(stored)) = read else { return };
        for stored in &stored {
            next = stored.revision + 1;
            let event = shown(stored).map_err(|error| status::of_history(&error));
            let message = event.map(|event| v1::TailEventsResponse { event: Some(event) });
            if sender.send(message).await.is_err() {
                return;
            }
        }
        if stored.is_empty() {
            tokio::select! {
                () = stopped(&mut stopping) => return,
                () = sender.closed() => return,
                moved = revision.wait_for(|revision| *revision >= next) => if moved.is_err() { return },
            }
        }
    }
}

fn list(
    api: &Api,
    page: &Page<u64>,
    filter: &Filter,
) -> Result<v1::ListEventsResponse, HistoryError> {
    let revision = api.history.reader.head().revision;
    if filter.from > revision + 1 {
        return Err(HistoryError::ToCome { revision: filter.from, head: revision });
    }
    let mut events = Vec::new();
    let mut read = 0;
    let mut next = filter.start(page.after, revision);
    while let Some(from) = next.filter(|_| events.len() < page.size && read < EVENTS_READ_MAX) {
        let stored = if filter.descending {
            api.history.reader.read_back(from, READ_RECORDS_MAX)?
        } else {
            api.history.reader.read(from, READ_RECORDS_MAX)?
        };
        next = None;
        for stored in stored {
            if events.len() == page.size {
                break;
            }
            read += 1;
            next = filter.after(stored.revision);
            let event = shown(&stored)?;
            if !filter.in_range(stored.revision) {
                next = None;
                break;
            }
            if filter.takes(&event) {
                events.push(event);
            }
        }
    }
    // The token names the last revision that was looked at.
    let next_page_token = match next {
        Some(next) if filter.in_range(next) && (1..=revision).contains(&next) => {
            token(if filter.descending { next + 1 } else { next - 1 })
        }
        _ => String::new(),
    };
    Ok(v1::ListEventsResponse { events, next_page_token, revision })
}

/// An event without the ciphertext of its secret.
fn shown(stored: &StoredRecord) -> Result<v1::Event, HistoryError> {
    decode_event(stored).map(v1::Event::without_ciphertext)
}

struct Filter {
    from: u64,
    to: u64,
    time_from_ms: Option<i64>,
    time_to_ms: Option<i64>,
    actor: String,
    resource: String,
    types: Vec<String>,
    request_id: String,
    descending: bool,
}

impl Filter {
    fn parse(request: v1::ListEventsRequest) -> Result<Self, Status> {
        let mut bad: Vec<InvalidField> = Vec::new();
        for (i, name) in request.types.iter().enumerate() {
            if !PAYLOAD_NAMES.contains(&name.as_str()) {
                let rule = format!("`{name}` is none of {}", PAYLOAD_NAMES.join(", "));
                bad.push(InvalidField::new(format!("types[{i}]"), rule));
            }
        }
        let mut time = |field, time: Option<&prost_types::Timestamp>| {
            time.and_then(|time| time_ms(field, time).map_err(|invalid| bad.push(invalid)).ok())
        };
        let time_from_ms = time("time_from", request.time_from.as_ref());
        let time_to_ms = time("time_to", request.time_to.as_ref());
        if !bad.is_empty() {
            return Err(status::invalid(bad));
        }
        Ok(Self {
            from: request.revision_from.max(1),
            to: if request.revision_to == 0 { u64::MAX } else { request.revision_to },
            time_from_ms,
            time_to_ms,
            actor: request.actor,
            resource: request.resource,
            types: request.types,
            request_id: request.request_id,
            descending: request.descending,
        })
    }

    /// The first revision to look at; none where there is nothing.
    fn start(&self, after: Option<u64>, head: u64) -> Option<u64> {
        let first = match (after, self.descending) {
            (Some(after), true) => after.checked_sub(1)?,
            (Some(after), false) => after + 1,
            (None, true) => self.to.min(head),
            (None, false) => self.from,
        };
        (first > 0 && first <= head).then_some(first)
    }

    fn after(&self, revision: u64) -> Option<u64> {
        if self.descending {
            revision.checked_sub(1).filter(|next| *next > 0)
        } else {
            Some(revision + 1)
        }
    }

    fn in_range(&self, revision: u64) -> bool {
        (self.from..=self.to).contains(&revision)
    }

    fn takes(&self, event: &v1::Event) -> bool {
        let time = event.time.as_ref().and_then(|time| time_ms("time", time).ok()).unwrap_or(0);
        self.time_from_ms.is_none_or(|from| time >= from)
            && self.time_to_ms.is_none_or(|to| time < to)
            && (self.actor.is_empty() || self.actor == event.actor)
            && (self.request_id.is_empty() || self.request_id == event.request_id)
            && event.payload.as_ref().is_some_and(|payload| {
                let touched = || touched(payload).contains(&self.resource.as_str());
                (self.types.is_empty()
                    || self.types.iter().any(|name| name == payload_name(payload)))
                    && (self.resource.is_empty() || touched())
            })
    }
}
