//! The backend's side of the proxy: one exchange over a connection of the worker's pool. A
//! request is sent again only where it cannot have done anything: it never got onto a
//! connection, or not a byte of an answer came and the request is safe.
//!
//! This is HTTP/1.1 of our own instead of hyper's client, for two reasons. The framing of both
//! sides has to be ours to judge: a connection is used again only after an exchange that was
//! clean beyond doubt. And hyper's client is a task and three channels per connection, which was
//! a third of what a signed request cost. HTTP/2 frames itself, and is hyper's.

mod answer;
mod choice;
mod connect;
mod connection;
mod head;
mod http1;
mod http1_body;
mod http2;
mod pool;
mod retry_budget;
mod target;
mod tunnel;

use std::rc::Rc;
use std::time::{Duration, Instant};

use countersign_shared::api::BackendProtocol;
use http::Method;
use http::request::Parts;

use super::body::OutboundBody;
use super::ours::Ours;
use crate::table::Place;
pub(super) use answer::{Answer, BackendBody};
pub(super) use pool::Pool;
use target::Target;
pub(super) use tunnel::Tunnel;

/// What an exchange with one place is bound to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms<'t> {
    /// What the gateway says, beside the client's headers.
    pub(super) ours: &'t Ours<'t>,
    /// Whether the backend is asked for a WebSocket, and may answer 101. Only with HTTP/1.1.
    pub(super) upgrade: bool,
    /// For a connection, if the place is not more patient itself.
    pub(super) patience: Duration,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Failed {
    /// There is no connection; the body is untouched.
    Unreachable(OutboundBody),
    /// There are as many connections as there may be; the body is untouched.
    Full(OutboundBody),
    /// Not a byte of an answer came, and the request may be sent again: here is its body.
    Unanswered(OutboundBody),
    /// The answer, or the lack of one, says nothing of what the backend did.
    Broken,
    /// The client's own body broke off.
    Request,
}

/// A request, all but its body, and where it goes: what an exchange is about in either protocol.
#[derive(Clone, Copy)]
struct Call<'t> {
    pool: &'t Pool,
    target: &'t Rc<Target>,
    place: &'t Place,
    head: &'t Parts,
    terms: Terms<'t>,
    now: fn() -> Instant,
}

/// Sends a request to a place of the backend and returns the answer, its body still to be read.
pub(super) async fn exchange(
    pool: &Pool,
    place: &Place,
    head: &Parts,
    body: OutboundBody,
    terms: Terms<'_>,
    now: fn() -> Instant,
) -> Result<Answer, Failed> {
    let target = &pool.target(place);
    let call = Call { pool, target, place, head, terms, now };
    match place.protocol {
        BackendProtocol::Http1 => http1::exchange(call, body).await,
        BackendProtocol::Http2 => Box::pin(http2::exchange(call, body)).await,
    }
}

/// Whether a request may be sent twice without doing anything twice.
fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}
