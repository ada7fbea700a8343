//! The record of a request that is logged or traced, from its head to the last byte of its answer:
//! a line of the access log, a span, or both, written when the record is dropped. It never has a
//! query, a header's value or a body, for that is where secrets travel.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign_shared::api::ApiPath;
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, Version};

use super::request_id::RequestId;
use super::trace::Span;
use crate::clock;
use crate::telemetry::RouteClass;

/// Of a path; the rest is cut off.
const PATH_BYTES_MAX: usize = 1024;
/// What stands in place of a refusal where the client went away before it had an answer.
const CLIENT_GONE: &str = "CLIENT_GONE";

pub(super) struct Record {
    is_logged: bool,
    span: Option<Span>,
    began: Instant,
    client: IpAddr,
    method: Method,
    path: String,
    version: Version,
    /// Where the client says it beforehand.
    request_bytes: Option<u64>,
    pub(super) route: Option<ApiPath>,
    /// The place that was tried last.
    pub(super) backend: Option<Arc<str>>,
    pub(super) backend_time: Duration,
    pub(super) outcome: Outcome,
    pub(super) answer_bytes: u64,
}

/// How it ended.
pub(super) struct Outcome {
    pub(super) class: RouteClass,
    pub(super) tries: u32,
    /// 0: there was no answer.
    pub(super) status: u16,
    /// The code of an answer of our own, else empty.
    pub(super) refusal: &'static str,
    /// From the head of the request to that of the answer.
    pub(super) after: Duration,
    pub(super) request_id: String,
}

impl Record {
    pub(super) fn new(
        head: &Parts,
        request_bytes: Option<u64>,
        client: IpAddr,
        began: Instant,
        (is_logged, span): (bool, Option<Span>),
    ) -> Self {
        let path = head.uri.path();
        let path = path.get(..path.floor_char_boundary(PATH_BYTES_MAX)).unwrap_or(path).to_owned();
        Self {
            is_logged,
            span,
            began,
            client,
            method: head.method.clone(),
            path,
            version: head.version,
            request_bytes,
            route: None,
            backend: None,
            backend_time: Duration::ZERO,
            outcome: Outcome {
                class: RouteClass::None,
                tries: 0,
                status: 0,
                refusal: CLIENT_GONE,
                after: Duration::ZERO,
                request_id: String::new(),
            },
            answer_bytes: 0,
        }
    }

    /// Tells the backend which span is the parent of its own.
    pub(super) fn trace_on(&self, headers: &mut HeaderMap) {
        if let Some(span) = &self.span {
            span.trace_on(headers);
        }
    }

    fn write(&self, now: Instant) {
        let us = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        tracing::info!(
            target: "access",
            client = %self.client,
            method = %self.method,
            path = self.path,
            protocol = ?self.version,
            route = self.outcome.class.name(),
            status = self.outcome.status,
            refusal = self.outcome.refusal,
            request_bytes = self.request_bytes,
            answer_bytes = self.answer_bytes,
            backend = self.backend.as_deref().unwrap_or_default(),
            tries = self.outcome.tries,
            backend_us = us(self.backend_time),
            answered_us = us(self.outcome.after),
            ended_us = us(now.saturating_duration_since(self.began)),
            request_id = self.outcome.request_id,
            trace_id = self.span.as_ref().map(|span| span.trace_id().to_string()),
            "request"
        );
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if self.is_logged {
            self.write(clock::now());
        }
        if let Some(span) = self.span.take() {
            let route = self.route.as_ref().map(ApiPath::as_str);
            span.end(&self.method, route, self.backend.as_deref(), &self.outcome);
        }
    }
}

impl Outcome {
    pub(super) fn new(
        (class, tries): (RouteClass, u32),
        (status, refusal): (StatusCode, &'static str),
        after: Duration,
        request_id: &RequestId,
    ) -> Self {
        let request_id = request_id.as_str().to_owned();
        Self { class, tries, status: status.as_u16(), refusal, after, request_id }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use http::Request;

    use super::*;

    fn path(uri: &str) -> String {
        let (head, ()) = Request::get(uri).body(()).unwrap().into_parts();
        let client = Ipv4Addr::LOCALHOST.into();
        Record::new(&head, None, client, clock::now(), (false, None)).path.clone()
    }

    #[test]
    fn a_path_has_no_query_and_is_cut_between_characters() {
        assert_eq!(path("/a?secret=x"), "/a");
        let long = format!("/{}", "é".repeat(PATH_BYTES_MAX));
        assert_eq!(path(&long).len(), PATH_BYTES_MAX - 1);
    }
}
