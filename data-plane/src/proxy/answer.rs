//! A backend's answer on its way to the client. A body that has come with its head is passed on
//! with it, in one write; any other is streamed.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body::{Body, Frame, SizeHint};

use super::access::Record;
use super::backend::{Answer, BackendBody, Tunnel};
use super::client::Client;
use super::fields::Fields;
use super::headers::X_REQUEST_ID;
use super::refusal::Told;
use super::request_id::RequestId;
use crate::clock;

/// What a client gets.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    /// The id is none of them, and of HTTP/1 nothing that is about the connection.
    pub(super) fields: Fields,
    pub(super) body: AnswerBody,
    pub(super) request_id: RequestId,
    /// What an answer of our own says; none: it is the backend's.
    pub(super) told: Option<Told>,
}

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

impl Reply {
    /// Passes a backend's answer on.
    pub(super) fn of(
        client: &Rc<Client>,
        answer: Answer,
        request_id: RequestId,
        now: Instant,
    ) -> Self {
        let Answer { status, fields, mut body } = answer;
        let body = if status == StatusCode::SWITCHING_PROTOCOLS {
            // The backend has agreed to a WebSocket, and so do we.
            let tunnel = body.into_tunnel().map(Box::new);
            tunnel.map_or(AnswerBody::Whole(None), AnswerBody::Tunnel)
        } else if let Some(whole) = body.take_whole(now) {
            client.expect_head(now);
            AnswerBody::whole(whole)
        } else {
            AnswerBody::Stream(Streamed { body, client: Rc::clone(client), record: None })
        };
        Self { status, fields, body, request_id, told: None }
    }

    /// As HTTP/2 has it.
    pub(super) fn into_response(self) -> Response<AnswerBody> {
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.fields.into_map();
        response.headers_mut().insert(X_REQUEST_ID, self.request_id.into_value());
        response
    }
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
