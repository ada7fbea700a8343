//! Hostile and broken requests, byte for byte, and what becomes of them.

use crate::support::{Backend, Client, Resources, api, binding, group, hmac, node_with, route};

/// What follows an answer on the connection.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    Open,
    Closed,
}
use Then::{Closed, Open};

/// What is sent · the status · the code (empty: the backend's own answer) · what then.
const ROWS: &[(&str, u16, &str, Then)] = &[
    // The request line.
    ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 200, "", Open),
    ("GET http://a/x HTTP/1.1\r\nHost: a\r\n\r\n", 200, "", Open),
    ("GET HTTP://A/x HTTP/1.1\r\nHost: a\r\n\r\n", 200, "", Open),
    ("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, "BAD_REQUEST", Open),
    ("GET http://a:80/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, "BAD_REQUEST", Open),
    ("GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, "BAD_REQUEST", Open),
    ("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, "BAD_REQUEST", Open),
    ("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 405, "METHOD_NOT_ALLOWED", Closed),
    ("GET a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 400, "BAD_REQUEST", Open),
    ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 400, "BAD_REQUEST", Open),
    ("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405, "METHOD_NOT_ALLOWED", Closed),
    ("GET x HTTP/1.1\r\nHost: a\r\n\r\n", 400, "BAD_REQUEST", Open),
    ("BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 404, "API_NOT_FOUND", Open),
    ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 400, "BAD_REQUEST", Closed),
    ("GET /\r\n\r\n", 400, "BAD_REQUEST", Closed),
    // The path.
    ("GET /../x HTTP/1.1\r\nHost: a\r\n\r\n", 400, "BAD_REQUEST", Open),
    ("GET /%2e%2e/x HTTP/1.1\r\nHost: a\r\n\r\n", 400, "BAD_REQUEST", Open),
    ("GET /a/%2E./../x HTTP/1.1\r\nHost: a\r\n\r\n", 400, "BAD_REQUEST", Open),
    ("GET /a/../x HTTP/1.1\r\nHost: a\r\n\r\n", 200, "", Open),
    ("GET //evil/a HTTP/1.1\r\nHost: a\r\n\r\n", 200, "", Open),
    ("GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "BAD_REQUEST", Open),
    ("GET /a%5cb HTTP/1.1\r\nHost: a\r\n\r\n", 400, "BAD_REQUEST", Open),
    ("GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n", 400, "BAD_REQUEST", Open),
    ("GET /a%2F..%2Fb HTTP/1.1\r\nHost: a\r\n\r\n", 400, "BAD_REQUEST", Open),
    ("GET /a%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400, "BAD_REQUEST", Open),
    ("GET /a%2Fb HTTP/1.1\r\nHost: a\r\n\r\n", 200, "", Open),
    // The Host.
    ("GET / HTTP/1.1\r\n\r\n", 400, "BAD_REQUEST", Open),
    ("GET / HTTP/1.0\r\n\r\n", 400, "BAD_REQUEST", Closed),
    ("GET / HTTP/1.1\r\nHost:\r\n\r\n", 400, "BAD_REQUEST", Open),
    ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, "BAD_REQUEST", Closed),
    ("GET / HTTP/1.1\r\nHost: a b@c\r\n\r\n", 400, "BAD_REQUEST", Open),
    ("GET / HTTP/1.1\r\nHost: user@a\r\n\r\n", 400, "BAD_REQUEST", Open),
    ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, "BAD_REQUEST", Open),
    ("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400, "BAD_REQUEST", Open),
    ("GET / HTTP/1.1\r\nHost: a:x\r\n\r\n", 400, "BAD_REQUEST", Open),
    ("GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", 400, "BAD_REQUEST", Open),
    ("GET / HTTP/1.1\r\nHost: a:80:80\r\n\r\n", 400, "BAD_REQUEST", Open),
    ("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 200, "", Open),
    ("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400, "BAD_REQUEST", Open),
    // Where a message ends.
    (
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        400,
        "BAD_REQUEST",
        Closed,
    ),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx", 400, "BAD_REQUEST", Closed),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\nx", 400, "BAD_REQUEST", Closed),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        400,
        "BAD_REQUEST",
        Closed,
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        400,
        "BAD_REQUEST",
        Closed,
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        "BAD_REQUEST",
        Closed,
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        400,
        "BAD_REQUEST",
        Closed,
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        400,
        "BAD_REQUEST",
        Closed,
    ),
    (
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        "BAD_REQUEST",
        Closed,
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n",
        400,
        "BAD_REQUEST",
        Closed,
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
        400,
        "BAD_REQUEST",
        Closed,
    ),
    // Header syntax.
    ("GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n", 400, "BAD_REQUEST", Closed),
    ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, "BAD_REQUEST", Closed),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400, "BAD_REQUEST", Closed),
    // Connection and Expect.
    ("GET / HTTP/1.1\r\nHost: a\r\nConnection: authorization\r\n\r\n", 400, "BAD_REQUEST", Open),
    (
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, X-Sdk-User\r\n\r\n",
        400,
        "BAD_REQUEST",
        Closed,
    ),
    ("GET / HTTP/1.1\r\nHost: a\r\nConnection: x_sdk_date\r\n\r\n", 400, "BAD_REQUEST", Open),
    ("GET / HTTP/1.1\r\nHost: a\r\nConnection: host\r\n\r\n", 400, "BAD_REQUEST", Open),
    ("GET / HTTP/1.1\r\nHost: a\r\nConnection: Content-Type\r\n\r\n", 400, "BAD_REQUEST", Open),
    (
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: x-a\r\nConnection: X-Forwarded-For\r\n\r\n",
        400,
        "BAD_REQUEST",
        Open,
    ),
    ("GET / HTTP/1.1\r\nHost: a\r\nConnection: a b\r\n\r\n", 400, "BAD_REQUEST", Open),
    ("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, x-a\r\nX-A: 1\r\n\r\n", 200, "", Open),
    ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 200, "", Closed),
    ("GET / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n", 417, "EXPECTATION_FAILED", Open),
    // The environment.
    ("GET / HTTP/1.1\r\nHost: a\r\nX-Stage: NOWHERE\r\n\r\n", 404, "API_NOT_FOUND", Open),
    (
        "GET / HTTP/1.1\r\nHost: a\r\nX-Stage: RELEASE\r\nX-Stage: RELEASE\r\n\r\n",
        400,
        "BAD_REQUEST",
        Closed,
    ),
];

#[tokio::test]
async fn each_request_gets_its_answer() {
    let backend = Backend::start().await;
    let resources = Resources::of([
        group(1, &[]),
        route(2, 1, api("/", backend.address(), |_| {})),
        hmac(3),
        binding(2, 3),
    ]);
    let (node, _control_plane, _stream) = node_with(&resources).await;
    let mut wrong = Vec::new();
    for (sent, status, code, then) in ROWS {
        let before = backend.seen().len();
        let mut client = Client::connect(node.proxy_address()).await;
        client.send(sent).await;
        let Some(answer) = client.answer().await else {
            wrong.push(format!("{sent:?}: closed without an answer"));
            continue;
        };
        let reached = backend.seen().len() - before;
        let told = (answer.status, answer.code(), reached == 1);
        if told != (*status, *code, *status == 200) {
            wrong.push(format!("{sent:?}: {told:?}, not {status} {code}: {}", answer.text()));
            continue;
        }
        let is_open = match then {
            Closed => !client.is_closed().await,
            Open => {
                client.send("GET /again HTTP/1.1\r\nHost: a\r\n\r\n").await;
                client.answer().await.is_some_and(|a| a.status == 200)
            }
        };
        if is_open != (*then == Open) {
            wrong.push(format!("{sent:?}: the connection is open: {is_open}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), ROWS.len(), wrong.join("\n"));
}

#[tokio::test]
async fn too_long_is_told_apart_by_what_is_too_long() {
    let backend = Backend::start().await;
    let resources =
        Resources::of([group(1, &[]), route(2, 1, api("/", backend.address(), |_| {}))]);
    let (node, _control_plane, _stream) = node_with(&resources).await;
    let headers = |count: usize, bytes: usize| {
        let value = "x".repeat(bytes);
        (0..count).fold(String::new(), |all, at| all + &format!("X-{at}: {value}\r\n"))
    };
    let uri = |bytes: usize| "x".repeat(bytes - 1);
    for (what, path, headers, status) in [
        ("the longest URI", uri(32_768), String::new(), 200),
        ("a URI too long", uri(32_769), String::new(), 414),
        ("the longest header", String::new(), headers(1, 32_765), 200),
        ("a header too long", String::new(), headers(1, 32_766), 431),
        ("as many bytes of headers as may be", String::new(), headers(4, 32_700), 200),
        ("too many bytes of headers", String::new(), headers(5, 30_000), 431),
        ("far too many bytes of headers", String::new(), headers(20, 30_000), 431),
        ("as many headers as may be", String::new(), headers(99, 10), 200),
        ("too many headers", String::new(), headers(100, 10), 431),
    ] {
        let mut client = Client::connect(node.proxy_address()).await;
        client.send(format!("GET /{path} HTTP/1.1\r\nHost: a\r\n{headers}\r\n")).await;
        let answer = client.answer().await;
        assert_eq!(answer.map(|a| a.status), Some(status), "{what}");
    }
}

#[tokio::test]
async fn a_second_length_smuggles_nothing() {
    let backend = Backend::start().await;
    let resources =
        Resources::of([group(1, &[]), route(2, 1, api("/", backend.address(), |_| {}))]);
    let (node, _control_plane, _stream) = node_with(&resources).await;
    for lengths in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
    ] {
        let mut client = Client::connect(node.proxy_address()).await;
        let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
        client
            .send(format!(
                "POST /first HTTP/1.1\r\nHost: a\r\n{lengths}\r\n\r\n0\r\n\r\n{smuggled}"
            ))
            .await;
        let answer = client.answer().await.unwrap();
        assert_eq!((answer.status, answer.code()), (400, "BAD_REQUEST"));
        assert!(client.is_closed().await);
        assert!(backend.seen().is_empty());
    }
}
