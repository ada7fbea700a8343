//! A client's connection from when it is accepted until it is known what it speaks: the handshake of
//! TLS, and a look at the first bytes. It reads no request.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tracing::debug;

use super::client::Client;
use super::counted::ClientStream;
use super::peer::Peer;
use super::phase::FIRST_REQUEST_TIME;
use super::stream::Socket;
use super::tls::Tls;
use super::worker::Worker;
use super::{http1, http2};
use crate::clock;

/// What a client begins with that knows beforehand that HTTP/2 is spoken (RFC 9113).
const HTTP_2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Room that is made for the first read.
const FIRST_READ_BYTES: usize = 4 * 1024;

/// Serves a connection to its end. `tls`: how it is encrypted, unless it is in clear.
pub(super) async fn serve(
    worker: Rc<Worker>,
    socket: TcpStream,
    peer: Peer,
    tls: Option<Arc<Tls>>,
) {
    if let Err(error) = socket.set_nodelay(true) {
        debug!(%error, "a client was gone before its first request");
        return;
    }
    let client = Client::new(worker, Rc::new(peer), clock::now());
    match tls {
        None => {
            let mut stream = ClientStream::new(Socket::Plain(socket), &client.worker.meters);
            let mut begun = BytesMut::new();
            match speaks(&client, &mut stream, &mut begun).await {
                Some(Speaks::Http1) => http1::serve(client, stream, begun).await,
                Some(Speaks::Http2) => http2::serve(client, stream, begun).await,
                None => debug!("a connection ended before it was known what it speaks"),
            }
        }
        Some(tls) => match tls.accept(socket, client.worker.client_times().pause_max).await {
            Ok((stream, is_http_2)) => {
                client.worker.meters.shook_hands(true);
                let stream = Socket::Tls(Box::new(stream));
                let stream = ClientStream::new(stream, &client.worker.meters);
                if is_http_2 {
                    http2::serve(client, stream, BytesMut::new()).await;
                } else {
                    http1::serve(client, stream, BytesMut::new()).await;
                }
            }
            Err(error) => {
                client.worker.meters.shook_hands(false);
                debug!(%error, "a handshake failed");
            }
        },
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speaks {
    Http1,
    Http2,
}

/// Reads until that is beyond doubt; nothing where the connection ends before, or takes too
/// long.
async fn speaks(
    client: &Client,
    stream: &mut ClientStream,
    begun: &mut BytesMut,
) -> Option<Speaks> {
    let mut drain = pin!(client.worker.farewell.drain.notified());
    drain.as_mut().enable();
    let mut is_told = false;
    poll_fn(|cx| {
        if let Poll::Ready(speaks) = poll_speaks(cx, stream, begun) {
            return Poll::Ready(speaks);
        }
        if !is_told && (drain.as_mut().poll(cx).is_ready() || client.worker.farewell.is_draining())
        {
            is_told = true;
            client.alarm.set(clock::now() + FIRST_REQUEST_TIME);
        }
        client.alarm.poll_rung(cx, clock::now).map(|()| None)
    })
    .await
}

fn poll_speaks(
    cx: &mut Context<'_>,
    stream: &mut ClientStream,
    begun: &mut BytesMut,
) -> Poll<Option<Speaks>> {
    loop {
        let compared = begun.len().min(HTTP_2_PREFACE.len());
        if begun.get(..compared) != HTTP_2_PREFACE.get(..compared) {
            return Poll::Ready(Some(Speaks::Http1));
        }
        if compared == HTTP_2_PREFACE.len() {
            return Poll::Ready(Some(Speaks::Http2));
        }
        if ready!(stream.poll_readable(cx)).is_err() {
            return Poll::Ready(None);
        }
        begun.reserve(FIRST_READ_BYTES);
        if !ready!(pin!(stream.read_buf(begun)).poll(cx)).is_ok_and(|bytes| bytes > 0) {
            return Poll::Ready(None);
        }
    }
}
