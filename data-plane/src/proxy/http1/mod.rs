//! HTTP/1.1 and 1.0 towards clients: one request after another over a connection, each answered
//! before the next is read. It owns the connection from its first byte to its last; what a request
//! means is decided by `handle`.
//!
//! This is our own instead of hyper's server because the framing of both sides has to be ours to
//! judge, and every refusal ours to explain (docs/decisions).

mod answer;
mod body;
mod head;
mod outgoing;
mod rooms;
mod wire;

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::BytesMut;
use http::{Method, Version};
use tracing::debug;

use super::answer::{AnswerBody, Reply};
use super::backend::Tunnel;
use super::body::InboundBody;
use super::client::Client;
use super::counted::ClientStream;
use super::phase::FIRST_REQUEST_TIME;
use super::refusal::Refusal;
use super::tunnel;
use crate::clock;
use answer::{Asked, Form};
pub(super) use body::WireBody;
use head::RequestHead;
pub(super) use outgoing::{Framing, Outgoing, Stopped};
pub(super) use rooms::Rooms;
use wire::{Heard, Wire};

/// How long a connection is kept for the client to see why it is closed.
const LINGER_TIME: Duration = Duration::from_secs(2);

/// What follows an answer.
enum Next {
    Request,
    /// The client may still be sending: it gets the time to see the answer.
    Linger,
    Close,
    Tunnel(Box<Tunnel>),
}

/// Serves a connection to its end. `begun` was read of it already.
pub(super) async fn serve(client: Rc<Client>, stream: ClientStream, begun: BytesMut) {
    let worker = Rc::clone(&client.worker);
    let wire = Rc::new(RefCell::new(Wire::new(Rc::clone(&worker), stream, begun)));
    let mut drain = pin!(worker.farewell.drain.notified());
    // From here on the task is woken when the node drains; whether it does is looked up.
    poll_fn(|cx| Poll::Ready(drain.as_mut().poll(cx).is_ready())).await;
    client.expect_head(clock::now());
    let mut is_first = true;
    loop {
        let next = match hear(&client, &wire, is_first).await {
            Heard::Request(head) => exchange(&client, &wire, head).await,
            Heard::Refused(refusal) => refuse(&client, &wire, refusal).await,
            Heard::Nothing => return,
        };
        match next {
            Next::Request => is_first = false,
            Next::Close => return shut(&client, &wire).await,
            Next::Linger => return linger(&client, &wire).await,
            Next::Tunnel(backend) => {
                // Nobody else holds the wire any more: the request and its answer are over.
                if let Ok(wire) = Rc::try_unwrap(wire) {
                    let (stream, ahead) = wire.into_inner().into_stream();
                    tunnel::join(&client, stream, ahead, *backend).await;
                }
                return;
            }
        }
    }
}

/// Waits for the next head, until the alarm rings or the node drains; then the first one of a
/// connection gets a moment.
async fn hear(client: &Client, wire: &RefCell<Wire>, is_first: bool) -> Heard {
    let mut is_told = false;
    let mut has_begun = false;
    poll_fn(|cx| {
        let mut wire = wire.borrow_mut();
        if let Poll::Ready(heard) = wire.poll_head(cx) {
            return Poll::Ready(heard);
        }
        if !is_told && client.worker.farewell.is_draining() {
            is_told = true;
            if !is_first && !wire.has_begun() {
                return Poll::Ready(Heard::Nothing);
            }
            client.alarm.set(clock::now() + FIRST_REQUEST_TIME);
        }
        if wire.has_begun() && !has_begun {
            has_begun = true;
            client.expect_more(clock::now());
        }
        client.alarm.poll_rung(cx, clock::now).map(|()| {
            debug!("a connection was idle for too long");
            if wire.has_begun() {
                Heard::Refused(Refusal::RequestTimeout("the head came too slowly"))
            } else {
                Heard::Nothing
            }
        })
    })
    .await
}

/// One request and its answer.
async fn exchange(
    client: &Rc<Client>,
    wire: &Rc<RefCell<Wire>>,
    mut head: Box<RequestHead>,
) -> Next {
    let RequestHead { parts, framing, keeps_alive, expects_continue } = &mut *head;
    let asked = Asked {
        is_head: parts.method == Method::HEAD,
        is_http_11: parts.version == Version::HTTP_11,
        keeps_alive: *keeps_alive,
    };
    wire.borrow_mut().begin_body(*framing, *expects_continue);
    let body = match framing {
        head::Framing::Length(0) => InboundBody::Empty,
        _ => InboundBody::Http1(WireBody::new(wire)),
    };
    let reply = {
        let answer = pin!(super::handle(client, parts, body));
        unless_gone(wire, answer).await
    };
    let Some(reply) = reply else {
        debug!("a client went away before its answer");
        return Next::Close;
    };
    client.worker.rooms.headers_back(std::mem::take(&mut parts.headers));
    send(client, wire, asked, reply).await
}

/// What a client cannot be understood by is answered as everything else is, and nothing more is
/// read from it.
async fn refuse(client: &Rc<Client>, wire: &RefCell<Wire>, refusal: Refusal) -> Next {
    let reply = super::refuse(client, refusal);
    let asked = Asked { is_head: false, is_http_11: true, keeps_alive: false };
    match send(client, wire, asked, reply).await {
        Next::Request => Next::Linger,
        next => next,
    }
}

/// The answer, unless the client is gone before it: then nobody waits for the backend's.
async fn unless_gone<T>(
    wire: &RefCell<Wire>,
    mut answer: Pin<&mut impl Future<Output = T>>,
) -> Option<T> {
    poll_fn(|cx| match answer.as_mut().poll(cx) {
        Poll::Ready(answer) => Poll::Ready(Some(answer)),
        Poll::Pending => wire.borrow_mut().poll_gone(cx).map(|()| None),
    })
    .await
}

/// Sends an answer, and says what follows it.
async fn send(client: &Client, wire: &RefCell<Wire>, mut asked: Asked, reply: Reply) -> Next {
    let worker = &client.worker;
    asked.keeps_alive &= !worker.farewell.is_leaving();
    if !matches!(reply.body, AnswerBody::Stream(_)) {
        // Nothing reads on. What has come of the body is thrown away; the rest is waited for by nobody.
        asked.keeps_alive &= poll_fn(|cx| Poll::Ready(wire.borrow_mut().drain(cx))).await;
    }
    let form = Form::of(asked, &reply);
    let mut out = worker.rooms.answer();
    answer::write(&mut out, asked, form, &reply, || worker.seal.http_date(clock::now()));
    let (body, backend) = match reply.body {
        AnswerBody::Tunnel(backend) => (None, Some(backend)),
        body => (Some(body).filter(|_| form.has_body), None),
    };
    wire.borrow_mut().outgoing.begin(out, form.framing, body);
    if !sent(client, wire).await {
        return Next::Close;
    }
    worker.rooms.answer_back(wire.borrow_mut().outgoing.take_room());
    if let Some(backend) = backend {
        return Next::Tunnel(backend);
    }
    let body_has_ended = poll_fn(|cx| Poll::Ready(wire.borrow_mut().drain(cx))).await;
    match (form.keeps_alive, body_has_ended) {
        (true, true) => Next::Request,
        (false, true) => Next::Close,
        (_, false) => Next::Linger,
    }
}

/// Whether the client took all of the answer.
async fn sent(client: &Client, wire: &RefCell<Wire>) -> bool {
    let mut stalled_at = None;
    poll_fn(|cx| {
        let mut wire = wire.borrow_mut();
        match wire.poll_send(cx) {
            Poll::Ready(Ok(())) => return Poll::Ready(true),
            Poll::Ready(Err(error)) => {
                debug!(%error, "an answer was cut off");
                return Poll::Ready(false);
            }
            Poll::Pending => {}
        }
        let out = &wire.outgoing;
        if !out.waits_for_the_other_side() {
            // For what the backend takes its time for there is no limit here.
            if stalled_at.take().is_some() {
                client.alarm.silence();
            }
        } else if stalled_at != Some(out.bytes_sent()) {
            stalled_at = Some(out.bytes_sent());
            client.expect_more(clock::now());
        }
        client.alarm.poll_rung(cx, clock::now).map(|()| {
            debug!("a client took nothing of its answer for too long");
            false
        })
    })
    .await
}

async fn shut(client: &Client, wire: &RefCell<Wire>) {
    client.alarm.set(clock::now() + LINGER_TIME);
    poll_fn(|cx| match wire.borrow_mut().poll_shutdown(cx) {
        Poll::Ready(()) => Poll::Ready(()),
        Poll::Pending => client.alarm.poll_rung(cx, clock::now),
    })
    .await;
}

async fn linger(client: &Client, wire: &RefCell<Wire>) {
    client.alarm.set(clock::now() + LINGER_TIME);
    poll_fn(|cx| match wire.borrow_mut().poll_linger(cx) {
        Poll::Ready(()) => Poll::Ready(()),
        Poll::Pending => client.alarm.poll_rung(cx, clock::now),
    })
    .await;
}
