//! A request's body behind the verifier: read and hashed where the signature covers it, untouched
//! where it does not.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use countersign_shared::signing::AwaitsBody;
use http_body::{Body, Frame, SizeHint};
use sha2::{Digest, Sha256};

use crate::rejected::Rejected;

/// What a handler reads instead of the body that came.
pub enum VerifiedBody<B> {
    /// All of a body that was signed. Its trailers, which no signature covers, are dropped.
    Held(Bytes),
    /// A body that no signature covers, as it comes in.
    Stream(Pin<Box<B>>),
}

/// Reads a body as far as the limit allows, and hashes it.
pub(crate) async fn read<B>(
    body: B,
    awaiting: &AwaitsBody,
) -> Result<(Bytes, [u8; 32]), Rejected<B::Error>>
where
    B: Body<Data = Bytes>,
{
    awaiting.admit(body.size_hint().lower())?;
    let mut body = Box::pin(body);
    let mut held = BytesMut::new();
    let mut hash = Sha256::new();
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let Ok(piece) = frame.map_err(Rejected::Body)?.into_data() else { continue };
        awaiting.admit(held.len() as u64 + piece.len() as u64)?;
        hash.update(&piece);
        held.extend_from_slice(&piece);
    }
    Ok((held.freeze(), hash.finalize().into()))
}

impl<B: Body<Data = Bytes>> Body for VerifiedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match &mut *self {
            Self::Held(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Held(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Stream(body) => body.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Held(bytes) => bytes.is_empty(),
            Self::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Held(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream(body) => body.size_hint(),
        }
    }
}

impl<B> fmt::Debug for VerifiedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held(bytes) => write!(f, "Held({} bytes)", bytes.len()),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}
