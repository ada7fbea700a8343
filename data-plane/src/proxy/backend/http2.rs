//! HTTP/2 towards backends, by hyper: many requests share a connection of the worker, and another
//! is opened when its streams run out. It owns what an HTTP/2 request looks like and what of an
//! answer goes on: trailers are gRPC's only.

use std::cell::Cell;
use std::error::Error;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, TE};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderName, HeaderValue, Request, Response, Uri, Version};
use http_body::{Body, Frame};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioIo, TokioTimer};
use tracing::debug;

use super::answer::Answer;
use super::connect::connect;
use super::target::{InFlight, Target};
use super::{Call, Failed, Terms, is_safe};
use crate::proxy::body::OutboundBody;
use crate::proxy::grpc;
use crate::proxy::http2::LocalTasks;

/// As for an answer of HTTP/1.1.
const HEADERS_BYTES_MAX: u32 = 128 * 1024;
/// What may come in unread, of one answer and of all answers of a connection.
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 4 * 1024 * 1024;
/// Before the backend has said how many it allows.
const STREAMS_MAX_AT_FIRST: usize = 100;
/// How a connection that has gone silent in the middle of answers is found out.
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_PATIENCE: Duration = Duration::from_secs(10);

/// A connection that many requests share.
#[derive(Debug)]
pub(super) struct Multiplexed {
    sender: SendRequest<OutboundBody>,
    streams: Rc<Streams>,
    pub(super) address: SocketAddr,
    /// Since a look at it that found no request on it.
    idle_since: Cell<Option<Instant>>,
}

#[derive(Debug)]
struct Streams {
    in_use: Cell<usize>,
    /// What the backend allows.
    most: Cell<usize>,
}

/// A request on a connection; counts as long as it is there.
#[derive(Debug)]
struct Stream {
    streams: Rc<Streams>,
    _in_flight: InFlight,
}

/// What of an answer's body is still to be read.
#[derive(Debug)]
pub(super) struct Http2Body {
    incoming: Incoming,
    is_grpc: bool,
    /// Dropped at the end.
    stream: Option<Stream>,
}

pub(super) async fn exchange(call: Call<'_>, mut body: OutboundBody) -> Result<Answer, Failed> {
    let Call { target, now, .. } = call;
    let mut is_first = true;
    loop {
        let in_flight = target.begin();
        let shared = if is_first { target.free_stream() } else { None };
        let is_new = shared.is_none();
        if is_new && target.is_full(target.multiplexed.borrow().len()) {
            return Err(Failed::Full(body));
        }
        let opened = match shared {
            Some(shared) => Some(shared),
            None => open(call, is_first).await,
        };
        let Some((mut sender, streams)) = opened else {
            target.failed(now());
            return Err(Failed::Unreachable(body));
        };
        let stream = Stream::new(streams, in_flight);
        let again = body.again();
        let request = request_of(call, body).ok_or(Failed::Broken)?;
        let mut unsent = match sender.try_send_request(request).await {
            Ok(response) => {
                target.answered();
                return answer_of(response, stream).ok_or(Failed::Broken);
            }
            Err(unsent) => unsent,
        };
        debug!(error = %unsent.error(), "no answer from the backend");
        let failure = match unsent.take_message() {
            // It never got onto the connection.
            Some(request) => Failed::Unreachable(request.into_body()),
            None => unanswered(call.head, unsent.error(), again),
        };
        // A connection that was there before may have been about to close: that is nobody's fault.
        match failure {
            Failed::Unreachable(again) | Failed::Unanswered(again) if !is_new => body = again,
            Failed::Request => return Err(Failed::Request),
            failure => {
                target.failed(now());
                return Err(failure);
            }
        }
        is_first = false;
    }
}

/// A new connection; where somebody else has just made one, that one.
async fn open(call: Call<'_>, may_share: bool) -> Option<(SendRequest<OutboundBody>, Rc<Streams>)> {
    let Call { target, place, .. } = call;
    let _opening = target.opening.lock().await;
    if may_share && let Some(shared) = target.free_stream() {
        return Some(shared);
    }
    let (stream, address) = connect(call).await?;
    let handshake = Builder::new(LocalTasks)
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .initial_max_send_streams(STREAMS_MAX_AT_FIRST)
        .max_header_list_size(HEADERS_BYTES_MAX)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_PATIENCE)
        .handshake(TokioIo::new(stream));
    let (sender, connection) = match handshake.await {
        Ok(made) => made,
        Err(error) => {
            debug!(address = %place.address, %error, "no HTTP/2 with the backend");
            return None;
        }
    };
    let streams = Rc::new(Streams { in_use: Cell::new(0), most: Cell::new(STREAMS_MAX_AT_FIRST) });
    let allowed = Rc::clone(&streams);
    tokio::task::spawn_local(async move {
        let mut connection = pin!(connection);
        let ended = poll_fn(|cx| {
            let polled = connection.as_mut().poll(cx);
            allowed.most.set(connection.current_max_send_streams());
            polled
        });
        if let Err(error) = ended.await {
            debug!(%error, "a connection to a backend ended early");
        }
    });
    let shared = (sender.clone(), Rc::clone(&streams));
    let idle_since = Cell::new(None);
    target.multiplexed.borrow_mut().push(Multiplexed { sender, streams, address, idle_since });
    Some(shared)
}

impl Target {
    /// The connection with the most to do that has room for one more, so that the others get the
    /// chance to become idle.
    fn free_stream(&self) -> Option<(SendRequest<OutboundBody>, Rc<Streams>)> {
        self.follow_name();
        let mut all = self.multiplexed.borrow_mut();
        all.retain(|connection| !connection.sender.is_closed());
        let with_room = all.iter().filter(|connection| connection.has_room());
        let chosen = with_room.max_by_key(|connection| connection.streams.in_use.get())?;
        chosen.idle_since.set(None);
        Some((chosen.sender.clone(), Rc::clone(&chosen.streams)))
    }
}

impl Multiplexed {
    fn has_room(&self) -> bool {
        self.streams.in_use.get() < self.streams.most.get()
    }

    /// Whether it is worth keeping. It is idle from the first look that finds it so.
    pub(super) fn is_wanted(&self, now: Instant, idle_time_max: Duration) -> bool {
        if self.streams.in_use.get() > 0 {
            self.idle_since.set(None);
            return !self.sender.is_closed();
        }
        let since = self.idle_since.get().unwrap_or(now);
        self.idle_since.set(Some(since));
        !self.sender.is_closed() && now.saturating_duration_since(since) < idle_time_max
    }
}

impl Stream {
    fn new(streams: Rc<Streams>, in_flight: InFlight) -> Self {
        streams.in_use.set(streams.in_use.get() + 1);
        Self { streams, _in_flight: in_flight }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let in_use = &self.streams.in_use;
        in_use.set(in_use.get().saturating_sub(1));
    }
}

/// The request as HTTP/2 has it: the Host, which is signed, is its authority.
fn request_of(call: Call<'_>, body: OutboundBody) -> Option<Request<OutboundBody>> {
    let Call { head, place, terms: Terms { ours, .. }, .. } = call;
    let mut headers = head.headers.clone();
    let mut all_said = Some(());
    ours.say_all(|name, value| match HeaderValue::from_bytes(value) {
        Ok(mut value) => {
            let name = HeaderName::from_static(name);
            // It is kept out of the tables of header compression.
            value.set_sensitive(name == AUTHORIZATION);
            headers.insert(name, value);
        }
        Err(_) => all_said = None,
    });
    all_said?;
    let mut uri = http::uri::Parts::default();
    uri.scheme = Some(if place.tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP });
    uri.authority = Some(Authority::try_from(ours.host.as_bytes()).ok()?);
    uri.path_and_query =
        Some(head.uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/")));
    if grpc::is_call(&headers) {
        // gRPC finds out by it whether something on the way drops trailers.
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    let mut request = Request::new(body);
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = Uri::from_parts(uri).ok()?;
    *request.version_mut() = Version::HTTP_2;
    *request.headers_mut() = headers;
    Some(request)
}

/// None where two lengths would go on.
fn answer_of(response: Response<Incoming>, stream: Stream) -> Option<Answer> {
    let (head, incoming) = response.into_parts();
    if head.headers.get_all(CONTENT_LENGTH).iter().nth(1).is_some() {
        return None;
    }
    let body = Http2Body { incoming, is_grpc: grpc::is_call(&head.headers), stream: Some(stream) };
    Some(Answer::of_http2(head.status, head.headers, body))
}

/// What becomes of a request that was sent and got no answer.
fn unanswered(head: &Parts, error: &hyper::Error, again: Option<OutboundBody>) -> Failed {
    match again {
        // The request's own body broke off.
        _ if error.is_user() => Failed::Request,
        Some(again) if was_left_alone(error) => Failed::Unreachable(again),
        Some(again) if is_safe(&head.method) => Failed::Unanswered(again),
        _ => Failed::Broken,
    }
}

/// Whether the backend says itself that it has done nothing: RFC 9113, 8.7. So a backend that is
/// restarted loses no request, whatever its method.
fn was_left_alone(error: &hyper::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<h2::Error>());
    cause.is_some_and(|cause| {
        let is_graceful = cause.is_go_away() && cause.reason() == Some(h2::Reason::NO_ERROR);
        cause.is_remote() && (is_graceful || cause.reason() == Some(h2::Reason::REFUSED_STREAM))
    })
}

impl Http2Body {
    /// The whole body, where there is none.
    pub(super) fn take_whole(&mut self) -> Option<Bytes> {
        if !self.incoming.is_end_stream() {
            return None;
        }
        self.stream = None;
        Some(Bytes::new())
    }

    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let frame = ready!(Pin::new(&mut self.incoming).poll_frame(cx));
        if frame.as_ref().is_none_or(Result::is_err) {
            self.stream = None;
        }
        let frame = frame.map(|frame| frame.map_err(io::Error::other));
        let goes_on = |frame: &io::Result<Frame<Bytes>>| {
            self.is_grpc || frame.as_ref().map_or(true, |frame| !frame.is_trailers())
        };
        Poll::Ready(frame.filter(goes_on))
    }

    pub(super) fn bytes_left(&self) -> Option<u64> {
        self.incoming.size_hint().exact()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.incoming.is_end_stream()
    }
}
