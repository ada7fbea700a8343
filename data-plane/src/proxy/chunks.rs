//! Takes a chunked body apart, strictly: what another reader could read differently is an error.
//! Sans-IO: bytes come in a buffer, steps go out.

use bytes::{Buf, Bytes, BytesMut};

/// Of a chunk's size with its extensions.
const SIZE_LINE_BYTES_MAX: usize = 256;
/// Of all trailers, which are read and dropped.
const TRAILERS_BYTES_MAX: usize = 16 * 1024;
const SIZE_DIGITS_MAX: usize = 15;

/// Where in a chunked body the reader stands.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Chunks {
    next: Next,
    trailers_bytes: usize,
}

#[derive(Debug, Default)]
enum Next {
    #[default]
    Size,
    /// This many bytes of the chunk are still to come.
    Data(u64),
    LineEnd,
    Trailers,
    Nothing,
}

#[derive(Debug, PartialEq, Eq)]
pub(in crate::proxy) enum Step {
    Data(Bytes),
    /// The buffer holds no whole step.
    NeedsMore,
    End,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the chunked body is malformed")]
pub(in crate::proxy) struct Malformed;

impl Chunks {
    /// The next step; what it is made of leaves the buffer.
    pub(in crate::proxy) fn step(&mut self, buffer: &mut BytesMut) -> Result<Step, Malformed> {
        loop {
            match self.next {
                Next::Nothing => return Ok(Step::End),
                Next::Size => {
                    let Some(line) = take_line(buffer, SIZE_LINE_BYTES_MAX)? else {
                        return Ok(Step::NeedsMore);
                    };
                    self.next = match size_of(&line)? {
                        0 => Next::Trailers,
                        size => Next::Data(size),
                    };
                }
                Next::Data(left) => {
                    let here = usize::try_from(left).map_or(buffer.len(), |l| l.min(buffer.len()));
                    if here == 0 {
                        return Ok(Step::NeedsMore);
                    }
                    let left = left - here as u64;
                    self.next = if left == 0 { Next::LineEnd } else { Next::Data(left) };
                    return Ok(Step::Data(buffer.split_to(here).freeze()));
                }
                Next::LineEnd => match buffer.as_ref() {
                    [] | [b'\r'] => return Ok(Step::NeedsMore),
                    [b'\r', b'\n', ..] => {
                        buffer.advance(2);
                        self.next = Next::Size;
                    }
                    _ => return Err(Malformed),
                },
                Next::Trailers => {
                    let left = TRAILERS_BYTES_MAX - self.trailers_bytes;
                    let Some(line) = take_line(buffer, left)? else { return Ok(Step::NeedsMore) };
                    self.trailers_bytes += line.len();
                    if line.is_empty() {
                        self.next = Next::Nothing;
                    } else if !is_trailer(&line) {
                        return Err(Malformed);
                    }
                }
            }
        }
    }
}

/// A name, at once a colon, and a value without control characters.
fn is_trailer(line: &[u8]) -> bool {
    let Some(colon) = memchr::memchr(b':', line) else { return false };
    let (name, value) = line.split_at(colon);
    let in_value = |b: &u8| *b == b'\t' || (*b >= b' ' && *b != 0x7f);
    http::HeaderName::from_bytes(name).is_ok() && value.iter().all(in_value)
}

/// A line that ends in CR LF, without them; none where it is not complete yet.
fn take_line(buffer: &mut BytesMut, bytes_max: usize) -> Result<Option<BytesMut>, Malformed> {
    match memchr::memchr(b'\n', buffer) {
        Some(end) if end <= bytes_max => {
            let line = buffer.split_to(end);
            buffer.advance(1);
            match line.strip_suffix(b"\r") {
                Some(text) if memchr::memchr(b'\r', text).is_none() => {
                    let bytes = text.len();
                    let mut line = line;
                    line.truncate(bytes);
                    Ok(Some(line))
                }
                _ => Err(Malformed),
            }
        }
        None if buffer.len() <= bytes_max => Ok(None),
        _ => Err(Malformed),
    }
}

/// `1a2b`, perhaps followed by extensions, which are not looked at.
fn size_of(line: &[u8]) -> Result<u64, Malformed> {
    let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let (digits, rest) = line.split_at(digits);
    let is_extension = rest.trim_ascii_start().first().is_none_or(|b| *b == b';');
    if digits.is_empty() || digits.len() > SIZE_DIGITS_MAX || !is_extension {
        return Err(Malformed);
    }
    let digits = std::str::from_utf8(digits).map_err(|_| Malformed)?;
    u64::from_str_radix(digits, 16).map_err(|_| Malformed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives the bytes in these pieces; returns the body and what is left after its end.
    fn read(pieces: &[&[u8]]) -> Result<(Vec<u8>, Option<Vec<u8>>), Malformed> {
        let (mut chunks, mut buffer, mut body) = (Chunks::default(), BytesMut::new(), Vec::new());
        for (at, piece) in pieces.iter().enumerate() {
            buffer.extend_from_slice(piece);
            loop {
                match chunks.step(&mut buffer)? {
                    Step::Data(data) => body.extend_from_slice(&data),
                    Step::NeedsMore => break,
                    Step::End => {
                        let rest = pieces[at + 1..].concat();
                        return Ok((body, Some([buffer.to_vec(), rest].concat())));
                    }
                }
            }
        }
        Ok((body, None))
    }

    #[test]
    fn well_formed_bodies_are_read_to_their_end_and_no_further() {
        for (sent, body, rest) in [
            ("0\r\n\r\n", "", ""),
            ("5\r\nhello\r\n0\r\n\r\n", "hello", ""),
            ("2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\nHTTP", "hello", "HTTP"),
            ("00005;a=b\r\nhello\r\n0;c\r\nX: 1\r\nY: 2\r\n\r\n", "hello", ""),
            ("A\r\n0123456789\r\n0\r\n\r\n", "0123456789", ""),
            ("1 ;x\r\na\r\n0\r\n\r\n", "a", ""),
        ] {
            let expected = Ok((body.as_bytes().to_vec(), Some(rest.as_bytes().to_vec())));
            assert_eq!(read(&[sent.as_bytes()]), expected, "{sent:?}");
            let bytes: Vec<&[u8]> = sent.as_bytes().chunks(1).collect();
            assert_eq!(read(&bytes), expected, "{sent:?} byte by byte");
        }
    }

    #[test]
    fn what_could_be_read_differently_is_malformed() {
        for sent in [
            "\r\n",
            "x\r\n",
            "-1\r\n",
            "+1\r\na",
            "0x1\r\na",
            "1\na\r\n",
            "1\r\na\n",
            "1\r\nab\r\n",
            "1\r\r\na",
            "ffffffffffffffff\r\n",
            "1 2\r\n",
            "0\r\nX: 1\n\r\n",
            "0\r\nX\r\n\r\n",
            "0\r\nX : 1\r\n\r\n",
            "0\r\n X: 1\r\n\r\n",
            "1;\rx\r\na",
        ] {
            assert_eq!(read(&[sent.as_bytes()]), Err(Malformed), "{sent:?}");
        }
        let long_line = format!("1;{}", "x".repeat(SIZE_LINE_BYTES_MAX));
        assert_eq!(read(&[long_line.as_bytes()]), Err(Malformed));
        let trailers = format!("0\r\n{}", "X: 1\r\n".repeat(TRAILERS_BYTES_MAX / 4));
        assert_eq!(read(&[trailers.as_bytes()]), Err(Malformed));
    }

    proptest! {
        #[test]
        fn however_it_is_cut(data: Vec<Vec<u8>>, cuts in prop::collection::vec(1..20_usize, 1..50)) {
            let mut sent = Vec::new();
            for chunk in data.iter().filter(|chunk| !chunk.is_empty()) {
                sent.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                sent.extend_from_slice(chunk);
                sent.extend_from_slice(b"\r\n");
            }
            sent.extend_from_slice(b"0\r\n\r\n");
            let mut pieces = Vec::new();
            let mut rest = sent.as_slice();
            for cut in cuts.iter().cycle() {
                let (piece, tail) = rest.split_at((*cut).min(rest.len()));
                pieces.push(piece);
                rest = tail;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(read(&pieces), Ok((data.concat(), Some(vec![]))));
        }
    }
}
