//! What is sent over a connection of HTTP/1: a head, then what a body yields, framed. Heads, sizes
//! and short pieces are gathered, so that a head and a short body go out in one write; a long piece
//! is never copied. The same for requests to backends and answers to clients.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::Body;
use tokio::io::AsyncWrite;

/// Pieces of a body up to this are copied behind the head.
const COPIED_BYTES_MAX: usize = 8 * 1024;

#[derive(Debug)]
pub(in crate::proxy) struct Outgoing<B> {
    short: Vec<u8>,
    sent_of_short: usize,
    long: Bytes,
    /// None: everything is in `short` and `long`, or will never be.
    body: Option<B>,
    framing: Framing,
    bytes_sent: u64,
}

/// How a body is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proxy) enum Framing {
    /// By its length, or by the end of the connection.
    Plain,
    Chunked,
}

/// Not everything went out.
#[derive(Debug)]
pub(in crate::proxy) enum Stopped<E> {
    Body(E),
    Connection(io::Error),
}

impl<B> Default for Outgoing<B> {
    fn default() -> Self {
        Self {
            short: Vec::new(),
            sent_of_short: 0,
            long: Bytes::new(),
            body: None,
            framing: Framing::Plain,
            bytes_sent: 0,
        }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Outgoing<B> {
    /// Lays a message down to be sent: its head, and the body that follows.
    pub(in crate::proxy) fn begin(&mut self, head: Vec<u8>, framing: Framing, body: Option<B>) {
        self.short = head;
        self.sent_of_short = 0;
        self.long = Bytes::new();
        self.framing = framing;
        self.body = body;
    }

    /// Ready when all is sent.
    pub(in crate::proxy) fn poll_send<S: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut S,
    ) -> Poll<Result<(), Stopped<B::Error>>> {
        loop {
            if let Err(error) = self.fill(cx) {
                return Poll::Ready(Err(Stopped::Body(error)));
            }
            let short = self.short.get(self.sent_of_short..).unwrap_or_default();
            let stream = Pin::new(&mut *stream);
            let written = match (short.is_empty(), self.long.is_empty()) {
                (true, true) => {
                    let flushed = ready!(stream.poll_flush(cx)).map_err(Stopped::Connection);
                    let is_over = self.body.is_none() || flushed.is_err();
                    return if is_over { Poll::Ready(flushed) } else { Poll::Pending };
                }
                (false, true) => ready!(stream.poll_write(cx, short)),
                (true, false) => ready!(stream.poll_write(cx, &self.long)),
                (false, false) => {
                    let both = [IoSlice::new(short), IoSlice::new(&self.long)];
                    ready!(stream.poll_write_vectored(cx, &both))
                }
            };
            match written {
                Ok(0) => {
                    let gone = io::Error::from(io::ErrorKind::WriteZero);
                    return Poll::Ready(Err(Stopped::Connection(gone)));
                }
                Ok(bytes) => self.advance(bytes),
                Err(error) => return Poll::Ready(Err(Stopped::Connection(error))),
            }
        }
    }

    /// Takes from the body what it has, until there is enough for one write.
    fn fill(&mut self, cx: &mut Context<'_>) -> Result<(), B::Error> {
        while let Some(body) = &mut self.body
            && self.long.is_empty()
            && self.short.len() <= COPIED_BYTES_MAX
        {
            match Pin::new(&mut *body).poll_frame(cx) {
                Poll::Pending => break,
                Poll::Ready(Some(Ok(frame))) => {
                    let is_over = self.framing == Framing::Plain && body.is_end_stream();
                    if let Ok(piece) = frame.into_data() {
                        self.push(piece);
                    }
                    if is_over {
                        self.body = None;
                    }
                }
                Poll::Ready(Some(Err(error))) => return Err(error),
                Poll::Ready(None) => {
                    self.body = None;
                    if self.framing == Framing::Chunked {
                        self.short.extend_from_slice(b"0\r\n\r\n");
                    }
                }
            }
        }
        Ok(())
    }

    fn push(&mut self, piece: Bytes) {
        if piece.is_empty() {
            return;
        }
        if self.framing == Framing::Chunked {
            self.short.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        }
        if piece.len() <= COPIED_BYTES_MAX {
            self.short.extend_from_slice(&piece);
            if self.framing == Framing::Chunked {
                self.short.extend_from_slice(b"\r\n");
            }
        } else {
            self.long = piece;
        }
    }

    fn advance(&mut self, bytes: usize) {
        self.bytes_sent += bytes as u64;
        let of_short = bytes.min(self.short.len() - self.sent_of_short);
        self.sent_of_short += of_short;
        let of_long = bytes - of_short;
        self.long.advance(of_long);
        if self.sent_of_short == self.short.len() {
            self.short.clear();
            self.sent_of_short = 0;
        }
        // The line end behind a long chunk goes out with what follows.
        if of_long > 0 && self.long.is_empty() && self.framing == Framing::Chunked {
            self.short.extend_from_slice(b"\r\n");
        }
    }
}

impl<B> Outgoing<B> {
    pub(in crate::proxy) fn is_sent(&self) -> bool {
        self.body.is_none() && !self.waits_for_the_other_side()
    }

    /// Whether there is something that the other side does not take.
    pub(in crate::proxy) fn waits_for_the_other_side(&self) -> bool {
        self.sent_of_short < self.short.len() || !self.long.is_empty()
    }

    /// Over all messages.
    pub(in crate::proxy) fn bytes_sent(&self) -> u64 {
        self.bytes_sent
    }

    /// The room that the last head was written into, and where to write the next one.
    pub(in crate::proxy) fn take_room(&mut self) -> Vec<u8> {
        let mut room = std::mem::take(&mut self.short);
        room.clear();
        self.sent_of_short = 0;
        room
    }
}
