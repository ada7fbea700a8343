//! A request's body on a connection of HTTP/1, read from the wire as it is asked for.

use std::cell::RefCell;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::wire::Wire;
use crate::proxy::body::BodyBroken;

pub(in crate::proxy) struct WireBody(Rc<RefCell<Wire>>);

impl WireBody {
    pub(super) fn new(wire: &Rc<RefCell<Wire>>) -> Self {
        Self(Rc::clone(wire))
    }
}

impl fmt::Debug for WireBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WireBody")
    }
}

impl Body for WireBody {
    type Data = Bytes;
    type Error = BodyBroken;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyBroken>>> {
        let piece = self.0.borrow_mut().poll_body(cx);
        piece.map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.borrow().body_has_ended()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.borrow().body_bytes_left().map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
