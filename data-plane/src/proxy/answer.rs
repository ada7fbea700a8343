//! A backend's answer on its way to the client. A body that has come with its head is passed on
//! with it, in one write; any other is streamed.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderValue, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};

use super::access::Record;
use super::backend::{Answer, BackendBody, Tunnel};
use super::client::Client;
use crate::clock;

/// What is sent to the client.
#[derive(Debug)]
pub(super) enum AnswerBody {
    Whole(Option<Bytes>),
    Stream(Streamed),
    /// None: what follows the head is no answer any more.
    Tunnel(Box<Tunnel>),
}

/// An answer that is still being read. When it ends, well or not, the client's connection waits
/// for the next head.
pub(super) struct Streamed {
    body: BackendBody,
    client: Rc<Client>,
    /// Written when the answer ends.
    record: Option<Box<Record>>,
}

impl std::fmt::Debug for Streamed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Streamed").field(&self.body).finish()
    }
}

impl Drop for Streamed {
    fn drop(&mut self) {
        self.client.expect_head(clock::now());
    }
}

impl AnswerBody {
    /// The record of the request, which is written with the last byte of this.
    pub(super) fn record(&mut self, mut record: Box<Record>) {
        match self {
            Self::Stream(streamed) => streamed.record = Some(record),
            whole => record.answer_bytes = whole.size_hint().exact().unwrap_or_default(),
        }
    }

    pub(super) fn whole(bytes: Bytes) -> Self {
        Self::Whole(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }
}

/// Makes the client's response of the backend's answer.
pub(super) fn pass_on(client: &Rc<Client>, answer: Answer, now: Instant) -> Response<AnswerBody> {
    if answer.status == StatusCode::SWITCHING_PROTOCOLS {
        return switch(answer);
    }
    let Answer { status, headers, mut body } = answer;
    let body = match body.take_whole(now) {
        Some(whole) => {
            client.expect_head(now);
            AnswerBody::whole(whole)
        }
        None => AnswerBody::Stream(Streamed { body, client: Rc::clone(client), record: None }),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// The backend has agreed to a WebSocket, and so do we.
fn switch(mut answer: Answer) -> Response<AnswerBody> {
    let mut headers = std::mem::take(&mut answer.headers);
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    let tunnel = answer.into_tunnel().map(Box::new);
    let mut response = Response::new(tunnel.map_or(AnswerBody::Whole(None), AnswerBody::Tunnel));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.headers_mut() = headers;
    response
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Stream(streamed) => {
                let frame = ready!(streamed.body.poll_frame(cx, clock::now));
                if let (Some(record), Some(Ok(frame))) = (&mut streamed.record, &frame) {
                    record.answer_bytes += frame.data_ref().map_or(0, Bytes::len) as u64;
                }
                Poll::Ready(frame)
            }
            Self::Tunnel(_) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Stream(streamed) => streamed.body.has_ended(),
            Self::Tunnel(_) => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        let exact = match self {
            Self::Whole(bytes) => Some(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Stream(streamed) => streamed.body.bytes_left(),
            Self::Tunnel(_) => Some(0),
        };
        exact.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
