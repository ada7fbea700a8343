//! A client's connection: requests come in one after another, and it ends when the client, a
//! silence or the node's end says so.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tracing::debug;

use super::alarm::Alarm;
use super::framing::Framing;
use super::io::ClientSocket;
use super::peer::Peer;
use super::worker::Worker;
use crate::clock;

/// How long a client may take for a head, and how long a connection may idle between two.
const HEAD_TIME_MAX: Duration = Duration::from_mins(1);
/// More than a head may have, so that the refusal can say why.
const READ_BUFFER_BYTES_MAX: usize = 192 * 1024;

/// What the requests of one connection share.
pub(super) struct Connection {
    pub(super) worker: Rc<Worker>,
    pub(super) peer: Peer,
    /// Rings when the client takes too long for a head, or the backend for an answer.
    pub(super) alarm: Alarm,
    /// What a second reader makes of the client's bytes.
    pub(super) framing: Rc<RefCell<Framing>>,
}

impl Connection {
    /// The next thing to wait for is a head.
    pub(super) fn expect_head(&self, now: Instant) {
        self.alarm.set(now + HEAD_TIME_MAX);
    }
}

/// Serves a connection to its end.
pub(super) async fn serve(worker: Rc<Worker>, stream: TcpStream, peer: Peer) {
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "a client was gone before its first request");
        return;
    }
    let alarm = Alarm::new(clock::now() + HEAD_TIME_MAX);
    let framing = Rc::new(RefCell::new(Framing::new()));
    let socket = ClientSocket::new(stream, Rc::clone(&framing));
    let shared = Rc::new(Connection { worker, peer, alarm, framing });
    let service = service_fn(|request| {
        let shared = Rc::clone(&shared);
        async move { Ok::<_, std::convert::Infallible>(super::handle(&shared, request).await) }
    });
    let connection = http1::Builder::new()
        .header_read_timeout(None)
        .max_buf_size(READ_BUFFER_BYTES_MAX)
        .serve_connection(TokioIo::new(socket), service);
    let mut connection = pin!(connection);
    let mut drain = pin!(shared.worker.drain.notified());
    // From here on the task is woken when the node drains; whether it does is looked up.
    drain.as_mut().enable();
    let mut is_watching = false;
    let mut is_told = false;
    let served = poll_fn(|cx| {
        if !is_watching {
            is_watching = true;
            is_told = drain.as_mut().poll(cx).is_ready();
        }
        if !is_told && shared.worker.is_draining() {
            is_told = true;
            connection.as_mut().graceful_shutdown();
        }
        match connection.as_mut().poll(cx) {
            Poll::Ready(served) => Poll::Ready(Some(served)),
            Poll::Pending => shared.alarm.poll_rung(cx, clock::now).map(|()| None),
        }
    });
    match served.await {
        Some(Ok(())) => {}
        Some(Err(error)) => debug!(%error, "a connection ended early"),
        None => debug!("a connection was idle for too long"),
    }
}
