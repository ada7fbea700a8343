//! The headers of an answer, whichever way they came. Those that HTTP/1.1 brought stay where they
//! stand in their head: on the way to a client of HTTP/1 nothing is copied and nothing looked up.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};

const LINE_END: &[u8] = b"\r\n";

#[derive(Debug)]
pub(super) enum Fields {
    Read(Lines),
    /// Of HTTP/2, or our own.
    Map(Box<HeaderMap>),
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
#[inline]
pub(super) fn write(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    for part in [name, b": ", value, LINE_END] {
        out.extend_from_slice(part);
    }
}

/// What a Content-Length says: digits and nothing else.
pub(super) fn length(value: &[u8]) -> Option<u64> {
    let add = |number: u64, digit: &u8| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    };
    if value.is_empty() { None } else { value.iter().try_fold(0, add) }
}

impl Fields {
    /// Appends those that go on to a head of HTTP/1. Names are in lower case.
    pub(super) fn write(&self, out: &mut Vec<u8>, mut goes_on: impl FnMut(&[u8]) -> bool) {
        match self {
            Self::Read(lines) => lines.write(out, goes_on),
            Self::Map(map) => {
                for (name, value) in &**map {
                    let name = name.as_str().as_bytes();
                    if goes_on(name) {
                        self::write(out, name, value.as_bytes());
                    }
                }
            }
        }
    }

    pub(super) fn into_map(self) -> HeaderMap {
        let lines = match self {
            Self::Map(map) => return *map,
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

    /// What stands side by side is copied as one.
    fn write(&self, out: &mut Vec<u8>, mut goes_on: impl FnMut(&[u8]) -> bool) {
        let mut together: Option<Span> = None;
        for Line { name, value } in &self.lines {
            if !goes_on(name.of(&self.head)) {
                continue;
            }
            let is_between = |before: &Span| self.head.get(before.to..name.from) == Some(LINE_END);
            let before = together.filter(is_between);
            if before.is_none() {
                write_lines(out, together, &self.head);
            }
            let from = before.unwrap_or(*name).from;
            together = Some(Span { from, to: value.to });
        }
        write_lines(out, together, &self.head);
    }

    /// Only these go on.
    pub(super) fn retain(&mut self, mut goes_on: impl FnMut(&[u8], &[u8]) -> bool) {
        self.lines.retain(|line| {
            let (name, value) = line.of(&self.head);
            goes_on(name, value)
        });
    }
}

fn write_lines(out: &mut Vec<u8>, lines: Option<Span>, head: &[u8]) {
    if let Some(lines) = lines {
        out.extend_from_slice(lines.of(head));
        out.extend_from_slice(LINE_END);
    }
}

impl Span {
    fn of(self, head: &[u8]) -> &[u8] {
        head.get(self.from..self.to).unwrap_or_default()
    }
}

impl Line {
    /// `field` was found in this head.
    pub(super) fn in_head(head: &[u8], field: &httparse::Header<'_>) -> Self {
        let span = |part: &[u8]| {
            let from = part.as_ptr().addr().saturating_sub(head.as_ptr().addr());
            Span { from, to: from + part.len() }
        };
        let name = span(field.name.as_bytes());
        // A value of nothing stands nowhere: it is behind the colon.
        let nothing = Span { from: name.to + 1, to: name.to + 1 };
        Self { name, value: if field.value.is_empty() { nothing } else { span(field.value) } }
    }

    fn of(self, head: &[u8]) -> (&[u8], &[u8]) {
        (self.name.of(head), self.value.of(head))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written of a head with these lines, all but those of `left`.
    fn written(lines: &str, left: &str) -> String {
        let head = BytesMut::from(format!("HTTP/1.1 200 OK\r\n{lines}\r\n").as_str());
        let mut fields = [httparse::EMPTY_HEADER; 8];
        let mut parsed = httparse::Response::new(&mut fields);
        assert!(parsed.parse(&head).unwrap().is_complete());
        let places = parsed.headers.iter().map(|field| Line::in_head(&head, field)).collect();
        let mut out = Vec::new();
        let fields = Fields::Read(Lines::new(head, places));
        fields.write(&mut out, |name| name != left.as_bytes());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_go_on_with_or_without_their_neighbours() {
        let lines = "A: 1\r\nB-Two:2\r\nC: 3\r\n";
        assert_eq!(written(lines, ""), "a: 1\r\nb-two:2\r\nc: 3\r\n");
        assert_eq!(written(lines, "b-two"), "a: 1\r\nc: 3\r\n");
        assert_eq!(written(lines, "a"), "b-two:2\r\nc: 3\r\n");
    }

    #[test]
    fn a_value_of_nothing_is_no_end_of_the_head() {
        assert_eq!(written("A:\r\nB: \r\nC: 3\r\n", ""), "a:\r\nb:\r\nc: 3\r\n");
        assert_eq!(written("A: 1\r\nB:\r\n", ""), "a: 1\r\nb:\r\n");
    }

    #[test]
    fn whatever_ends_a_line_it_is_cr_lf_that_goes_on() {
        assert_eq!(written("A: 1 \nB: 2\nC: 3  \r\n", ""), "a: 1\r\nb: 2\r\nc: 3\r\n");
    }
}
