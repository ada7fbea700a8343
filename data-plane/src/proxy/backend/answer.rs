//! A backend's answer, whichever protocol brought it: its head, its body read as it is asked for,
//! or the tunnel that it opens.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::Frame;
use tokio::time::Sleep;

use super::head::AnswerHead;
use super::http1_body::Http1Body;
use super::http2::Http2Body;
use super::target::Lease;
use super::tunnel::Tunnel;
use crate::proxy::fields::Fields;
use crate::table::Permit;

#[derive(Debug)]
pub(in crate::proxy) struct Answer {
    pub(in crate::proxy) status: StatusCode,
    pub(in crate::proxy) fields: Fields,
    pub(in crate::proxy) body: BackendBody,
}

/// What of the body is still to be read.
#[derive(Debug)]
pub(in crate::proxy) struct BackendBody {
    source: Source,
    /// When it is cut off; none for most APIs, which cost no timer.
    until: Option<Pin<Box<Sleep>>>,
    /// What it counts as under way, where its API counts.
    permit: Option<Permit>,
}

#[derive(Debug)]
enum Source {
    Http1(Http1Body),
    Http2(Box<Http2Body>),
    /// It took too long.
    CutOff,
}

impl Answer {
    pub(super) fn of_http1(head: AnswerHead, lease: Lease) -> Self {
        let AnswerHead { status, lines, framing, keeps_alive } = head;
        let source = Source::Http1(Http1Body::new(lease, framing, keeps_alive));
        Self::new(status, Fields::Read(lines), source)
    }

    pub(super) fn of_http2(status: StatusCode, headers: HeaderMap, body: Http2Body) -> Self {
        Self::new(status, Fields::Map(Box::new(headers)), Source::Http2(Box::new(body)))
    }

    fn new(status: StatusCode, fields: Fields, source: Source) -> Self {
        Self { status, fields, body: BackendBody { source, until: None, permit: None } }
    }

    /// The answer has to have come to its end by then, and counts as under way until it has.
    pub(in crate::proxy) fn bound(&mut self, until: Option<Instant>, permit: Option<Permit>) {
        self.body.until = until.map(|until| Box::pin(tokio::time::sleep_until(until.into())));
        self.body.permit = permit;
    }
}

impl BackendBody {
    /// The tunnel that a 101 opens, in the place of a body.
    pub(in crate::proxy) fn into_tunnel(self) -> Option<Tunnel> {
        match self.source {
            Source::Http1(body) => Some(Tunnel::new(body.into_lease()?, self.permit)),
            Source::Http2(_) | Source::CutOff => None,
        }
    }

    /// The whole body, where it came together with the head.
    pub(in crate::proxy) fn take_whole(&mut self, now: Instant) -> Option<Bytes> {
        let whole = match &mut self.source {
            Source::Http1(body) => body.take_whole(now),
            Source::Http2(body) => body.take_whole(),
            Source::CutOff => None,
        }?;
        self.permit = None;
        Some(whole)
    }

    /// The next piece, or the trailers of gRPC; none at the end. `now` is asked only there.
    pub(in crate::proxy) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
        now: fn() -> Instant,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(until) = &mut self.until
            && until.as_mut().poll(cx).is_ready()
        {
            self.until = None;
            self.source = Source::CutOff;
        }
        let frame = match &mut self.source {
            Source::Http1(body) => {
                body.poll_piece(cx, now).map(|piece| piece.map(|piece| piece.map(Frame::data)))
            }
            Source::Http2(body) => body.poll_frame(cx),
            Source::CutOff => Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into()))),
        };
        if matches!(frame, Poll::Ready(None | Some(Err(_)))) || self.has_ended() {
            (self.until, self.permit) = (None, None);
        }
        frame
    }

    /// How many bytes are still to come, where the head said so.
    pub(in crate::proxy) fn bytes_left(&self) -> Option<u64> {
        match &self.source {
            Source::Http1(body) => body.bytes_left(),
            Source::Http2(body) => body.bytes_left(),
            Source::CutOff => None,
        }
    }

    pub(in crate::proxy) fn has_ended(&self) -> bool {
        match &self.source {
            Source::Http1(body) => body.has_ended(),
            Source::Http2(body) => body.has_ended(),
            Source::CutOff => false,
        }
    }
}
