//! A request's body on its way to the backend: read and hashed where it is signed, streamed
//! where it is not. It owns the budget of bytes that all requests together hold in memory. A
//! request without a body touches none of this.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use countersign_shared::api::BodyPolicy;
use countersign_shared::signing::Payload;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::http1::WireBody;
use super::refusal::Refusal;
use crate::config::Config;

/// How long a request waits for room in memory before it is refused.
const ROOM_WAIT: Duration = Duration::from_secs(1);

pub(super) const BODY_BROKE_OFF: Refusal =
    Refusal::BadFraming("the body broke off or is malformed");

const TOO_SLOW: Refusal = Refusal::RequestTimeout("the body came too slowly");

/// How much of bodies is held in memory.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    /// Of one request.
    body_bytes_max: usize,
    /// What is left of what all requests of all workers may hold together.
    room: Arc<Semaphore>,
    /// How long a client may stay silent inside a body that is being read.
    pause_max: Duration,
}

impl Limits {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            body_bytes_max: config.body_bytes_max,
            room: Arc::new(Semaphore::new(config.buffered_bytes_max)),
            pause_max: config.client_times.pause_max,
        }
    }

    async fn take_room(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Refusal> {
        let bytes = u32::try_from(bytes).map_err(|_| Refusal::Overloaded)?;
        if let Ok(permit) = Arc::clone(&self.room).try_acquire_many_owned(bytes) {
            return Ok(permit);
        }
        let room = Arc::clone(&self.room).acquire_many_owned(bytes);
        timeout(ROOM_WAIT, room).await.ok().and_then(Result::ok).ok_or(Refusal::Overloaded)
    }
}

/// What comes from the client.
#[derive(Debug)]
pub(super) enum InboundBody {
    Empty,
    Http1(WireBody),
    Http2(hyper::body::Incoming),
}

/// The client's body broke off, or its framing is malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the request's body broke off or is malformed")]
pub(super) struct BodyBroken;

impl Body for InboundBody {
    type Data = Bytes;
    type Error = BodyBroken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyBroken>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Http1(body) => Pin::new(body).poll_frame(cx),
            Self::Http2(body) => {
                let frame = std::task::ready!(Pin::new(body).poll_frame(cx));
                Poll::Ready(frame.map(|frame| frame.map_err(|_| BodyBroken)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Http1(body) => body.is_end_stream(),
            Self::Http2(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Http1(body) => body.size_hint(),
            Self::Http2(body) => body.size_hint(),
        }
    }
}

/// What is sent to the backend.
#[derive(Debug)]
pub(super) enum OutboundBody {
    Empty,
    Held(Box<Held>),
    Stream(Box<Stream>),
}

/// What was read of a body before it turned out to be too large to sign, then the rest.
#[derive(Debug)]
pub(super) struct Stream {
    begun: Held,
    rest: InboundBody,
}

/// Bytes in memory. A clone shares them, and their share of the budget.
#[derive(Debug, Clone, Default)]
pub(super) struct Held {
    chunks: VecDeque<Bytes>,
    bytes: usize,
    /// Given back with the last clone.
    room: Option<Arc<OwnedSemaphorePermit>>,
}

impl OutboundBody {
    /// A body that is not looked at.
    pub(super) fn stream(body: InboundBody) -> Self {
        if body.is_end_stream() {
            Self::Empty
        } else {
            Self::Stream(Box::new(Stream { begun: Held::default(), rest: body }))
        }
    }

    /// The same again, for a request that never reached the backend; none for a stream.
    pub(super) fn again(&self) -> Option<Self> {
        match self {
            Self::Empty => Some(Self::Empty),
            Self::Held(held) => Some(Self::Held(held.clone())),
            Self::Stream(_) => None,
        }
    }
}

/// Whether `read` has anything to do: a body that is not there is signed as empty, unless the
/// policy is to sign none.
pub(super) fn is_to_be_read(body: &InboundBody, policy: BodyPolicy) -> bool {
    !body.is_end_stream() || policy == BodyPolicy::Unsigned
}

/// Reads the body as its policy says, and says what of it goes into the signature.
pub(super) async fn read(
    body: InboundBody,
    policy: BodyPolicy,
    limits: &Limits,
) -> Result<(Payload, OutboundBody), Refusal> {
    let bytes_max = limits.body_bytes_max;
    let declared = body.size_hint().lower();
    let too_large = usize::try_from(declared).map_or(true, |declared| declared > bytes_max);
    match policy {
        BodyPolicy::Required if too_large => Err(Refusal::BodyTooLarge { bytes_max }),
        BodyPolicy::Unsigned => Ok((Payload::Unsigned, OutboundBody::stream(body))),
        BodyPolicy::Auto if too_large => Ok((Payload::Unsigned, OutboundBody::stream(body))),
        BodyPolicy::Required | BodyPolicy::Auto => hold(body, policy, limits).await,
    }
}

async fn hold(
    mut body: InboundBody,
    policy: BodyPolicy,
    limits: &Limits,
) -> Result<(Payload, OutboundBody), Refusal> {
    let bytes_max = limits.body_bytes_max;
    let mut held = Held::default();
    let mut room: Option<OwnedSemaphorePermit> = None;
    let mut hash = Sha256::new();
    loop {
        let frame = timeout(limits.pause_max, body.frame()).await.map_err(|_| TOO_SLOW)?;
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|_| BODY_BROKE_OFF)?;
        // Trailers are dropped.
        let Ok(chunk) = frame.into_data() else { continue };
        let more = limits.take_room(chunk.len()).await?;
        match &mut room {
            None => room = Some(more),
            Some(room) => room.merge(more),
        }
        hash.update(&chunk);
        held.push(chunk);
        if held.bytes > bytes_max {
            if policy == BodyPolicy::Required {
                return Err(Refusal::BodyTooLarge { bytes_max });
            }
            held.room = room.map(Arc::new);
            let stream = Stream { begun: held, rest: body };
            return Ok((Payload::Unsigned, OutboundBody::Stream(Box::new(stream))));
        }
        if body.is_end_stream() {
            break;
        }
    }
    if held.bytes == 0 {
        return Ok((Payload::Empty, OutboundBody::Empty));
    }
    held.room = room.map(Arc::new);
    Ok((Payload::Hash(hash.finalize().into()), OutboundBody::Held(Box::new(held))))
}

impl Held {
    fn push(&mut self, chunk: Bytes) {
        self.bytes += chunk.len();
        self.chunks.push_back(chunk);
    }

    fn pop(&mut self) -> Option<Bytes> {
        let chunk = self.chunks.pop_front()?;
        self.bytes -= chunk.len();
        Some(chunk)
    }
}

impl Stream {
    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyBroken>>> {
        if let Some(chunk) = self.begun.pop() {
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        self.begun.room = None;
        let frame = std::task::ready!(Pin::new(&mut self.rest).poll_frame(cx));
        // Trailers are dropped; nothing follows them.
        Poll::Ready(frame.filter(|frame| !frame.as_ref().is_ok_and(Frame::is_trailers)))
    }

    fn bytes_left(&self) -> Option<u64> {
        Some(self.begun.bytes as u64 + self.rest.size_hint().exact()?)
    }
}

impl Body for OutboundBody {
    type Data = Bytes;
    type Error = BodyBroken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyBroken>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Held(held) => Poll::Ready(held.pop().map(|chunk| Ok(Frame::data(chunk)))),
            Self::Stream(stream) => stream.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Held(held) => held.chunks.is_empty(),
            Self::Stream(stream) => stream.begun.chunks.is_empty() && stream.rest.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        let exact = match self {
            Self::Empty => Some(0),
            Self::Held(held) => Some(held.bytes as u64),
            Self::Stream(stream) => stream.bytes_left(),
        };
        exact.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
