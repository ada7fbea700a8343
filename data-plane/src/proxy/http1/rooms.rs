//! What the connections of a worker lend each other, so that an idle one holds no room for anything
//! and a busy one rarely has to make any.

use std::cell::{Cell, RefCell};

use bytes::BytesMut;
use http::HeaderMap;

/// As many requests as are mostly under way at once.
const HEADERS_MAX: usize = 64;
/// Larger ones are not kept.
const HEADERS_KEPT_CAPACITY_MAX: usize = 32;
const READING_KEPT_BYTES_MAX: usize = 8 * 1024;

#[derive(Default)]
pub(in crate::proxy) struct Rooms {
    headers: RefCell<Vec<HeaderMap>>,
    reading: Cell<BytesMut>,
    answer: Cell<Vec<u8>>,
}

impl Rooms {
    /// An empty map.
    pub(super) fn headers(&self) -> HeaderMap {
        self.headers.borrow_mut().pop().unwrap_or_default()
    }

    pub(super) fn headers_back(&self, mut headers: HeaderMap) {
        let mut kept = self.headers.borrow_mut();
        if kept.len() < HEADERS_MAX && headers.capacity() <= HEADERS_KEPT_CAPACITY_MAX {
            headers.clear();
            kept.push(headers);
        }
    }

    /// An empty buffer to read into; one head after another is cut off it, whosever it is.
    pub(super) fn reading(&self) -> BytesMut {
        self.reading.take()
    }

    pub(super) fn reading_back(&self, buffer: BytesMut) {
        if buffer.is_empty() && (1..=READING_KEPT_BYTES_MAX).contains(&buffer.capacity()) {
            self.reading.set(buffer);
        }
    }

    /// To write an answer into.
    pub(super) fn answer(&self) -> Vec<u8> {
        self.answer.take()
    }

    pub(super) fn answer_back(&self, answer: Vec<u8>) {
        self.answer.set(answer);
    }
}
