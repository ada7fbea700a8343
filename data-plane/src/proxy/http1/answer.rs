//! The head of an answer to a client of HTTP/1. Framing is made anew: a length where it is known,
//! chunks for HTTP/1.1, the end of the connection for HTTP/1.0. Sans-IO.

use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, StatusCode};
use http_body::Body;

use super::outgoing::Framing;
use crate::proxy::answer::AnswerBody;

/// What the request says of how its answer has to look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) is_head: bool,
    pub(super) is_http_11: bool,
    pub(super) keeps_alive: bool,
}

/// How an answer is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) framing: Framing,
    pub(super) has_body: bool,
    /// Whether another request may follow.
    pub(super) keeps_alive: bool,
    length: Option<u64>,
}

impl Form {
    pub(super) fn of(
        asked: Asked,
        status: StatusCode,
        headers: &HeaderMap,
        body: &AnswerBody,
    ) -> Self {
        let has_body = !asked.is_head && may_have_body(status);
        let length = body.size_hint().exact();
        let is_delimited = !has_body || length.is_some() || asked.is_http_11;
        let closes = headers.get(CONNECTION).is_some_and(|value| value == "close");
        let is_chunked = has_body && length.is_none() && asked.is_http_11;
        Self {
            framing: if is_chunked { Framing::Chunked } else { Framing::Plain },
            has_body,
            keeps_alive: asked.keeps_alive && is_delimited && !closes,
            length: length.filter(|_| has_body),
        }
    }
}

/// RFC 9110: these have none, whatever their headers say.
fn may_have_body(status: StatusCode) -> bool {
    !status.is_informational()
        && status != StatusCode::NO_CONTENT
        && status != StatusCode::NOT_MODIFIED
}

/// Appends the head.
pub(super) fn write(
    out: &mut Vec<u8>,
    asked: Asked,
    form: Form,
    status: StatusCode,
    headers: &HeaderMap,
) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
    let is_switching = status == StatusCode::SWITCHING_PROTOCOLS;
    for (name, value) in headers {
        let is_made_anew = (*name == CONNECTION && !is_switching)
            || *name == TRANSFER_ENCODING
            || (*name == CONTENT_LENGTH && form.has_body);
        if !is_made_anew {
            write_header(out, name, value.as_bytes());
        }
    }
    match (form.framing, form.length) {
        (Framing::Chunked, _) => write_header(out, &TRANSFER_ENCODING, b"chunked"),
        (Framing::Plain, Some(bytes)) => write_number(out, &CONTENT_LENGTH, bytes),
        (Framing::Plain, None) => {}
    }
    if !form.keeps_alive && !is_switching {
        write_header(out, &CONNECTION, b"close");
    } else if !asked.is_http_11 {
        write_header(out, &CONNECTION, b"keep-alive");
    }
    out.extend_from_slice(b"\r\n");
}

fn write_header(out: &mut Vec<u8>, name: &HeaderName, value: &[u8]) {
    for part in [name.as_str().as_bytes(), b": ", value, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

fn write_number(out: &mut Vec<u8>, name: &HeaderName, mut number: u64) {
    let mut digits = [b'0'; 20];
    let mut used = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
        used += 1;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    write_header(out, name, digits.get(digits.len() - used..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderValue;

    use super::*;

    const HTTP_11: Asked = Asked { is_head: false, is_http_11: true, keeps_alive: true };

    fn head(asked: Asked, status: u16, headers: &[(&'static str, &'static str)]) -> String {
        let status = StatusCode::from_u16(status).unwrap();
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let headers: HeaderMap = headers.collect();
        let body = AnswerBody::whole(Bytes::from_static(b"hello"));
        let form = Form::of(asked, status, &headers, &body);
        let mut out = Vec::new();
        write(&mut out, asked, form, status, &headers);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn framing_is_made_anew() {
        assert_eq!(
            head(HTTP_11, 200, &[("content-length", "999"), ("x-a", "1"), ("date", "then")]),
            "HTTP/1.1 200 OK\r\nx-a: 1\r\ndate: then\r\ncontent-length: 5\r\n\r\n"
        );
    }

    #[test]
    fn an_answer_without_a_body_keeps_the_length_that_it_tells() {
        let asked = Asked { is_head: true, ..HTTP_11 };
        let told = "HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n";
        assert_eq!(head(asked, 200, &[("content-length", "999")]), told);
        assert_eq!(head(asked, 200, &[]), "HTTP/1.1 200 OK\r\n\r\n");
        assert_eq!(head(HTTP_11, 204, &[]), "HTTP/1.1 204 No Content\r\n\r\n");
    }

    #[test]
    fn both_sides_hear_whether_the_connection_stays() {
        let closing = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\n";
        assert_eq!(head(HTTP_11, 200, &[("connection", "close")]), closing);
        assert_eq!(head(Asked { keeps_alive: false, ..HTTP_11 }, 200, &[]), closing);
        let old = Asked { is_http_11: false, ..HTTP_11 };
        assert!(head(old, 200, &[]).ends_with("\r\nconnection: keep-alive\r\n\r\n"));
    }
}
