//! Heads, byte for byte.

use http::HeaderValue;

use super::*;

fn plain(method: &Method) -> Asked<'_> {
    Asked { method, upgrade: false }
}

fn written(method: &Method, length: Length) -> String {
    let mut headers = HeaderMap::new();
    headers.append("x-a", HeaderValue::from_static("1"));
    headers.append("x-a", HeaderValue::from_static("2"));
    let mut out = Vec::new();
    let host = HeaderValue::from_static("b:1");
    let ours = Ours::to(&host);
    write(&mut out, plain(method), "/a?b=c", &ours, &headers, length);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_request_says_how_long_its_body_is_where_that_is_not_clear() {
    let head = |method: &str, framing: &str| {
        format!("{method} /a?b=c HTTP/1.1\r\nhost: b:1\r\nx-a: 1\r\nx-a: 2\r\n{framing}\r\n")
    };
    assert_eq!(written(&Method::GET, Length::Exact(0)), head("GET", ""));
    assert_eq!(written(&Method::DELETE, Length::Exact(0)), head("DELETE", ""));
    assert_eq!(written(&Method::POST, Length::Exact(0)), head("POST", "content-length: 0\r\n"));
    assert_eq!(written(&Method::GET, Length::Exact(7)), head("GET", "content-length: 7\r\n"));
    assert_eq!(
        written(&Method::PUT, Length::Unknown),
        head("PUT", "transfer-encoding: chunked\r\n")
    );
}

fn taken(method: &Method, text: &str) -> Result<Option<AnswerHead>, Malformed> {
    take(&mut BytesMut::from(text), plain(method))
}

fn head(method: &Method, text: &str) -> AnswerHead {
    taken(method, text).expect(text).expect(text)
}

#[test]
fn framing_follows_the_status_the_method_and_the_headers() {
    for (method, text, framing, keeps_alive) in [
        (Method::GET, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Framing::Length(5), true),
        (
            Method::GET,
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
            Framing::Length(5),
            true,
        ),
        (Method::GET, "HTTP/1.1 200\r\nTransfer-Encoding: Chunked\r\n\r\n", Framing::Chunked, true),
        (Method::GET, "HTTP/1.1 200 OK\r\n\r\n", Framing::UntilClose, false),
        (Method::GET, "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", Framing::Length(5), false),
        (
            Method::GET,
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: Close\r\n\r\n",
            Framing::Length(5),
            false,
        ),
        (Method::HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Framing::Length(0), true),
        (
            Method::HEAD,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            Framing::Length(0),
            true,
        ),
        (Method::GET, "HTTP/1.1 204 No Content\r\n\r\n", Framing::Length(0), true),
        (
            Method::GET,
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
            Framing::Length(0),
            true,
        ),
        (
            Method::GET,
            "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 103 E\r\nLink: x\r\n\r\nHTTP/1.1 204 N\r\n\r\n",
            Framing::Length(0),
            true,
        ),
    ] {
        let head = head(&method, text);
        assert_eq!((head.framing, head.keeps_alive), (framing, keeps_alive), "{text:?}");
    }
}

#[test]
fn what_concerns_the_connection_stays_here() {
    let head = head(
        &Method::GET,
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\nConnection: X-Drop, keep-alive, content-length\r\n\
         X-Drop: 1\r\nKeep-Alive: 5\r\nUpgrade: h2c\r\nTrailer: X\r\nTE: x\r\nProxy-Connection: x\r\n\
         X-Kept: 1\r\nX-Kept: 2\r\n\r\n",
    );
    let kept: Vec<_> = head.lines.iter().collect();
    let expected = [("content-length", "5"), ("x-kept", "1"), ("x-kept", "2")];
    assert_eq!(kept, expected.map(|(name, value)| (name.as_bytes(), value.as_bytes())));
}

#[test]
fn in_doubt_it_is_malformed() {
    for text in [
        "this is not HTTP\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: 1\r\n 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX : 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: 1\n\nHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nConnection: a b\r\n\r\n",
    ] {
        assert_eq!(taken(&Method::GET, text).map(drop), Err(Malformed), "{text:?}");
    }
    let many = "X: 1\r\n".repeat(HEADERS_MAX + 1);
    assert!(taken(&Method::GET, &format!("HTTP/1.1 200 OK\r\n{many}\r\n")).is_err());
    let long = "x".repeat(HEAD_BYTES_MAX + 1);
    assert!(taken(&Method::GET, &format!("HTTP/1.1 200 OK\r\nX: {long}")).is_err());
}

#[test]
fn what_is_not_complete_waits() {
    let text = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    let mut buffer = BytesMut::new();
    for byte in text.bytes() {
        buffer.extend_from_slice(&[byte]);
        if let Some(head) = take(&mut buffer, plain(&Method::GET)).unwrap() {
            assert_eq!((head.status, buffer.len()), (StatusCode::OK, 0));
            return;
        }
    }
    panic!("no head");
}

#[test]
fn only_where_asked_and_as_a_whole_an_answer_opens_a_tunnel() {
    let asked = Asked { method: &Method::GET, upgrade: true };
    let taken = |asked, fields: &str| {
        let text = format!("HTTP/1.1 101 Switching Protocols\r\n{fields}\r\nbytes");
        let mut buffer = BytesMut::from(text.as_str());
        take(&mut buffer, asked).map(|head| (head.unwrap(), buffer))
    };
    let whole =
        "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Accept: x\r\n";
    let (head, left) = taken(asked, whole).unwrap();
    assert_eq!((head.status, head.framing), (StatusCode::SWITCHING_PROTOCOLS, Framing::Tunnel));
    assert_eq!((head.lines.iter().count(), head.keeps_alive), (1, false));
    assert_eq!(left, "bytes");
    assert!(taken(plain(&Method::GET), whole).is_err(), "nobody asked");
    for fields in [
        "",
        "Upgrade: websocket\r\n",
        "Connection: Upgrade\r\n",
        "Connection: Upgrade\r\nUpgrade: h2c\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n",
    ] {
        assert!(taken(asked, fields).is_err(), "{fields}");
    }
}
