//! What one worker counts: words that no other worker writes. Counting is an addition and nothing
//! else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use http::StatusCode;

use super::histogram::Histogram;
use super::{ROUTE_CLASSES, RouteClass, add, count};

/// Status codes 100–599 by their hundreds; anything else counts as the last.
pub(super) const STATUS_CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
/// The codes of the node's own answers, and of connections that it closes without one.
pub(crate) const REJECTIONS: [&str; 19] = [
    "API_NOT_FOUND",
    "BACKEND_ANSWER_BROKEN",
    "BACKEND_TIMEOUT",
    "BACKEND_UNREACHABLE",
    "BAD_REQUEST",
    "BODY_TOO_LARGE",
    "DRAINING",
    "EXPECTATION_FAILED",
    "HEADERS_TOO_LARGE",
    "METHOD_NOT_ALLOWED",
    "NO_CONFIGURATION",
    "OVERLOADED",
    "REQUEST_TIMEOUT",
    "SIGNING_FAILED",
    "TOO_MANY_CONNECTIONS",
    "TOO_MANY_REQUESTS",
    "URI_TOO_LONG",
    "CLIENT_GONE",
    OTHER_REJECTION,
];
const OTHER_REJECTION: &str = "OTHER";

/// How the connections to backends stand.
pub(super) const POOL: [&str; 3] = ["idle", "shared", "in_flight"];

/// What a worker holds towards its backends.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PoolCount {
    /// Connections of HTTP/1.1 that wait for a request.
    pub(crate) idle: usize,
    /// Connections of HTTP/2.
    pub(crate) shared: usize,
    /// Requests that have to be answered.
    pub(crate) in_flight: usize,
}

/// What one worker counts.
#[derive(Debug, Default)]
pub struct WorkerMeters {
    pub(super) requests: [[AtomicU64; STATUS_CLASSES.len()]; ROUTE_CLASSES.len()],
    pub(super) request_latency: [Histogram; ROUTE_CLASSES.len()],
    pub(super) rejections: [AtomicU64; REJECTIONS.len()],
    pub(super) signatures: [AtomicU64; 2],
    pub(super) backend_latency: Histogram,
    pub(super) tries: AtomicU64,
    pub(super) connections_open: AtomicU64,
    pub(super) connections: AtomicU64,
    pub(super) tls_handshakes: [AtomicU64; 2],
    pub(super) received_bytes: AtomicU64,
    pub(super) sent_bytes: AtomicU64,
    pub(super) pool: [AtomicU64; POOL.len()],
}

/// A client's connection, counted as open until it is dropped.
#[derive(Debug)]
pub(crate) struct OpenConnection(Arc<WorkerMeters>);

impl WorkerMeters {
    /// A request was answered so long after its head had come; its answer's body may still follow.
    pub(crate) fn answered(&self, class: RouteClass, status: StatusCode, after: Duration) {
        let hundreds = usize::from(status.as_u16() / 100).clamp(1, STATUS_CLASSES.len());
        let counter = self.requests.get(class as usize).and_then(|row| row.get(hundreds - 1));
        count(counter);
        if let Some(latency) = self.request_latency.get(class as usize) {
            latency.observe(after);
        }
    }

    /// A request or a connection was refused, with one of the codes above.
    pub(crate) fn rejected(&self, code: &str) {
        let at = REJECTIONS.iter().position(|known| *known == code);
        count(self.rejections.get(at.unwrap_or(REJECTIONS.len() - 1)));
    }

    pub(crate) fn signed(&self, class: RouteClass) {
        count(self.signatures.get(class as usize));
    }

    /// A request was sent, or was tried to be.
    pub(crate) fn tried(&self) {
        count(Some(&self.tries));
    }

    pub(crate) fn backend_answered(&self, after: Duration) {
        self.backend_latency.observe(after);
    }

    pub(crate) fn opened(self: &Arc<Self>) -> OpenConnection {
        count(Some(&self.connections));
        add(&self.connections_open, 1);
        OpenConnection(Arc::clone(self))
    }

    /// From a client, under TLS what it meant.
    pub(crate) fn received(&self, bytes: usize) {
        add(&self.received_bytes, bytes as u64);
    }

    /// To a client.
    pub(crate) fn sent(&self, bytes: usize) {
        add(&self.sent_bytes, bytes as u64);
    }

    /// How the pool stands now.
    pub(crate) fn pool_stands(&self, count: PoolCount) {
        let PoolCount { idle, shared, in_flight } = count;
        for (gauge, value) in self.pool.iter().zip([idle, shared, in_flight]) {
            gauge.store(value as u64, Relaxed);
        }
    }

    /// A handshake with a client was made, or failed.
    pub(crate) fn shook_hands(&self, made: bool) {
        count(self.tls_handshakes.get(usize::from(!made)));
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        // Adding the largest number takes one away.
        add(&self.0.connections_open, u64::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_a_refusal_is_counted_by_its_name() {
        let code = include_str!("../proxy/refusal.rs").split("#[cfg(test)]").next().unwrap();
        let is_code = |text: &&str| {
            text.len() > 4 && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
        };
        let codes: Vec<_> = code.split('"').filter(is_code).collect();
        assert!(codes.len() > 10, "{codes:?}");
        for code in codes {
            assert!(REJECTIONS.contains(&code), "{code} is missing in the list");
        }
    }

    #[test]
    fn a_code_that_is_not_known_is_counted_all_the_same() {
        let meters = WorkerMeters::default();
        meters.rejected("DRAINING");
        meters.rejected("SOMETHING_NEW");
        let counted = |code: &str| {
            let at = REJECTIONS.iter().position(|known| *known == code).unwrap();
            meters.rejections[at].load(Relaxed)
        };
        assert_eq!(
            (counted("DRAINING"), counted(OTHER_REJECTION), counted("OVERLOADED")),
            (1, 1, 0)
        );
    }
}
