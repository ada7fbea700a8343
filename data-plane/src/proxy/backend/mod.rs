//! The backend's side of the proxy: one exchange over a connection of the worker's pool. A
//! request is sent again only where it cannot have done anything: it never got onto a
//! connection, or not a byte of an answer came and the request is safe.
//!
//! This is HTTP/1.1 of our own instead of hyper's client, for two reasons. The framing of both
//! sides has to be ours to judge: a connection is used again only after an exchange that was
//! clean beyond doubt. And hyper's client is a task and three channels per connection, which was
//! a third of what a signed request cost.

mod answer;
mod choice;
mod connection;
mod head;
mod pool;
mod tunnel;

use std::future::poll_fn;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Method;
use http::request::Parts;
use http::uri::PathAndQuery;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tracing::debug;

use super::body::OutboundBody;
use crate::table::Place;
pub(super) use answer::{Answer, BackendBody};
use connection::{Broken, Check};
use head::Asked;
use pool::Lease;
pub(super) use pool::Pool;
pub(super) use tunnel::Tunnel;

const CONNECT_TIMEOUT_MAX: Duration = Duration::from_secs(2);

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Failed {
    /// There is no connection; the body is untouched.
    Unreachable(OutboundBody),
    /// Not a byte of an answer came, and the request may be sent again: here is its body.
    Unanswered(OutboundBody),
    /// The answer, or the lack of one, says nothing of what the backend did.
    Broken,
    /// The client's own body broke off.
    Request,
}

/// Sends a request to a place of the backend and returns the answer, its body still to be read.
/// On success the request's headers are used up.
pub(super) async fn exchange(
    pool: &Pool,
    place: &Place,
    head: &mut Parts,
    mut body: OutboundBody,
    upgrade: bool,
    patience: Duration,
    now: fn() -> Instant,
) -> Result<Answer, Failed> {
    let target = pool.target(&place.address);
    let is_safe = matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS);
    let check = if is_safe { Check::Known } else { Check::Looked };
    if let Some(lease) = target.take(check) {
        let again = if is_safe { body.again() } else { None };
        match (once(lease, head, body, upgrade).await, again) {
            (Err(Broken::Unanswered), Some(again)) => body = again,
            (done, _) => return done.map_err(Failed::from),
        }
    }
    let Some(stream) = connect(&place.address, patience).await else {
        target.failed(now());
        return Err(Failed::Unreachable(body));
    };
    let again = if is_safe { body.again() } else { None };
    match (once(target.lease(stream), head, body, upgrade).await, again) {
        (Ok(answer), _) => {
            target.answered();
            Ok(answer)
        }
        (Err(Broken::Unanswered), again) => {
            target.failed(now());
            Err(again.map_or(Failed::Broken, Failed::Unanswered))
        }
        (Err(broken), _) => Err(broken.into()),
    }
}

async fn once(
    mut lease: Lease,
    head: &mut Parts,
    body: OutboundBody,
    upgrade: bool,
) -> Result<Answer, Broken> {
    let connection = &mut lease.connection;
    let target = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let asked = Asked { method: &head.method, upgrade };
    connection.begin(asked, target, &head.headers, body);
    let answer = poll_fn(|cx| connection.poll_head(cx, asked, &mut head.headers)).await;
    match answer {
        Ok(answer) => Ok(Answer::new(answer, lease)),
        Err(broken) => {
            debug!(reason = %broken, "no answer from the backend");
            Err(broken)
        }
    }
}

impl From<Broken> for Failed {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Request => Self::Request,
            Broken::Unanswered | Broken::Malformed(_) | Broken::Answer(_) => Self::Broken,
        }
    }
}

async fn connect(address: &Arc<str>, patience: Duration) -> Option<TcpStream> {
    let opening = TcpStream::connect(&**address);
    let opened = Box::pin(timeout(patience.min(CONNECT_TIMEOUT_MAX), opening)).await;
    match opened.unwrap_or_else(|elapsed| Err(elapsed.into())) {
        Ok(stream) => {
            stream.set_nodelay(true).ok()?;
            Some(stream)
        }
        Err(error) => {
            debug!(%address, %error, "no connection to the backend");
            None
        }
    }
}
