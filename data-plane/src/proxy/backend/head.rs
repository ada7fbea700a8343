//! The heads of an exchange: writes a request's, reads an answer's and decides how its body is
//! framed. Framing is made anew on both sides and strict: in doubt the answer is broken. What
//! concerns only the connection to the backend never gets into the answer's headers. Sans-IO.

use std::mem::MaybeUninit;

use bytes::BytesMut;
use http::header::{CONNECTION, CONTENT_LENGTH, UPGRADE};
use http::{HeaderMap, HeaderName, Method, StatusCode};
use memchr::memmem;

use crate::proxy::fields::{self, Line, Lines};
use crate::proxy::ours::Ours;

/// Of an answer's head.
const HEAD_BYTES_MAX: usize = 128 * 1024;
const HEADERS_MAX: usize = 100;

const SWITCHING: u16 = 101;
const WEBSOCKET: &[u8] = b"websocket";

/// What of a request says how its answer is to be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'m> {
    pub(super) method: &'m Method,
    /// The backend may answer 101, and the connection is a tunnel from there on.
    pub(super) upgrade: bool,
}

/// How long a request's body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    Exact(u64),
    Unknown,
}

/// Appends a request's head. The client's headers hold no framing; it is added here, and so is the wish for
/// a WebSocket.
pub(super) fn write(
    out: &mut Vec<u8>,
    asked: Asked<'_>,
    target: &str,
    ours: &Ours<'_>,
    headers: &HeaderMap,
    length: Length,
) {
    let method = asked.method;
    for part in [method.as_str(), " ", target, " HTTP/1.1\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    fields::write(out, b"host", ours.host.as_bytes());
    for (name, value) in headers {
        fields::write(out, name.as_str().as_bytes(), value.as_bytes());
    }
    ours.say_all(|name, value| fields::write(out, name.as_bytes(), value));
    if asked.upgrade {
        out.extend_from_slice(b"connection: Upgrade\r\nupgrade: websocket\r\n");
    }
    match length {
        Length::Unknown => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        Length::Exact(0) if !expects_body(method) => {}
        Length::Exact(bytes) => {
            let mut digits = itoa::Buffer::new();
            fields::write(out, b"content-length", digits.format(bytes).as_bytes());
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// A request of these methods says that it has no body; the others need not.
fn expects_body(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

/// The head of a backend's final answer.
#[derive(Debug)]
pub(super) struct AnswerHead {
    pub(super) status: StatusCode,
    /// What of its headers goes on.
    pub(super) lines: Lines,
    pub(super) framing: Framing,
    /// Whether the backend takes another request on this connection.
    pub(super) keeps_alive: bool,
}

/// How an answer's body is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
    /// What follows is no HTTP.
    Tunnel,
}

/// The answer cannot be used, and neither can its connection any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the backend's answer is malformed")]
pub(super) struct Malformed;

/// Takes the head of the final answer from the buffer, where it is complete; interim answers
/// are dropped.
pub(super) fn take(
    buffer: &mut BytesMut,
    asked: Asked<'_>,
) -> Result<Option<AnswerHead>, Malformed> {
    loop {
        let Some(end) = memmem::find(buffer, b"\r\n\r\n") else {
            return if buffer.len() > HEAD_BYTES_MAX { Err(Malformed) } else { Ok(None) };
        };
        if end > HEAD_BYTES_MAX {
            return Err(Malformed);
        }
        let head = buffer.split_to(end + 4);
        let (status_line, lines) = parse(&head)?;
        let is_switching = status_line.code == SWITCHING;
        if is_switching && !asked.upgrade {
            return Err(Malformed);
        }
        if status_line.code >= 200 || is_switching {
            return final_head(status_line, Lines::new(head, lines), asked.method).map(Some);
        }
    }
}

#[derive(Clone, Copy)]
struct StatusLine {
    code: u16,
    is_http_11: bool,
}

fn parse(head: &[u8]) -> Result<(StatusLine, Vec<Line>), Malformed> {
    let mut fields = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    let mut parsed = httparse::Response::new(&mut []);
    let parse = httparse::ParserConfig::default().parse_response_with_uninit_headers(
        &mut parsed,
        head,
        &mut fields,
    );
    let (Ok(httparse::Status::Complete(length)), Some(code), Some(version)) =
        (parse, parsed.code, parsed.version)
    else {
        return Err(Malformed);
    };
    // A head that ended earlier for the parser than for us is read differently by someone.
    if length != head.len() {
        return Err(Malformed);
    }
    let lines = parsed.headers.iter().map(|field| Line::in_head(head, field)).collect();
    Ok((StatusLine { code, is_http_11: version == 1 }, lines))
}

fn final_head(
    StatusLine { code, is_http_11 }: StatusLine,
    mut lines: Lines,
    method: &Method,
) -> Result<AnswerHead, Malformed> {
    let mut facts = Facts::default();
    let mut all_well = Ok(());
    lines.retain(|name, value| {
        let goes_on = facts.note(name, value).map_err(|malformed| all_well = Err(malformed));
        goes_on.unwrap_or(false)
    });
    all_well?;
    let named = &facts.named_by_connection;
    if !named.is_empty() {
        lines.retain(|name, _| !named.iter().any(|named| named.as_str().as_bytes() == name));
    }
    let status = StatusCode::from_u16(code).map_err(|_| Malformed)?;
    if code == SWITCHING {
        let switches = facts.is_websocket && named.contains(&UPGRADE);
        // Anything less, and one side would speak HTTP where the other does no longer.
        if !switches || !is_http_11 || facts.chunked || facts.length.is_some() {
            return Err(Malformed);
        }
        return Ok(AnswerHead { status, lines, framing: Framing::Tunnel, keeps_alive: false });
    }
    let has_no_body = *method == Method::HEAD
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED;
    let framing = match (facts.chunked, facts.length) {
        (true, Some(_)) => return Err(Malformed),
        (true, None) if !is_http_11 => return Err(Malformed),
        _ if has_no_body => Framing::Length(0),
        (true, None) => Framing::Chunked,
        (false, Some(length)) => Framing::Length(length),
        (false, None) => Framing::UntilClose,
    };
    let keeps_alive = is_http_11 && !facts.closes && framing != Framing::UntilClose;
    Ok(AnswerHead { status, lines, framing, keeps_alive })
}

/// What an answer's headers say of its framing and its connection.
#[derive(Default)]
struct Facts {
    length: Option<u64>,
    chunked: bool,
    closes: bool,
    named_by_connection: Vec<HeaderName>,
    is_websocket: bool,
}

impl Facts {
    /// Whether the header goes on to the client.
    fn note(&mut self, name: &[u8], value: &[u8]) -> Result<bool, Malformed> {
        match name {
            b"content-length" => {
                let is_first = self.length.is_none();
                let length = fields::length(value).ok_or(Malformed)?;
                if self.length.replace(length).is_some_and(|former| former != length) {
                    return Err(Malformed);
                }
                Ok(is_first)
            }
            b"transfer-encoding" => {
                if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Malformed);
                }
                self.chunked = true;
                Ok(false)
            }
            b"connection" => {
                self.take_connection_list(value)?;
                Ok(false)
            }
            b"upgrade" => {
                self.is_websocket = value.eq_ignore_ascii_case(WEBSOCKET);
                Ok(false)
            }
            b"keep-alive" | b"proxy-connection" | b"te" | b"trailer" => Ok(false),
            _ => Ok(true),
        }
    }

    fn take_connection_list(&mut self, value: &[u8]) -> Result<(), Malformed> {
        if value.eq_ignore_ascii_case(b"keep-alive") {
            return Ok(());
        }
        let tokens = value.split(|b| *b == b',').map(<[u8]>::trim_ascii);
        for token in tokens.filter(|token| !token.is_empty()) {
            let name = HeaderName::from_bytes(token).map_err(|_| Malformed)?;
            self.closes |= name == "close";
            // The framing is not named away.
            if name != CONTENT_LENGTH && name != CONNECTION {
                self.named_by_connection.push(name);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
