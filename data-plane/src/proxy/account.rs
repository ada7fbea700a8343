//! What is told of a request when it is answered: always the counters, and of those few whose turn it
//! is a record. An answered request costs two looks at the clock, which all others share.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Instant;

use http::HeaderMap;
use http::request::Parts;
use http_body::Body;

use super::access::{Outcome, Record};
use super::answer::Reply;
use super::body::InboundBody;
use super::client::Client;
use super::worker::Worker;
use crate::clock;
use crate::table::{Place, Route};
use crate::telemetry::{RouteClass, WorkerMeters};

pub(super) struct Account<'w> {
    meters: &'w WorkerMeters,
    began: Instant,
    answered_at: Cell<Option<Instant>>,
    class: Cell<RouteClass>,
    tries: Cell<u32>,
    record: RefCell<Option<Box<Record>>>,
}

impl<'w> Account<'w> {
    /// Of a request as it was received.
    pub(super) fn open(client: &'w Client, head: &Parts, body: &InboundBody) -> Self {
        let worker: &'w Worker = &client.worker;
        let began = clock::now();
        let turns = (worker.access_log.is_next(), worker.tracer.begin(head));
        let record = (turns.0 || turns.1.is_some()).then(|| {
            let asks = client.peer.client(&head.headers, worker.trusted());
            Box::new(Record::new(head, body.size_hint().exact(), asks, began, turns))
        });
        Self {
            meters: &worker.meters,
            began,
            answered_at: Cell::new(None),
            class: Cell::default(),
            tries: Cell::new(0),
            record: RefCell::new(record),
        }
    }

    /// When the head of the request had come.
    pub(super) fn began(&self) -> Instant {
        self.began
    }

    pub(super) fn routed(&self, class: RouteClass, route: &Route) {
        self.class.set(class);
        self.note(|record| record.route = Some(route.definition().path.clone()));
    }

    /// Tells the backend of the trace, where there is one.
    pub(super) fn trace_on(&self, headers: &mut HeaderMap) {
        self.note(|record| record.trace_on(headers));
    }

    /// The request is about to be sent there.
    pub(super) fn tries(&self, place: &Place) {
        self.tries.set(self.tries.get() + 1);
        self.meters.tried();
        self.note(|record| record.backend = Some(Arc::clone(&place.address)));
    }

    /// The backend was asked, and has answered now.
    pub(super) fn backend_answered(&self, asked: Instant, now: Instant) {
        self.answered_at.set(Some(now));
        let after = now.saturating_duration_since(asked);
        self.meters.backend_answered(after);
        self.note(|record| record.backend_time = after);
    }

    /// The head of the answer is ready. `refusal`: the code of an answer of our own, else empty.
    pub(super) fn close(self, reply: &mut Reply, refusal: &'static str) {
        let now = self.answered_at.get().unwrap_or_else(clock::now);
        let after = now.saturating_duration_since(self.began);
        let (class, status) = (self.class.get(), reply.status);
        self.meters.answered(class, status, after);
        if let Some(mut record) = self.record.take() {
            let treated = (class, self.tries.get());
            record.outcome = Outcome::new(treated, (status, refusal), after, &reply.request_id);
            reply.body.record(record);
        }
    }

    fn note(&self, what: impl FnOnce(&mut Record)) {
        if let Some(record) = &mut *self.record.borrow_mut() {
            what(record);
        }
    }
}
