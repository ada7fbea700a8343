//! HTTP/2 towards clients, by hyper: each stream is a request of its own. What a stream says is
//! brought into the form that a request of HTTP/1.1 has, so that everything behind reads one form
//! only. It decides nothing.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::BytesMut;
use http::header::{COOKIE, HOST};
use http::request::Parts;
use http::{HeaderValue, Request, Response, Uri};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tracing::debug;

use super::answer::AnswerBody;
use super::body::InboundBody;
use super::client::Client;
use super::counted::ClientStream;
use super::edge::HEADERS_BYTES_MAX;
use super::grpc;
use super::refusal::Refusal;
use super::stream::Begun;
use crate::clock;

/// Requests of one connection at a time.
const STREAMS_MAX: u32 = 100;
/// Streams that the client reset before they were looked at (CVE-2023-44487); beyond it the
/// connection is closed.
const PENDING_RESETS_MAX: usize = 20;
/// Streams that were reset for the client's own errors.
const ERRORS_MAX: usize = 64;
/// What is read ahead of a body, per stream and per connection.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
/// What of an answer is held per stream until the client takes it.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// A client is asked whether it is still there when it was silent for so long,
const PING_INTERVAL: Duration = Duration::from_secs(30);
/// and has so long to answer.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves a connection to its end. `begun` was read of it already.
pub(super) async fn serve(client: Rc<Client>, stream: ClientStream, begun: BytesMut) {
    let open = Rc::new(Open { streams: Cell::new(0), client: Rc::clone(&client) });
    let service = service_fn(|request| {
        let client = client.on_stream(open.stream(), clock::now());
        async move { Ok::<_, Infallible>(answer(&client, request).await) }
    });
    let connection = http2::Builder::new(LocalTasks)
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .max_concurrent_streams(STREAMS_MAX)
        .max_pending_accept_reset_streams(PENDING_RESETS_MAX)
        .max_local_error_reset_streams(ERRORS_MAX)
        .max_header_list_size(u32::try_from(HEADERS_BYTES_MAX).unwrap_or(u32::MAX))
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .serve_connection(TokioIo::new(Begun::new(begun, stream)), service);
    let mut connection = pin!(connection);
    let mut drain = pin!(client.worker.farewell.drain.notified());
    drain.as_mut().enable();
    let mut is_told = false;
    let mut is_closing = false;
    client.expect_head(clock::now());
    let served = poll_fn(|cx| {
        is_told = is_told || drain.as_mut().poll(cx).is_ready();
        loop {
            if let Poll::Ready(served) = connection.as_mut().poll(cx) {
                return Poll::Ready(served);
            }
            let is_idle =
                open.streams.get() == 0 && client.alarm.poll_rung(cx, clock::now).is_ready();
            if is_closing || !(client.worker.farewell.is_draining() || is_idle) {
                return Poll::Pending;
            }
            is_closing = true;
            connection.as_mut().graceful_shutdown();
        }
    });
    if let Err(error) = served.await {
        debug!(%error, "a connection of HTTP/2 ended early");
    }
}

/// How many streams of a connection are being answered.
struct Open {
    streams: Cell<usize>,
    client: Rc<Client>,
}

/// One of them, until its answer has gone out.
pub(super) struct OpenStream(Rc<Open>);

impl Open {
    fn stream(self: &Rc<Self>) -> OpenStream {
        self.streams.set(self.streams.get() + 1);
        self.client.alarm.silence();
        OpenStream(Rc::clone(self))
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let left = self.0.streams.get().saturating_sub(1);
        self.0.streams.set(left);
        if left == 0 {
            self.0.client.expect_head(clock::now());
        }
    }
}

async fn answer(client: &Rc<Client>, request: Request<Incoming>) -> Response<AnswerBody> {
    let (mut head, body) = request.into_parts();
    let is_call = grpc::is_call(&head.headers);
    let mut reply = match to_origin_form(&mut head) {
        Ok(()) => {
            let is_empty = http_body::Body::is_end_stream(&body);
            let body = if is_empty { InboundBody::Empty } else { InboundBody::Http2(body) };
            super::handle(client, &mut head, body).await
        }
        Err(refusal) => super::refuse(client, refusal),
    };
    if is_call {
        grpc::translate(&mut reply);
    }
    reply.into_response()
}

/// As a request of HTTP/1.1 says it: the authority in a Host header, the target without it, and one
/// Cookie header (RFC 9113, 8.2.3).
fn to_origin_form(head: &mut Parts) -> Result<(), Refusal> {
    if let Some(authority) = head.uri.authority() {
        let authority = HeaderValue::from_str(authority.as_str())
            .map_err(|_| Refusal::bad_request("the authority is malformed"))?;
        match head.headers.get(HOST) {
            None => {
                head.headers.insert(HOST, authority);
            }
            Some(host) if host.as_bytes().eq_ignore_ascii_case(authority.as_bytes()) => {}
            Some(_) => {
                return Err(Refusal::bad_request("the authority and the Host header differ"));
            }
        }
    }
    if let Some(target) = head.uri.path_and_query() {
        head.uri = Uri::from(target.clone());
    }
    let mut cookies = head.headers.get_all(COOKIE).iter();
    if let (Some(first), Some(second)) = (cookies.next(), cookies.next()) {
        let mut joined = [first.as_bytes(), b"; ", second.as_bytes()].concat();
        for cookie in cookies {
            joined.extend_from_slice(b"; ");
            joined.extend_from_slice(cookie.as_bytes());
        }
        let joined = HeaderValue::from_bytes(&joined);
        head.headers.insert(COOKIE, joined.map_err(|_| Refusal::HeadersTooLarge)?);
    }
    Ok(())
}

/// hyper's tasks stay on the worker's thread.
#[derive(Debug, Clone, Copy)]
pub(super) struct LocalTasks;

impl<F: Future + 'static> hyper::rt::Executor<F> for LocalTasks {
    fn execute(&self, task: F) {
        tokio::task::spawn_local(async move {
            task.await;
        });
    }
}
