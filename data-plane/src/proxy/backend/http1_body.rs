//! The body of an answer of HTTP/1.1. When it has been read to its end and nothing is in doubt, the
//! connection goes back to the pool; in every other case it is closed.

use std::io;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;

use super::head::Framing;
use super::target::Lease;
use crate::proxy::chunks::{Chunks, Step};

/// What of the body is still to be read.
#[derive(Debug)]
pub(super) struct Http1Body {
    /// Dropped when the body has ended.
    lease: Option<Lease>,
    reading: Reading,
    keeps_alive: bool,
}

#[derive(Debug)]
enum Reading {
    Length(u64),
    Chunks(Chunks),
    UntilClose,
}

impl Http1Body {
    pub(super) fn new(lease: Lease, framing: Framing, keeps_alive: bool) -> Self {
        let reading = match framing {
            Framing::Length(bytes) => Reading::Length(bytes),
            Framing::Chunked => Reading::Chunks(Chunks::default()),
            Framing::UntilClose | Framing::Tunnel => Reading::UntilClose,
        };
        Self { lease: Some(lease), reading, keeps_alive }
    }

    /// The connection, in the middle of whatever it does.
    pub(super) fn into_lease(self) -> Option<Lease> {
        self.lease
    }

    /// The whole body, where it came together with the head.
    pub(super) fn take_whole(&mut self, now: Instant) -> Option<Bytes> {
        let Reading::Length(left) = self.reading else { return None };
        let incoming = &mut self.lease.as_mut()?.connection.incoming;
        let bytes = usize::try_from(left).ok().filter(|bytes| *bytes <= incoming.len())?;
        let whole = incoming.split_to(bytes).freeze();
        self.reading = Reading::Length(0);
        self.end(now);
        Some(whole)
    }

    /// The next piece; none at the end. `now` is asked only there.
    pub(super) fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
        now: fn() -> Instant,
    ) -> Poll<Option<io::Result<Bytes>>> {
        let piece = ready!(self.poll_reading(cx));
        if self.has_ended() || piece.is_none() {
            self.end(now());
        }
        Poll::Ready(piece)
    }

    /// How many bytes are still to come, where the head said so.
    pub(super) fn bytes_left(&self) -> Option<u64> {
        match self.reading {
            Reading::Length(left) => Some(left),
            Reading::Chunks(_) | Reading::UntilClose => None,
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        matches!(self.reading, Reading::Length(0))
    }

    fn poll_reading(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let Some(lease) = &mut self.lease else { return Poll::Ready(None) };
        let connection = &mut lease.connection;
        loop {
            let incoming = &mut connection.incoming;
            match &mut self.reading {
                Reading::Length(0) => return Poll::Ready(None),
                Reading::Length(left) if !incoming.is_empty() => {
                    let here =
                        usize::try_from(*left).map_or(incoming.len(), |l| l.min(incoming.len()));
                    *left -= here as u64;
                    return Poll::Ready(Some(Ok(incoming.split_to(here).freeze())));
                }
                Reading::UntilClose if !incoming.is_empty() => {
                    return Poll::Ready(Some(Ok(incoming.split().freeze())));
                }
                Reading::Chunks(chunks) => match chunks.step(incoming) {
                    Ok(Step::Data(data)) => return Poll::Ready(Some(Ok(data))),
                    Ok(Step::End) => return Poll::Ready(None),
                    Ok(Step::NeedsMore) => {}
                    Err(malformed) => return Poll::Ready(Some(Err(io::Error::other(malformed)))),
                },
                Reading::Length(_) | Reading::UntilClose => {}
            }
            match ready!(connection.poll_body(cx)) {
                Ok(0) if matches!(self.reading, Reading::UntilClose) => return Poll::Ready(None),
                Ok(0) => return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into()))),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
    }

    fn end(&mut self, now: Instant) {
        let Some(lease) = self.lease.take() else { return };
        let connection = &lease.connection;
        if self.keeps_alive && connection.is_sent() && connection.incoming.is_empty() {
            lease.give_back(now);
        }
    }
}
