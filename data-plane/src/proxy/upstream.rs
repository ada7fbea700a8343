//! One exchange with a backend: a connection, the request, the head of the answer, all within
//! the API's timeout. A request is sent again only where it cannot have reached the backend, or
//! where it is safe and a connection from the pool had been closed meanwhile.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tracing::debug;

use super::body::OutboundBody;
pub(super) use super::pool::Lease;
use super::pool::Pool;
use crate::table::Place;

const CONNECT_TIMEOUT_MAX: Duration = Duration::from_secs(2);
/// A connection that was idle for less than this is trusted to be open still; for any other a
/// copy of a safe request is kept.
const TRUSTED_IDLE_TIME: Duration = Duration::from_millis(200);

/// What goes wrong in one try.
#[derive(Debug)]
pub(super) enum Failed {
    /// The request never reached the backend: here it is again.
    Unsent(Request<OutboundBody>),
    /// A pooled connection had been closed; the request may be sent again over a new one.
    Stale(Request<OutboundBody>),
    Broken,
}

/// Which connection a request may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    Any,
    New,
}

/// Sends the request once.
pub(super) async fn send(
    pool: &Rc<Pool>,
    place: &Place,
    over: Over,
    request: Request<OutboundBody>,
    connect_timeout: Duration,
    now: Instant,
) -> Result<(Response<Incoming>, Lease), Failed> {
    let pooled = if over == Over::Any { pool.take(&place.address, now) } else { None };
    let mut lease = match pooled {
        Some(lease) => lease,
        None => match Box::pin(connect(&place.address, connect_timeout)).await {
            Some(sender) => pool.lease(Arc::clone(&place.address), sender, None),
            None => return Err(Failed::Unsent(request)),
        },
    };
    let copy = match lease.idle_for {
        Some(idle_for) if idle_for >= TRUSTED_IDLE_TIME => copy_of_safe(&request),
        _ => None,
    };
    match lease.sender.try_send_request(request).await {
        Ok(response) => Ok((response, lease)),
        Err(mut error) => {
            let unsent = error.take_message();
            debug!(address = %place.address, error = %error.error(), "a request got no answer");
            match (unsent, copy) {
                (Some(request), _) if lease.idle_for.is_some() => Err(Failed::Stale(request)),
                (Some(request), _) => Err(Failed::Unsent(request)),
                (None, Some(copy)) if error.error().is_incomplete_message() => {
                    Err(Failed::Stale(copy))
                }
                (None, _) => Err(Failed::Broken),
            }
        }
    }
}

async fn connect(
    address: &Arc<str>,
    patience: Duration,
) -> Option<http1::SendRequest<OutboundBody>> {
    let opened = timeout(patience.min(CONNECT_TIMEOUT_MAX), TcpStream::connect(&**address)).await;
    let stream = match opened {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            debug!(%address, %error, "no connection to the backend");
            return None;
        }
        Err(_) => {
            debug!(%address, "no connection to the backend in time");
            return None;
        }
    };
    stream.set_nodelay(true).ok()?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    tokio::task::spawn_local(connection);
    Some(sender)
}

fn copy_of_safe(request: &Request<OutboundBody>) -> Option<Request<OutboundBody>> {
    let is_safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let body = request.body().again().filter(|_| is_safe)?;
    let mut copy = Request::new(body);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    Some(copy)
}
