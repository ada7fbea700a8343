//! A connection to a backend and the one exchange that it carries at a time: what is still to
//! be sent, and what has come in. Sending goes on while an answer is read, so that neither side
//! waits for the other for ever.

use std::future::Future;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, Bytes, BytesMut};
use http::HeaderMap;
use http_body::Body;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;

use super::super::body::OutboundBody;
use super::head::{self, AnswerHead, Asked, Length, Malformed};

/// Room that is made for each read of a head and for each read of a body.
const HEAD_READ_BYTES: usize = 8 * 1024;
const BODY_READ_BYTES: usize = 64 * 1024;
/// Pieces of a body up to this are copied behind the head, so that one write sends both.
const COPIED_BYTES_MAX: usize = 8 * 1024;

#[derive(Debug)]
pub(super) struct BackendConnection {
    pub(super) stream: TcpStream,
    /// What has come in and was not taken yet.
    pub(super) incoming: BytesMut,
    outgoing: Outgoing,
}

/// What is still to be sent: heads, sizes and short pieces, then one long piece, then what the
/// body yields.
#[derive(Debug)]
struct Outgoing {
    short: Vec<u8>,
    sent_of_short: usize,
    long: Bytes,
    body: OutboundBody,
    framing: Framing,
    /// Everything is in `short` and `long`, or will never be.
    is_at_end: bool,
    /// Something did not go out; the answer may have come nevertheless.
    is_broken: bool,
}

/// How the request's body is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length,
    /// The last piece may still lack its line end.
    Chunks {
        line_is_open: bool,
    },
}

/// How sure a connection's quiet has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// As far as the runtime knows; a request that is safe can be sent again.
    Known,
    /// By asking the system once more, for a request that must not be sent twice.
    Looked,
}

/// The exchange failed before its answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    /// Not one byte of an answer came.
    #[error("the backend closed the connection without an answer")]
    Unanswered,
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("the answer broke off: {0}")]
    Answer(io::Error),
    #[error("the request's body broke off")]
    Request,
}

impl BackendConnection {
    pub(super) fn new(stream: TcpStream) -> Self {
        let outgoing = Outgoing {
            short: Vec::new(),
            sent_of_short: 0,
            long: Bytes::new(),
            body: OutboundBody::Empty,
            framing: Framing::Length,
            is_at_end: true,
            is_broken: false,
        };
        Self { stream, incoming: BytesMut::new(), outgoing }
    }

    /// Lays the request down to be sent.
    pub(super) fn begin(
        &mut self,
        asked: Asked<'_>,
        target: &str,
        headers: &HeaderMap,
        body: OutboundBody,
    ) {
        let length = body.size_hint().exact().map_or(Length::Unknown, Length::Exact);
        let out = &mut self.outgoing;
        out.short.clear();
        out.sent_of_short = 0;
        head::write(&mut out.short, asked, target, headers, length);
        out.framing = match length {
            Length::Exact(_) => Framing::Length,
            Length::Unknown => Framing::Chunks { line_is_open: false },
        };
        out.is_at_end = out.framing == Framing::Length && body.is_end_stream();
        out.body = body;
    }

    /// Sends, and reads until the head of the answer is there. `headers` are emptied for the
    /// answer's once that has come.
    pub(super) fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        asked: Asked<'_>,
        headers: &mut HeaderMap,
    ) -> Poll<Result<AnswerHead, Broken>> {
        if let Poll::Ready(Err(broken)) = self.poll_send(cx) {
            return Poll::Ready(Err(broken));
        }
        let mut is_answered = !self.incoming.is_empty();
        loop {
            match ready!(self.poll_incoming(cx, HEAD_READ_BYTES)) {
                Ok(0) if is_answered => return Poll::Ready(Err(Malformed.into())),
                Ok(0) => return Poll::Ready(Err(Broken::Unanswered)),
                Ok(_) => is_answered = true,
                Err(error) if is_answered => return Poll::Ready(Err(Broken::Answer(error))),
                Err(_) => return Poll::Ready(Err(Broken::Unanswered)),
            }
            if let Some(head) = head::take(&mut self.incoming, asked, headers)? {
                return Poll::Ready(Ok(head));
            }
        }
    }

    /// Reads more of an answer's body, and sends what is still to be sent. 0 is the end.
    pub(super) fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if !self.is_sent()
            && let Poll::Ready(Err(broken)) = self.poll_send(cx)
        {
            return Poll::Ready(Err(io::Error::other(broken)));
        }
        self.poll_incoming(cx, BODY_READ_BYTES)
    }

    /// Whether the whole request went out.
    pub(super) fn is_sent(&self) -> bool {
        let out = &self.outgoing;
        out.is_at_end
            && !out.is_broken
            && out.sent_of_short == out.short.len()
            && out.long.is_empty()
    }

    /// Whether an idle connection may take a request: nothing has come in, not even its end.
    pub(super) fn is_quiet(&self, check: Check) -> bool {
        let is_quiet = |read: io::Result<usize>| {
            read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
        };
        if check == Check::Looked {
            let socket = SockRef::from(&self.stream);
            return is_quiet(socket.peek(&mut [MaybeUninit::uninit()]));
        }
        let mut cx = Context::from_waker(Waker::noop());
        self.stream.poll_read_ready(&mut cx).is_pending()
            || is_quiet(self.stream.try_read(&mut [0]))
    }

    fn poll_incoming(&mut self, cx: &mut Context<'_>, room: usize) -> Poll<io::Result<usize>> {
        self.incoming.reserve(room);
        pin!(self.stream.read_buf(&mut self.incoming)).poll(cx)
    }

    /// Ready when all is sent, or when sending on makes no sense.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        let out = &mut self.outgoing;
        loop {
            out.fill(cx)?;
            let (short, long) = (out.short.get(out.sent_of_short..).unwrap_or_default(), &out.long);
            let stream = Pin::new(&mut self.stream);
            let written = match (short.is_empty(), long.is_empty()) {
                (true, true) if out.is_at_end => {
                    // Its room in memory is free again.
                    out.body = OutboundBody::Empty;
                    return Poll::Ready(Ok(()));
                }
                (true, true) => return Poll::Pending,
                (false, true) => ready!(stream.poll_write(cx, short)),
                (true, false) => ready!(stream.poll_write(cx, long)),
                (false, false) => {
                    let both = [IoSlice::new(short), IoSlice::new(long)];
                    ready!(stream.poll_write_vectored(cx, &both))
                }
            };
            match written {
                Ok(bytes) if bytes > 0 => out.advance(bytes),
                _ => {
                    out.give_up();
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

impl Outgoing {
    /// Takes from the body what it has, until there is enough for one write.
    fn fill(&mut self, cx: &mut Context<'_>) -> Result<(), Broken> {
        while !self.is_at_end && self.long.is_empty() && self.short.len() <= COPIED_BYTES_MAX {
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Pending => break,
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(piece) = frame.into_data() {
                        self.push(piece);
                    }
                    self.is_at_end = self.framing == Framing::Length && self.body.is_end_stream();
                }
                Poll::Ready(Some(Err(_))) => return Err(Broken::Request),
                Poll::Ready(None) => {
                    self.is_at_end = true;
                    if self.framing != Framing::Length {
                        self.end_line();
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
        if self.framing != Framing::Length {
            self.end_line();
            self.short.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
            self.framing = Framing::Chunks { line_is_open: true };
        }
        if piece.len() <= COPIED_BYTES_MAX {
            self.short.extend_from_slice(&piece);
        } else {
            self.long = piece;
        }
    }

    fn end_line(&mut self) {
        if self.framing == (Framing::Chunks { line_is_open: true }) {
            self.short.extend_from_slice(b"\r\n");
            self.framing = Framing::Chunks { line_is_open: false };
        }
    }

    fn advance(&mut self, bytes: usize) {
        let of_short = bytes.min(self.short.len() - self.sent_of_short);
        self.sent_of_short += of_short;
        self.long.advance(bytes - of_short);
        if self.sent_of_short == self.short.len() {
            self.short.clear();
            self.sent_of_short = 0;
        }
    }

    fn give_up(&mut self) {
        self.is_at_end = true;
        self.is_broken = true;
        self.sent_of_short = self.short.len();
        self.long = Bytes::new();
        self.body = OutboundBody::Empty;
    }
}
