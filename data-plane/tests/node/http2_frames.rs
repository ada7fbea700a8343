//! Hostile connections of HTTP/2, frame by frame: what becomes of the stream, and whether anything
//! reached the backend.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Backend, Resources, api, binding, group, hmac, node_with, route, soon};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PROTOCOL_ERROR: u32 = 1;
const FRAME_SIZE_ERROR: u32 = 6;
const REFUSED_STREAM: u32 = 7;
const ENHANCE_YOUR_CALM: u32 = 11;

/// What becomes of stream 1, or of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// With 200.
    Served,
    /// With 400.
    Refused,
    /// With another status.
    Answered,
    Reset(u32),
    /// GOAWAY with an error, or just closed.
    Gone(u32),
}
use Outcome::{Answered, Gone, Refused, Reset, Served};

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Names and values as they stand: HPACK's literals without indexing.
fn literals(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            push_length(&mut block, text.len());
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

fn push_length(block: &mut Vec<u8>, length: usize) {
    let Some(mut rest) = length.checked_sub(127) else {
        return block.push(u8::try_from(length).unwrap());
    };
    block.push(127);
    while rest >= 128 {
        block.push(u8::try_from(rest % 128).unwrap() | 128);
        rest /= 128;
    }
    block.push(u8::try_from(rest).unwrap());
}

const PSEUDO: [(&str, &str); 4] =
    [(":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", "/a")];

/// A request's headers, whose body follows.
fn head(stream: u32, more: &[(&str, &str)]) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &literals(&[&PSEUDO[..], more].concat()))
}

/// A request without a body.
fn whole(fields: &[(&str, &str)]) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, 1, &literals(fields))
}

fn with(more: &[(&str, &str)]) -> Vec<u8> {
    whole(&[&PSEUDO[..], more].concat())
}

/// A request whose headers do not fit into one frame.
fn in_parts(more: &[(&str, &str)]) -> Vec<u8> {
    let block = literals(&[&PSEUDO[..], more].concat());
    let parts: Vec<&[u8]> = block.chunks(16_000).collect();
    let (last, others) = parts[1..].split_last().unwrap();
    let mut frames = frame(HEADERS, END_STREAM, 1, parts[0]);
    for part in others {
        frames.extend(frame(CONTINUATION, 0, 1, part));
    }
    frames.extend(frame(CONTINUATION, END_HEADERS, 1, last));
    frames
}

fn data(stream: u32, flags: u8, body: &[u8]) -> Vec<u8> {
    frame(DATA, flags, stream, body)
}

/// A request with another pseudo-header in the place of the usual one.
fn but(name: &str, value: &str) -> Vec<u8> {
    let fields: Vec<_> =
        PSEUDO.iter().map(|field| if field.0 == name { (name, value) } else { *field }).collect();
    whole(&fields)
}

/// The name · the frames · what becomes of them · how many requests reach the backend.
fn rows() -> Vec<(&'static str, Vec<u8>, Outcome, usize)> {
    let malformed = Reset(PROTOCOL_ERROR);
    // Where the compression itself may be out of step, nothing more is read.
    let broken = Gone(PROTOCOL_ERROR);
    let four = [("content-length", "4")];
    let long = "x".repeat(33_000);
    let reset = |stream: u32| [head(stream, &[]), frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])];
    let resets: Vec<u8> = (0..500).flat_map(|at| reset(1 + 2 * at).concat()).collect();
    let begun = frame(HEADERS, END_STREAM, 1, &literals(&PSEUDO));
    let continued = frame(CONTINUATION, 0, 1, &literals(&[("x", "y")]));
    let empty = frame(CONTINUATION, 0, 1, &[]);
    let no_data = [head(1, &[]), data(1, 0, &[]).repeat(20_000)].concat();
    vec![
        ("a request", with(&[]), Served, 1),
        ("a body", [head(1, &four), data(1, END_STREAM, b"body")].concat(), Served, 1),
        (
            "a body shorter than its length",
            [head(1, &four), data(1, END_STREAM, b"bod")].concat(),
            malformed,
            0,
        ),
        (
            "a body longer than its length",
            [head(1, &four), data(1, END_STREAM, b"body!")].concat(),
            malformed,
            0,
        ),
        ("a length, and no body", with(&four), malformed, 0),
        (
            "two lengths that differ",
            [head(1, &[four[0], ("content-length", "5")]), data(1, END_STREAM, b"body")].concat(),
            malformed,
            0,
        ),
        ("a length that is none", with(&[("content-length", "+0")]), malformed, 0),
        ("Connection", with(&[("connection", "close")]), malformed, 0),
        ("Transfer-Encoding", with(&[("transfer-encoding", "chunked")]), malformed, 0),
        ("Upgrade", with(&[("upgrade", "websocket")]), malformed, 0),
        ("Keep-Alive", with(&[("keep-alive", "5")]), malformed, 0),
        ("TE other than trailers", with(&[("te", "gzip")]), malformed, 0),
        ("TE with trailers", with(&[("te", "trailers")]), Served, 1),
        ("a name in capitals", with(&[("X-Big", "1")]), broken, 0),
        ("a name with a colon", with(&[("x:y", "1")]), broken, 0),
        ("a line end in a value", with(&[("x", "1\r\nx-sdk-user: root")]), broken, 0),
        ("NUL in a value", with(&[("x", "a\0b")]), broken, 0),
        ("two paths", with(&[(":path", "/b")]), malformed, 0),
        (
            "a pseudo-header behind a header",
            whole(&[(":method", "GET"), ("x", "1"), (":path", "/a"), (":scheme", "http")]),
            malformed,
            0,
        ),
        ("a pseudo-header that nobody knows", with(&[(":user", "root")]), broken, 0),
        ("no path", whole(&PSEUDO[..3]), malformed, 0),
        ("an empty path", but(":path", ""), malformed, 0),
        ("grpc-go CVE-2026-33186: a path without a slash", but(":path", "a"), malformed, 0),
        ("a path of a star", but(":path", "*"), Refused, 0),
        ("a path with a line end", but(":path", "/a\r\nx: y"), malformed, 0),
        ("a path with a space", but(":path", "/a HTTP/1.1"), malformed, 0),
        // It is dropped before anything is routed or signed.
        ("a path with a fragment", but(":path", "/a#b"), Served, 1),
        ("a path above the root", but(":path", "/../a"), Refused, 0),
        ("a user in the authority", but(":authority", "root@a"), Refused, 0),
        ("an authority that is none", but(":authority", "a b"), malformed, 0),
        ("a Host that differs", with(&[("host", "b")]), Refused, 0),
        ("two Hosts", with(&[("host", "a"), ("host", "a")]), Refused, 0),
        ("CONNECT", whole(&[(":method", "CONNECT"), (":authority", "a:80")]), Answered, 0),
        ("TRACE", but(":method", "TRACE"), Answered, 0),
        ("a method with a space", but(":method", "GET /x"), broken, 0),
        ("a header too long", in_parts(&[("x", &long)]), Answered, 0),
        ("too many bytes of headers", in_parts(&[("x", &long[..32_000]); 5]), Answered, 0),
        (
            "a stream of the server's",
            frame(HEADERS, END_HEADERS | END_STREAM, 2, &literals(&PSEUDO)),
            Gone(PROTOCOL_ERROR),
            0,
        ),
        ("DATA on a stream that is not open", data(1, END_STREAM, b"x"), Gone(PROTOCOL_ERROR), 0),
        ("SETTINGS of another length", frame(SETTINGS, 0, 0, b"x"), Gone(PROTOCOL_ERROR), 0),
        ("a frame too large", frame(DATA, 0, 1, &vec![0; 20_000]), Gone(FRAME_SIZE_ERROR), 0),
        (
            "RUSTSEC-2024-0332: CONTINUATION without an end",
            [begun.clone(), continued.repeat(20_000)].concat(),
            Gone(ENHANCE_YOUR_CALM),
            0,
        ),
        (
            "CONTINUATION of nothing without an end",
            [begun, empty.repeat(20_000)].concat(),
            Gone(ENHANCE_YOUR_CALM),
            0,
        ),
        ("CVE-2023-44487: streams that are reset at once", resets, Gone(ENHANCE_YOUR_CALM), 0),
        ("RUSTSEC-2026-0258: DATA of nothing without an end", no_data, Gone(ENHANCE_YOUR_CALM), 0),
    ]
}

#[tokio::test]
async fn each_connection_comes_to_its_end() {
    let backend = Backend::start().await;
    let resources = Resources::of([
        group(1, &[]),
        route(2, 1, api("/", backend.address(), |_| {})),
        hmac(3),
        binding(2, 3),
    ]);
    let (node, _control_plane, _stream) = node_with(&resources).await;
    let mut wrong = Vec::new();
    for (name, frames, expected, requests) in rows() {
        let before = backend.seen().len();
        let outcome = soon(name, outcome(node.proxy_address(), &frames)).await;
        let reached = backend.seen().len() - before;
        if (outcome, reached) != (expected, requests) {
            wrong.push(format!(
                "{name}: {outcome:?}, {reached} reached; not {expected:?}, {requests}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn more_streams_at_a_time_than_may_be_are_refused() {
    let backend = Backend::start().await;
    let resources = Resources::of([
        group(1, &[]),
        route(2, 1, api("/", backend.address(), |_| {})),
        hmac(3),
        binding(2, 3),
    ]);
    let (node, _control_plane, _stream) = node_with(&resources).await;
    // Their bodies never end.
    let streams: Vec<u8> = (0..101).flat_map(|at| head(1 + 2 * at, &[])).collect();
    let mut stream = open(node.proxy_address(), &streams).await;
    let refused = soon("a refusal", async {
        loop {
            let (kind, on, payload) = next_frame(&mut stream).await.expect("a refusal");
            if kind == RST_STREAM {
                return (on, payload);
            }
        }
    });
    assert_eq!(refused.await, (201, REFUSED_STREAM.to_be_bytes().to_vec()));
}

async fn open(address: std::net::SocketAddr, frames: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let sent = [PREFACE, &frame(SETTINGS, 0, 0, &[]), frames].concat();
    // The node may hang up in the middle of it.
    let _ = stream.write_all(&sent).await;
    stream
}

async fn outcome(address: std::net::SocketAddr, frames: &[u8]) -> Outcome {
    let mut stream = open(address, frames).await;
    let code = |payload: &[u8]| u32::from_be_bytes(payload.try_into().unwrap());
    while let Some((kind, on, payload)) = next_frame(&mut stream).await {
        match (kind, on) {
            (HEADERS, 1) => {
                return match payload[0] {
                    0x88 => Served,
                    0x8c => Refused,
                    _ => Answered,
                };
            }
            (RST_STREAM, 1) => return Reset(code(&payload)),
            (GOAWAY, _) => return Gone(code(&payload[4..8])),
            _ => {}
        }
    }
    Gone(0)
}

/// Its type, its stream and its payload; none at the end.
async fn next_frame(stream: &mut TcpStream) -> Option<(u8, u32, Vec<u8>)> {
    let mut start = [0; 9];
    stream.read_exact(&mut start).await.ok()?;
    let length = u32::from_be_bytes([0, start[0], start[1], start[2]]);
    let mut payload = vec![0; usize::try_from(length).unwrap()];
    stream.read_exact(&mut payload).await.ok()?;
    Some((start[3], u32::from_be_bytes(start[5..9].try_into().unwrap()), payload))
}
