//! A backend's answer on its way to the client. A body that has come with its head is passed on
//! with it, in one write; any other is streamed. The connection to the backend goes back to the
//! pool when its answer has been read to the end, and only then.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::headers;
use super::refusal::Refusal;
use super::upstream::Lease;

/// A body of known length up to this is waited for, as it is about to come in one piece.
const WHOLE_BYTES_MAX: u64 = 16 * 1024;

/// What is sent to the client.
#[derive(Debug)]
pub(super) enum AnswerBody {
    Whole(Option<Bytes>),
    Stream { begun: Option<Bytes>, rest: Incoming, lease: Option<Lease> },
}

impl AnswerBody {
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self::Whole(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }
}

/// Makes the client's response of the backend's.
pub(super) async fn pass_on(
    response: Response<Incoming>,
    lease: Lease,
) -> Result<Response<AnswerBody>, Refusal> {
    let (mut head, body) = response.into_parts();
    if head.status == StatusCode::SWITCHING_PROTOCOLS || !headers::strip_response(&mut head.headers)
    {
        return Err(Refusal::BackendAnswerBroken);
    }
    let body = take_body(body, lease, &head.headers).await?;
    Ok(Response::from_parts(head, body))
}

async fn take_body(
    mut body: Incoming,
    lease: Lease,
    _head: &HeaderMap,
) -> Result<AnswerBody, Refusal> {
    if body.is_end_stream() {
        lease.give_back();
        return Ok(AnswerBody::Whole(None));
    }
    let is_short = body.size_hint().exact().is_some_and(|bytes| bytes <= WHOLE_BYTES_MAX);
    if !is_short {
        return Ok(AnswerBody::Stream { begun: None, rest: body, lease: Some(lease) });
    }
    let begun = match body.frame().await {
        None => None,
        Some(Ok(frame)) => frame.into_data().ok(),
        Some(Err(_)) => return Err(Refusal::BackendAnswerBroken),
    };
    if body.is_end_stream() {
        lease.give_back();
        return Ok(AnswerBody::Whole(begun));
    }
    Ok(AnswerBody::Stream { begun, rest: body, lease: Some(lease) })
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let (begun, rest, lease) = match &mut *self {
            Self::Whole(bytes) => return Poll::Ready(bytes.take().map(|b| Ok(Frame::data(b)))),
            Self::Stream { begun, rest, lease } => (begun, rest, lease),
        };
        if let Some(bytes) = begun.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        let frame = ready!(Pin::new(&mut *rest).poll_frame(cx));
        // Trailers are dropped; nothing follows them.
        let ended = frame.as_ref().is_none_or(|f| f.as_ref().is_ok_and(Frame::is_trailers));
        if ended || rest.is_end_stream() {
            lease.take().into_iter().for_each(Lease::give_back);
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
