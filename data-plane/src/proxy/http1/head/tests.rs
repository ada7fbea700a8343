//! Heads of requests, well formed, malformed, and in whatever pieces.

use proptest::prelude::*;

use super::*;

/// The requests of a stream, each as its target and framing, or what is wrong; however it is cut.
fn read(sent: &[u8]) -> Vec<Result<(String, Framing), Refusal>> {
    let whole = in_pieces(sent, sent.len().max(1));
    for piece_bytes in [1, 2, 3, 7] {
        assert_eq!(in_pieces(sent, piece_bytes), whole, "{sent:?} in pieces of {piece_bytes}");
    }
    whole
}

/// Reads heads one after another: none of these requests has a body.
fn in_pieces(sent: &[u8], piece_bytes: usize) -> Vec<Result<(String, Framing), Refusal>> {
    let (mut buffer, mut scan, mut all) = (BytesMut::new(), Scan::default(), Vec::new());
    for piece in sent.chunks(piece_bytes) {
        buffer.extend_from_slice(piece);
        loop {
            match take(&mut buffer, &mut scan, &Rooms::default()) {
                Ok(None) => break,
                Ok(Some(head)) => all.push(Ok((head.parts.uri.to_string(), head.framing))),
                Err(refusal) => {
                    all.push(Err(refusal));
                    return all;
                }
            }
        }
    }
    all
}

fn one(sent: &str) -> Result<RequestHead, Refusal> {
    let mut buffer = BytesMut::from(sent);
    take(&mut buffer, &mut Scan::default(), &Rooms::default()).map(Option::unwrap)
}

#[test]
fn heads_are_taken_one_after_another() {
    let sent = b"\r\n\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.0\r\n\r\nGET /c";
    let (a, b) = ("/a".to_owned(), "/b".to_owned());
    assert_eq!(read(sent), [Ok((a, Framing::Length(0))), Ok((b, Framing::Length(0)))]);
}

#[test]
fn a_line_that_ends_in_a_bare_lf_is_refused_before_the_head_is_complete() {
    for sent in ["GET / HTTP/1.1\nHost: a", "GET / HTTP/1.1\r\nHost: a\n", "\nGET / HTTP/1.1"] {
        assert_eq!(read(sent.as_bytes()), [Err(BARE_LF)], "{sent:?}");
    }
}

#[test]
fn framing_is_never_in_doubt() {
    let framing = |headers: &str| {
        one(&format!("POST / HTTP/1.1\r\nHost: a\r\n{headers}\r\n")).map(|head| head.framing)
    };
    assert_eq!(framing(""), Ok(Framing::Length(0)));
    assert_eq!(framing("content-length: 7\r\nContent-Length: 7\r\n"), Ok(Framing::Length(7)));
    assert_eq!(framing("Transfer-Encoding: CHUNKED\r\n"), Ok(Framing::Chunked));
    for doubtful in [
        "Content-Length: 7\r\nContent-Length: 8\r\n",
        "Content-Length: +7\r\n",
        "Content-Length: \r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Content-Length: 7\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: identity\r\n",
    ] {
        assert!(matches!(framing(doubtful), Err(Refusal::BadFraming(_))), "{doubtful:?}");
    }
    let old = |headers: &str| one(&format!("POST / HTTP/1.0\r\n{headers}\r\n")).map(|h| h.framing);
    assert!(matches!(old("Transfer-Encoding: chunked\r\n"), Err(Refusal::BadFraming(_))));
    assert!(matches!(old(""), Err(Refusal::BadFraming(_))));
    assert_eq!(old("Content-Length: 0\r\n"), Ok(Framing::Length(0)));
}

#[test]
fn a_connection_is_kept_as_both_versions_say() {
    let kept = |version: &str, connection: &str| {
        one(&format!("GET / HTTP/{version}\r\n{connection}\r\n")).unwrap().keeps_alive
    };
    assert!(kept("1.1", ""));
    assert!(!kept("1.1", "Connection: x, Close\r\n"));
    assert!(!kept("1.1", "Connection: keep-alive\r\nConnection: close\r\n"));
    assert!(!kept("1.0", ""));
    assert!(kept("1.0", "Connection: Keep-Alive\r\n"));
}

#[test]
fn what_does_not_end_is_refused_in_the_end() {
    let endless = |line: &str| {
        let mut buffer = BytesMut::from(line.repeat(HEAD_BYTES_MAX / line.len() + 1).as_str());
        take(&mut buffer, &mut Scan::default(), &Rooms::default()).unwrap_err()
    };
    assert_eq!(endless("x"), Refusal::UriTooLong);
    assert_eq!(endless("x: y\r\n"), Refusal::HeadersTooLarge);
    assert!(matches!(endless("\r\n"), Refusal::BadFraming(_)));
}

proptest! {
    /// Whatever comes in whatever pieces: no panic, and always the same reading.
    #[test]
    fn any_bytes_are_read_alike(sent: Vec<u8>) {
        read(&sent);
    }

    #[test]
    fn any_lines_are_read_alike(lines in prop::collection::vec("[ -~]{0,12}(\r\n|\n|\r)", 0..9)) {
        read(lines.concat().as_bytes());
    }
}
