//! A connection that has become a WebSocket: bytes both ways between a client and a backend until
//! one of them has no more, or both are silent for too long. It never looks at them.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional};
use tracing::debug;

use super::backend::Tunnel;
use super::client::Client;
use super::counted::ClientStream;
use super::stream::Begun;
use crate::clock;

/// Without a byte in either direction. Whoever wants to stay longer sends pings, as browsers and
/// servers do.
const SILENCE_MAX: Duration = Duration::from_mins(10);

/// Moves bytes until there are no more. `ahead` came from the client before the backend agreed; it
/// goes first.
pub(super) async fn join(
    client: &Client,
    stream: ClientStream,
    ahead: BytesMut,
    mut backend: Tunnel,
) {
    let moved = Cell::new(0_u64);
    let mut ours = Watched { stream: Begun::new(ahead, stream), moved: &moved };
    let mut moving = pin!(copy_bidirectional(&mut ours, &mut backend));
    let mut moved_before = 0;
    client.alarm.set(clock::now() + SILENCE_MAX);
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(done) = moving.as_mut().poll(cx) {
                if let Err(error) = done {
                    debug!(%error, "a WebSocket broke off");
                }
                return Poll::Ready(());
            }
            if client.alarm.poll_rung(cx, clock::now).is_pending() {
                return Poll::Pending;
            }
            if moved.get() == moved_before {
                debug!("a WebSocket was silent for too long");
                return Poll::Ready(());
            }
            moved_before = moved.get();
            client.alarm.set(clock::now() + SILENCE_MAX);
        }
    })
    .await;
}

/// Counts what passes.
struct Watched<'m> {
    stream: Begun,
    moved: &'m Cell<u64>,
}

impl Watched<'_> {
    fn count(&self, bytes: usize) {
        self.moved.set(self.moved.get().wrapping_add(bytes as u64));
    }
}

impl AsyncRead for Watched<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.count(buf.filled().len() - before);
        read
    }
}

impl AsyncWrite for Watched<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(bytes)) = written {
            self.count(bytes);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
