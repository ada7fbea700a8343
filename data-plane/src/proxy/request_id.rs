//! The id of a request: the client's where it can be used, else one of the worker's: 32 hex
//! digits, half of them random at its start, half a count.

use std::cell::Cell;

use data_encoding::HEXLOWER;
use http::{HeaderMap, HeaderValue};

use super::headers::X_REQUEST_ID;

/// A client's id is visible ASCII and no longer than this.
const CHARACTERS_MAX: usize = 128;

#[derive(Debug)]
pub(super) struct RequestIds {
    worker: [u8; 8],
    next: Cell<u64>,
}

impl RequestIds {
    pub(super) fn new(worker: [u8; 8]) -> Self {
        Self { worker, next: Cell::new(0) }
    }

    /// Takes the id of a request with these headers out of them.
    pub(super) fn take(&self, headers: &mut HeaderMap) -> HeaderValue {
        let is_usable = |id: &HeaderValue| {
            let bytes = id.as_bytes();
            (1..=CHARACTERS_MAX).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
        };
        headers.remove(X_REQUEST_ID).filter(is_usable).unwrap_or_else(|| self.next())
    }

    /// One that nobody has had.
    pub(super) fn next(&self) -> HeaderValue {
        let count = self.next.get();
        self.next.set(count.wrapping_add(1));
        let mut id = [0; 16];
        let (worker, counted) = id.split_at_mut(8);
        worker.copy_from_slice(&self.worker);
        counted.copy_from_slice(&count.to_be_bytes());
        let mut text = [0; 32];
        HEXLOWER.encode_mut(&id, &mut text);
        HeaderValue::from_bytes(&text).unwrap_or_else(|_| HeaderValue::from_static("-"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_id_comes_twice() {
        let ids = RequestIds::new(*b"\x01\x23\x45\x67\x89\xab\xcd\xef");
        assert_eq!(ids.next(), "0123456789abcdef0000000000000000");
        assert_eq!(ids.next(), "0123456789abcdef0000000000000001");
    }
}
