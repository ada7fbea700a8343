//! A connection to a backend and the one exchange that it carries at a time: what is still to
//! be sent, and what has come in. Sending goes on while an answer is read, so that neither side
//! waits for the other for ever.

use std::future::Future;
use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};

use bytes::BytesMut;
use http::HeaderMap;
use http_body::Body;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::net::TcpStream;

use super::head::{self, AnswerHead, Asked, Length, Malformed};
use crate::proxy::body::OutboundBody;
use crate::proxy::http1::{Framing, Outgoing, Stopped};
use crate::proxy::ours::Ours;
use crate::proxy::stream::{BackendStream, Socket};

/// Room that is made for each read of a head and for each read of a body.
const HEAD_READ_BYTES: usize = 8 * 1024;
const BODY_READ_BYTES: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct BackendConnection {
    pub(super) stream: BackendStream,
    /// Which of the target's addresses it leads to.
    pub(super) address: SocketAddr,
    /// What has come in and was not taken yet.
    pub(super) incoming: BytesMut,
    outgoing: Outgoing<OutboundBody>,
    /// Something did not go out; the answer may have come nevertheless.
    is_broken: bool,
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
    pub(super) fn new(stream: BackendStream, address: SocketAddr) -> Self {
        Self {
            stream,
            address,
            incoming: BytesMut::new(),
            outgoing: Outgoing::default(),
            is_broken: false,
        }
    }

    /// Lays the request down to be sent.
    pub(super) fn begin(
        &mut self,
        asked: Asked<'_>,
        target: &str,
        ours: &Ours<'_>,
        headers: &HeaderMap,
        body: OutboundBody,
    ) {
        let length = body.size_hint().exact().map_or(Length::Unknown, Length::Exact);
        let mut room = self.outgoing.take_room();
        head::write(&mut room, asked, target, ours, headers, length);
        let (framing, is_empty) = match length {
            Length::Exact(_) => (Framing::Plain, body.is_end_stream()),
            Length::Unknown => (Framing::Chunked, false),
        };
        self.outgoing.begin(room, framing, Some(body).filter(|_| !is_empty));
    }

    /// Sends, and reads until the head of the answer is there.
    pub(super) fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        asked: Asked<'_>,
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
            if let Some(head) = head::take(&mut self.incoming, asked)? {
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
        !self.is_broken && self.outgoing.is_sent()
    }

    /// Whether an idle connection may take a request: nothing has come in, not even its end.
    pub(super) fn is_quiet(&mut self, check: Check) -> bool {
        match &mut self.stream {
            Socket::Plain(stream) if check == Check::Looked => is_silent(stream),
            Socket::Plain(stream) => would_block(stream.try_read(&mut [0])),
            Socket::Tls(stream) => {
                // Whatever belongs to TLS alone, such as a ticket, is taken on the way.
                let (mut cx, mut byte) = (Context::from_waker(Waker::noop()), [0]);
                let is_pending =
                    Pin::new(&mut *stream).poll_read(&mut cx, &mut ReadBuf::new(&mut byte));
                let is_looked_at = check == Check::Looked;
                is_pending.is_pending() && (!is_looked_at || is_silent(stream.get_ref().0))
            }
        }
    }

    fn poll_incoming(&mut self, cx: &mut Context<'_>, room: usize) -> Poll<io::Result<usize>> {
        self.incoming.reserve(room);
        pin!(self.stream.read_buf(&mut self.incoming)).poll(cx)
    }

    /// Ready when all is sent, or when sending on makes no sense.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        if self.is_broken {
            return Poll::Ready(Ok(()));
        }
        match ready!(self.outgoing.poll_send(cx, &mut self.stream)) {
            Ok(()) => {}
            Err(Stopped::Body(_)) => return Poll::Ready(Err(Broken::Request)),
            Err(Stopped::Connection(_)) => {
                self.is_broken = true;
                self.outgoing = Outgoing::default();
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// As far as the system knows, which may be more than the runtime does.
fn is_silent(stream: &TcpStream) -> bool {
    would_block(SockRef::from(stream).peek(&mut [MaybeUninit::uninit()]))
}

fn would_block(read: io::Result<usize>) -> bool {
    read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}
