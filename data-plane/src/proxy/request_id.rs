//! The id of a request: the client's where it can be used, else one of the worker's: 32 hex
//! digits, half of them random at its start, half a count.

use std::cell::Cell;

use data_encoding::HEXLOWER;
use http::{HeaderMap, HeaderValue};

use super::headers::X_REQUEST_ID;

/// A client's id is visible ASCII and no longer than this.
const CHARACTERS_MAX: usize = 128;

#[derive(Debug, Clone)]
pub(super) enum RequestId {
    Theirs(HeaderValue),
    Ours([u8; 32]),
}

#[derive(Debug)]
pub(super) struct RequestIds {
    /// What all ids of the worker begin with.
    worker: [u8; 16],
    next: Cell<u64>,
}

impl RequestId {
    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Theirs(id) => id.as_bytes(),
            Self::Ours(id) => id,
        }
    }

    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    pub(super) fn into_value(self) -> HeaderValue {
        match self {
            Self::Theirs(id) => id,
            Self::Ours(id) => {
                HeaderValue::from_bytes(&id).unwrap_or_else(|_| HeaderValue::from_static("-"))
            }
        }
    }
}

impl RequestIds {
    pub(super) fn new(worker: [u8; 8]) -> Self {
        let mut text = [0; 16];
        HEXLOWER.encode_mut(&worker, &mut text);
        Self { worker: text, next: Cell::new(0) }
    }

    /// Takes the id of a request with these headers out of them.
    pub(super) fn take(&self, headers: &mut HeaderMap) -> RequestId {
        let is_usable = |id: &HeaderValue| {
            let bytes = id.as_bytes();
            (1..=CHARACTERS_MAX).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
        };
        let theirs = headers.remove(X_REQUEST_ID).filter(is_usable);
        theirs.map_or_else(|| self.next(), RequestId::Theirs)
    }

    /// One that nobody has had.
    pub(super) fn next(&self) -> RequestId {
        let count = self.next.get();
        self.next.set(count.wrapping_add(1));
        let mut id = [0; 32];
        let (worker, counted) = id.split_at_mut(16);
        worker.copy_from_slice(&self.worker);
        HEXLOWER.encode_mut(&count.to_be_bytes(), counted);
        RequestId::Ours(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_id_comes_twice() {
        let ids = RequestIds::new(*b"\x01\x23\x45\x67\x89\xab\xcd\xef");
        assert_eq!(ids.next().as_str(), "0123456789abcdef0000000000000000");
        assert_eq!(ids.next().as_str(), "0123456789abcdef0000000000000001");
    }
}
