//! The head of an answer to a client of HTTP/1. Framing is made anew: a length where it is known,
//! chunks for HTTP/1.1, the end of the connection for HTTP/1.0. Sans-IO.

use http::{HeaderValue, StatusCode};
use http_body::Body;

use super::outgoing::Framing;
use crate::proxy::answer::Reply;
use crate::proxy::fields;

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
    pub(super) fn of(asked: Asked, reply: &Reply) -> Self {
        let has_body = !asked.is_head && may_have_body(reply.status);
        let length = reply.body.size_hint().exact();
        let is_delimited = !has_body || length.is_some() || asked.is_http_11;
        let closes = reply.told.as_ref().is_some_and(|told| told.closes);
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

/// Appends the head. `date` is asked where the answer has none.
pub(super) fn write(
    out: &mut Vec<u8>,
    asked: Asked,
    form: Form,
    reply: &Reply,
    date: impl FnOnce() -> HeaderValue,
) {
    let status = reply.status;
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
    let mut has_date = false;
    reply.fields.write(out, |name| match name {
        b"connection" | b"transfer-encoding" | b"x-request-id" => false,
        b"content-length" => !form.has_body,
        b"date" => {
            has_date = true;
            true
        }
        _ => true,
    });
    let is_switching = status == StatusCode::SWITCHING_PROTOCOLS;
    if is_switching {
        out.extend_from_slice(b"connection: Upgrade\r\nupgrade: websocket\r\n");
    }
    fields::write(out, b"x-request-id", reply.request_id.as_bytes());
    if !has_date {
        fields::write(out, b"date", date().as_bytes());
    }
    match (form.framing, form.length) {
        (Framing::Chunked, _) => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        (Framing::Plain, Some(bytes)) => {
            let mut digits = itoa::Buffer::new();
            fields::write(out, b"content-length", digits.format(bytes).as_bytes());
        }
        (Framing::Plain, None) => {}
    }
    if !form.keeps_alive && !is_switching {
        out.extend_from_slice(b"connection: close\r\n");
    } else if !asked.is_http_11 {
        out.extend_from_slice(b"connection: keep-alive\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, HeaderName};

    use super::*;
    use crate::proxy::answer::AnswerBody;
    use crate::proxy::fields::Fields;
    use crate::proxy::refusal::Told;
    use crate::proxy::request_id::RequestId;

    const HTTP_11: Asked = Asked { is_head: false, is_http_11: true, keeps_alive: true };
    const DATE: (&str, &str) = ("date", "then");

    fn reply(status: u16, headers: &[(&'static str, &'static str)]) -> Reply {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        Reply {
            status: StatusCode::from_u16(status).unwrap(),
            fields: Fields::Map(Box::new(headers.collect::<HeaderMap>())),
            body: AnswerBody::whole(Bytes::from_static(b"hello")),
            request_id: RequestId::Theirs(HeaderValue::from_static("7")),
            told: None,
        }
    }

    fn written(asked: Asked, reply: &Reply) -> String {
        let mut out = Vec::new();
        let now = || HeaderValue::from_static("now");
        write(&mut out, asked, Form::of(asked, reply), reply, now);
        String::from_utf8(out).unwrap()
    }

    fn head(asked: Asked, status: u16, headers: &[(&'static str, &'static str)]) -> String {
        written(asked, &reply(status, headers))
    }

    #[test]
    fn framing_is_made_anew() {
        assert_eq!(
            head(HTTP_11, 200, &[("content-length", "999"), ("x-a", "1"), ("date", "then")]),
            "HTTP/1.1 200 OK\r\nx-a: 1\r\ndate: then\r\nx-request-id: 7\r\ncontent-length: 5\r\n\r\n"
        );
    }

    #[test]
    fn the_id_is_ours_and_so_is_a_date_where_there_is_none() {
        assert_eq!(
            head(HTTP_11, 200, &[("x-request-id", "theirs"), ("x-a", "1")]),
            "HTTP/1.1 200 OK\r\nx-a: 1\r\nx-request-id: 7\r\ndate: now\r\ncontent-length: 5\r\n\r\n"
        );
    }

    #[test]
    fn an_answer_without_a_body_keeps_the_length_that_it_tells() {
        let head = |asked, status, length: &[_]| head(asked, status, &[&[DATE], length].concat());
        let asked = Asked { is_head: true, ..HTTP_11 };
        let with = |line: &str, length: &str| {
            format!("HTTP/1.1 {line}\r\ndate: then\r\n{length}x-request-id: 7\r\n\r\n")
        };
        let told = with("200 OK", "content-length: 999\r\n");
        assert_eq!(head(asked, 200, &[("content-length", "999")]), told);
        assert_eq!(head(asked, 200, &[]), with("200 OK", ""));
        assert_eq!(head(HTTP_11, 204, &[]), with("204 No Content", ""));
    }

    #[test]
    fn both_sides_hear_whether_the_connection_stays() {
        let closing = "HTTP/1.1 200 OK\r\ndate: then\r\nx-request-id: 7\r\ncontent-length: 5\r\nconnection: close\r\n\r\n";
        let told = Told { code: "", message: "".into(), closes: true };
        let refusal = Reply { told: Some(told), ..reply(200, &[DATE]) };
        assert_eq!(written(HTTP_11, &refusal), closing);
        assert_eq!(head(Asked { keeps_alive: false, ..HTTP_11 }, 200, &[DATE]), closing);
        let old = Asked { is_http_11: false, ..HTTP_11 };
        assert!(head(old, 200, &[]).ends_with("\r\nconnection: keep-alive\r\n\r\n"));
    }
}
