//! The headers of an answer, whichever way they came. Those that HTTP/1.1 brought stay where they
//! stand in their head: on the way to a client of HTTP/1 nothing is copied and nothing looked up.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};

#[derive(Debug)]
pub(super) enum Fields {
    Read(Lines),
    /// Of HTTP/2, or our own.
    Map(HeaderMap),
}

/// A head as it was read, with its names in lower case, and what of it goes on.
#[derive(Debug)]
pub(super) struct Lines {
    head: Bytes,
    lines: Vec<Line>,
}

/// Where a header stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    name: Span,
    value: Span,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    from: usize,
    to: usize,
}

/// Appends a header to a head of HTTP/1.
pub(super) fn write(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    for part in [name, b": ", value, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

impl Fields {
    /// Each of them, names in lower case.
    pub(super) fn for_each(&self, mut say: impl FnMut(&[u8], &[u8])) {
        match self {
            Self::Read(lines) => lines.iter().for_each(|(name, value)| say(name, value)),
            Self::Map(map) => {
                map.iter()
                    .for_each(|(name, value)| say(name.as_str().as_bytes(), value.as_bytes()));
            }
        }
    }

    pub(super) fn into_map(self) -> HeaderMap {
        let lines = match self {
            Self::Map(map) => return map,
            Self::Read(lines) => lines,
        };
        let mut map = HeaderMap::with_capacity(lines.lines.len());
        for (name, value) in lines.iter() {
            // The parser lets nothing else through.
            let name = HeaderName::from_lowercase(name);
            let value = HeaderValue::from_maybe_shared(lines.head.slice_ref(value));
            if let (Ok(name), Ok(value)) = (name, value) {
                map.append(name, value);
            }
        }
        map
    }
}

impl Lines {
    pub(super) fn new(mut head: BytesMut, lines: Vec<Line>) -> Self {
        for Line { name, .. } in &lines {
            if let Some(name) = head.get_mut(name.from..name.to) {
                name.make_ascii_lowercase();
            }
        }
        Self { head: head.freeze(), lines }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.lines.iter().map(|line| line.of(&self.head))
    }

    /// Only these go on.
    pub(super) fn retain(&mut self, mut goes_on: impl FnMut(&[u8], &[u8]) -> bool) {
        self.lines.retain(|line| {
            let (name, value) = line.of(&self.head);
            goes_on(name, value)
        });
    }
}

impl Line {
    /// `field` was found in this head.
    pub(super) fn in_head(head: &[u8], field: &httparse::Header<'_>) -> Self {
        let span = |part: &[u8]| {
            let from = part.as_ptr().addr().saturating_sub(head.as_ptr().addr());
            Span { from, to: from + part.len() }
        };
        Self { name: span(field.name.as_bytes()), value: span(field.value) }
    }

    fn of(self, head: &[u8]) -> (&[u8], &[u8]) {
        let part = |span: Span| head.get(span.from..span.to).unwrap_or_default();
        (part(self.name), part(self.value))
    }
}
