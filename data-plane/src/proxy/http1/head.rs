//! Takes a request's head from what a client has sent, and decides how its body is framed. What two
//! readers could read differently is refused, for one of them may stand before or behind us: a line
//! that ends in a bare LF, a length beside a transfer coding, two of either. Sans-IO.

use std::mem::MaybeUninit;

use bytes::{Buf, Bytes, BytesMut};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use memchr::memchr;

use super::rooms::Rooms;
use crate::proxy::fields;
use crate::proxy::refusal::Refusal;

const HEADERS_MAX: usize = 100;
/// More than a head may have, so that most refusals can say why.
const HEAD_BYTES_MAX: usize = 192 * 1024;
/// What `http` can hold; what may be routed is judged later.
const TARGET_BYTES_MAX: usize = 65_534;
/// Of empty lines before a request, which RFC 9112 asks to skip.
const EMPTY_LINES_BYTES_MAX: usize = 64;

/// A request's head, with all of its headers.
#[derive(Debug)]
pub(super) struct RequestHead {
    pub(super) parts: Parts,
    pub(super) framing: Framing,
    /// Whether the client takes more than one answer on this connection.
    pub(super) keeps_alive: bool,
    /// The client waits to be asked for the body.
    pub(super) expects_continue: bool,
}

/// How the request's body is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
}

/// How far a head that is not complete yet was looked at.
#[derive(Debug, Default)]
pub(super) struct Scan {
    looked_at: usize,
    line_start: usize,
    empty_lines_bytes: usize,
}

const BARE_LF: Refusal = Refusal::BadFraming("a line of the head ends in a bare LF");

/// Takes a head from the buffer, where it is complete.
pub(super) fn take(
    buffer: &mut BytesMut,
    scan: &mut Scan,
    rooms: &Rooms,
) -> Result<Option<RequestHead>, Refusal> {
    let Some(end) = scan.end(buffer)? else { return Ok(None) };
    *scan = Scan::default();
    parse(&buffer.split_to(end).freeze(), rooms.headers()).map(Some)
}

impl Scan {
    /// Where the head ends. Every line has to end in CR LF: that is seen before the head is complete,
    /// for a client that ends its lines otherwise sends no more.
    fn end(&mut self, buffer: &mut BytesMut) -> Result<Option<usize>, Refusal> {
        while let Some(at) = memchr(b'\n', buffer.get(self.looked_at..).unwrap_or_default()) {
            let line_end = self.looked_at + at;
            let line = buffer.get(self.line_start..line_end).unwrap_or_default();
            let Some(text) = line.strip_suffix(b"\r") else { return Err(BARE_LF) };
            let (is_first, is_empty) = (self.line_start == 0, text.is_empty());
            self.looked_at = line_end + 1;
            self.line_start = line_end + 1;
            if is_first && is_empty {
                buffer.advance(2);
                (self.looked_at, self.line_start) = (0, 0);
                self.empty_lines_bytes += 2;
                if self.empty_lines_bytes > EMPTY_LINES_BYTES_MAX {
                    return Err(Refusal::BadFraming("nothing but empty lines"));
                }
            } else if is_empty {
                return Ok(Some(self.line_start));
            }
        }
        self.looked_at = buffer.len();
        match (buffer.len() > HEAD_BYTES_MAX, self.line_start) {
            (false, _) => Ok(None),
            (true, 0) => Err(Refusal::UriTooLong),
            (true, _) => Err(Refusal::HeadersTooLarge),
        }
    }

    /// Whether something of a head is there.
    pub(super) fn has_begun(&self) -> bool {
        self.looked_at > 0
    }
}

fn parse(bytes: &Bytes, mut headers: HeaderMap) -> Result<RequestHead, Refusal> {
    let mut fields = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut []);
    let length = match parsed.parse_with_uninit_headers(bytes, &mut fields) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Err(malformed("the head is malformed")),
        Err(error) => return Err(of_parser(error)),
    };
    // A head that ended earlier for the parser than for us is read differently by someone.
    if length != bytes.len() {
        return Err(BARE_LF);
    }
    let (Some(method), Some(target), Some(version)) = (parsed.method, parsed.path, parsed.version)
    else {
        return Err(malformed("the request line is malformed"));
    };
    let mut facts = Facts::default();
    for field in parsed.headers {
        let name = HeaderName::from_bytes(field.name.as_bytes())
            .map_err(|_| malformed("the name of a header is malformed"))?;
        let value = HeaderValue::from_maybe_shared(bytes.slice_ref(field.value))
            .map_err(|_| malformed("the value of a header is malformed"))?;
        facts.note(&name, &value)?;
        headers.append(name, value);
    }
    let method =
        Method::from_bytes(method.as_bytes()).map_err(|_| malformed("the method is malformed"))?;
    let is_http_11 = version == 1;
    let framing = facts.framing(is_http_11, &method)?;
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.uri = target_of(bytes, target)?;
    parts.method = method;
    parts.version = if is_http_11 { Version::HTTP_11 } else { Version::HTTP_10 };
    parts.headers = headers;
    Ok(RequestHead {
        parts,
        framing,
        keeps_alive: !facts.closes && (is_http_11 || facts.keeps_alive),
        expects_continue: facts.expects_continue && is_http_11,
    })
}

fn malformed(what: &'static str) -> Refusal {
    Refusal::BadFraming(what)
}

fn of_parser(error: httparse::Error) -> Refusal {
    match error {
        httparse::Error::TooManyHeaders => Refusal::HeadersTooLarge,
        httparse::Error::HeaderName | httparse::Error::HeaderValue => {
            malformed("a header is malformed")
        }
        httparse::Error::Version => malformed("the version is neither HTTP/1.1 nor HTTP/1.0"),
        _ => malformed("the head is malformed"),
    }
}

fn target_of(bytes: &Bytes, target: &str) -> Result<Uri, Refusal> {
    if target.len() > TARGET_BYTES_MAX {
        return Err(Refusal::UriTooLong);
    }
    // The parser of targets would drop it in silence.
    if memchr(b'#', target.as_bytes()).is_some() {
        return Err(malformed("a request target has no fragment"));
    }
    Uri::from_maybe_shared(bytes.slice_ref(target.as_bytes()))
        .map_err(|_| malformed("the request target is malformed"))
}

/// What a head says of its framing and its connection.
#[derive(Debug, Default)]
struct Facts {
    length: Option<u64>,
    coding: Option<Coding>,
    closes: bool,
    keeps_alive: bool,
    expects_continue: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Chunked,
    Other,
}

impl Facts {
    fn note(&mut self, name: &HeaderName, value: &HeaderValue) -> Result<(), Refusal> {
        match name.as_str() {
            "content-length" => {
                let length = fields::length(value.as_bytes());
                let length = length.ok_or(malformed("Content-Length is not a number"))?;
                if self.length.replace(length).is_some_and(|former| former != length) {
                    return Err(malformed("two Content-Length headers that differ"));
                }
            }
            "transfer-encoding" => {
                let is_chunked = value.as_bytes().eq_ignore_ascii_case(b"chunked");
                let coding = if is_chunked { Coding::Chunked } else { Coding::Other };
                if self.coding.replace(coding).is_some() {
                    return Err(malformed("two Transfer-Encoding headers"));
                }
            }
            "connection" => {
                for token in value.as_bytes().split(|b| *b == b',').map(<[u8]>::trim_ascii) {
                    self.closes |= token.eq_ignore_ascii_case(b"close");
                    self.keeps_alive |= token.eq_ignore_ascii_case(b"keep-alive");
                }
            }
            "expect" => {
                self.expects_continue = value.as_bytes().eq_ignore_ascii_case(b"100-continue");
            }
            _ => {}
        }
        Ok(())
    }

    fn framing(&self, is_http_11: bool, method: &Method) -> Result<Framing, Refusal> {
        let has_body = matches!(*method, Method::POST | Method::PUT | Method::PATCH);
        match (self.coding, self.length) {
            (None, None) if has_body && !is_http_11 => {
                Err(malformed("a body in HTTP/1.0 without Content-Length"))
            }
            (None, length) => Ok(Framing::Length(length.unwrap_or(0))),
            (Some(_), _) if !is_http_11 => Err(malformed("Transfer-Encoding in HTTP/1.0")),
            (Some(_), Some(_)) => Err(malformed("Content-Length together with Transfer-Encoding")),
            (Some(Coding::Other), None) => {
                Err(malformed("the only Transfer-Encoding that is known is chunked"))
            }
            (Some(Coding::Chunked), None) => Ok(Framing::Chunked),
        }
    }
}

#[cfg(test)]
mod tests;
