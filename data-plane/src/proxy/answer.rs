//! A backend's answer on its way to the client. A body that has come with its head is passed on
//! with it, in one write; any other is streamed. The connection to the backend goes back to the
//! pool when its answer has been read to the end, and only then.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::connection::Connection;
use super::headers;
use super::refusal::Refusal;
use super::upstream::Lease;
use crate::clock;

/// A body of known length up to this is waited for, as it is about to come in one piece.
const WHOLE_BYTES_MAX: u64 = 16 * 1024;

/// What is sent to the client.
pub(super) enum AnswerBody {
    Whole(Option<Bytes>),
    Stream { begun: Option<Bytes>, rest: Incoming, under_way: UnderWay },
}

/// An answer that is still being read. When it ends, well or not, the connection waits for the
/// next head; when it ends well, the backend's connection is free again.
pub(super) struct UnderWay {
    connection: Rc<Connection>,
    lease: Option<Lease>,
}

impl UnderWay {
    fn ended_well(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.give_back(clock::now());
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.connection.expect_head(clock::now());
    }
}

impl AnswerBody {
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self::Whole(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }
}

/// Makes the client's response of the backend's.
pub(super) async fn pass_on(
    connection: &Rc<Connection>,
    response: Response<Incoming>,
    lease: Lease,
    now: Instant,
) -> Result<Response<AnswerBody>, Refusal> {
    let (mut head, mut body) = response.into_parts();
    if head.status == StatusCode::SWITCHING_PROTOCOLS || !headers::strip_response(&mut head.headers)
    {
        return Err(Refusal::BackendAnswerBroken);
    }
    let is_short = body.size_hint().exact().is_some_and(|bytes| bytes <= WHOLE_BYTES_MAX);
    let begun =
        if is_short && !body.is_end_stream() { first_bytes(&mut body).await? } else { None };
    if body.is_end_stream() {
        lease.give_back(now);
        connection.expect_head(now);
        return Ok(Response::from_parts(head, AnswerBody::Whole(begun)));
    }
    let under_way = UnderWay { connection: Rc::clone(connection), lease: Some(lease) };
    Ok(Response::from_parts(head, AnswerBody::Stream { begun, rest: body, under_way }))
}

async fn first_bytes(body: &mut Incoming) -> Result<Option<Bytes>, Refusal> {
    match body.frame().await {
        None => Ok(None),
        Some(Ok(frame)) => Ok(frame.into_data().ok()),
        Some(Err(_)) => Err(Refusal::BackendAnswerBroken),
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let (begun, rest, under_way) = match &mut *self {
            Self::Whole(bytes) => return Poll::Ready(bytes.take().map(|b| Ok(Frame::data(b)))),
            Self::Stream { begun, rest, under_way } => (begun, rest, under_way),
        };
        if let Some(bytes) = begun.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        let frame = ready!(Pin::new(&mut *rest).poll_frame(cx));
        // Trailers are dropped; nothing follows them.
        let ended = frame.as_ref().is_none_or(|f| f.as_ref().is_ok_and(Frame::is_trailers));
        if ended || rest.is_end_stream() {
            under_way.ended_well();
        }
        Poll::Ready(frame.filter(|_| !ended))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Stream { begun, rest, .. } => begun.is_none() && rest.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Stream { begun, rest, .. } => match rest.size_hint().exact() {
                Some(rest) => {
                    SizeHint::with_exact(begun.as_ref().map_or(0, Bytes::len) as u64 + rest)
                }
                None => SizeHint::default(),
            },
        }
    }
}
