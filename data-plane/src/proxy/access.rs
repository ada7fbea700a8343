//! The access log: a line for every so-many-th request of a worker. It never has a query, a
//! header's value or a body, for that is where secrets travel.

use std::cell::Cell;
use std::net::IpAddr;
use std::time::Instant;

use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};

use crate::telemetry::RouteClass;

/// Of a path; the rest is cut off.
const PATH_BYTES_MAX: usize = 1024;

pub(super) struct AccessLog {
    /// 0: no request is logged.
    every: u32,
    until_next: Cell<u32>,
}

/// A request that will be logged when it is answered.
pub(super) struct Entry {
    began: Instant,
    client: IpAddr,
    method: Method,
    path: String,
}

impl AccessLog {
    pub(super) fn new(every: u32) -> Self {
        Self { every, until_next: Cell::new(every) }
    }

    /// Notes the request where it is its turn. `client` and `now` are asked only then.
    pub(super) fn note(
        &self,
        head: &Parts,
        client: impl FnOnce() -> IpAddr,
        now: fn() -> Instant,
    ) -> Option<Box<Entry>> {
        let left = self.until_next.get().checked_sub(1)?;
        if left > 0 {
            self.until_next.set(left);
            return None;
        }
        self.until_next.set(self.every);
        let path = head.uri.path();
        let path = path.get(..path.floor_char_boundary(PATH_BYTES_MAX)).unwrap_or(path).to_owned();
        Some(Box::new(Entry { began: now(), client: client(), method: head.method.clone(), path }))
    }
}

impl Entry {
    /// Writes the line. `refusal` is the code of an answer of our own, else empty.
    pub(super) fn answered(
        self,
        request_id: &HeaderValue,
        class: RouteClass,
        (status, refusal): (StatusCode, &str),
        now: Instant,
    ) {
        let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
        tracing::info!(
            target: "access",
            client = %self.client,
            method = %self.method,
            path = self.path,
            route = class.name(),
            status = status.as_u16(),
            refusal,
            answered_us = now.saturating_duration_since(self.began).as_micros(),
            request_id = text(request_id),
            "request"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use http::Request;

    use super::*;
    use crate::clock;

    fn noted(log: &AccessLog, uri: &str) -> Option<Box<Entry>> {
        let (head, ()) = Request::get(uri).body(()).unwrap().into_parts();
        log.note(&head, || Ipv4Addr::LOCALHOST.into(), clock::now)
    }

    #[test]
    fn every_so_many_th_request_is_noted_without_its_query() {
        let log = AccessLog::new(3);
        let notes: Vec<_> = (0..7).map(|_| noted(&log, "/a?secret=x")).collect();
        let paths: Vec<_> = notes.iter().map(|entry| entry.as_ref().map(|e| &*e.path)).collect();
        assert_eq!(paths, [None, None, Some("/a"), None, None, Some("/a"), None]);
        assert!(noted(&AccessLog::new(1), "/").is_some());
        let off = AccessLog::new(0);
        assert!((0..9).all(|_| noted(&off, "/").is_none()));
    }

    #[test]
    fn a_long_path_is_cut_between_characters() {
        let long = format!("/{}", "é".repeat(PATH_BYTES_MAX));
        let path = noted(&AccessLog::new(1), &long).unwrap().path;
        assert_eq!(path.len(), PATH_BYTES_MAX - 1);
    }
}
