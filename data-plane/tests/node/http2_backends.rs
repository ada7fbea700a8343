//! HTTP/2 towards backends, in clear and over TLS: what is signed, what is shared, and trailers.

use std::net::SocketAddr;

use bytes::Bytes;
use countersign_proto::v1;
use http::{Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Full};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::http2::speak;
use crate::support::{
    Authority, Client, Http2Backend, Resources, api, binding, get, group, hmac, local, node_with,
    request, route, soon,
};

fn multiplexed(backend: SocketAddr, change: impl FnOnce(&mut v1::Backend)) -> Resources {
    unsigned(backend, change).and(0, [hmac(3), binding(2, 3)])
}

fn unsigned(backend: SocketAddr, change: impl FnOnce(&mut v1::Backend)) -> Resources {
    let definition = api("/", backend, |api| {
        let backend = api.backend.as_mut().unwrap();
        backend.protocol = v1::BackendProtocol::Http2.into();
        change(backend);
    });
    Resources::of([group(1, &[]), route(2, 1, definition)])
}

#[tokio::test]
async fn a_request_is_signed_for_the_authority_that_it_goes_to() {
    let backend = Http2Backend::start(None, 100).await;
    let resources = multiplexed(backend.address(), |_| {});
    let (node, _control_plane, _stream) = node_with(&resources).await;
    let post = "POST /orders?a=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    for _ in 0..3 {
        let answer = request(node.proxy_address(), post).await;
        assert_eq!((answer.status, answer.text()), (200, "hello"));
    }
    let head = backend.heads().pop().unwrap();
    let (version, method, uri) = (head.version, head.method.as_str(), head.uri.to_string());
    let expected = format!("http://{}/orders?a=1", backend.address());
    assert_eq!((version, method, uri), (Version::HTTP_2, "POST", expected));
    assert!(head.headers["authorization"].to_str().unwrap().starts_with("SDK-HMAC-SHA256"));
    assert_eq!(head.headers["content-length"], "5");
    assert!(["host", "te", "connection"].iter().all(|name| !head.headers.contains_key(*name)));
    assert_eq!(backend.connections(), 1);
}

#[tokio::test]
async fn requests_share_a_connection_until_its_streams_run_out() {
    let backend = Http2Backend::start(None, 100).await;
    let resources = multiplexed(backend.address(), |_| {});
    let (node, _control_plane, _stream) = node_with(&resources).await;
    let address = node.proxy_address();
    let mut all: JoinSet<_> =
        (0..50).map(|_| async move { get(address, "/a").await.status }).collect();
    while let Some(status) = all.join_next().await {
        assert_eq!(status.unwrap(), 200);
    }
    assert_eq!((backend.heads().len(), backend.connections()), (50, 1));
}

#[tokio::test]
async fn over_tls_it_has_to_be_agreed_on() {
    let authority = Authority::new();
    let tls = v1::BackendTls { ca_pem: authority.pem(), ..v1::BackendTls::default() };
    let secured = |backend: &mut v1::Backend| {
        backend.scheme = "https".into();
        backend.tls = Some(tls.clone());
    };
    let willing = authority.server("127.0.0.1", "h2", None);
    let backend = Http2Backend::start(Some(willing), 100).await;
    let (node, _control_plane, _stream) = node_with(&multiplexed(backend.address(), secured)).await;
    assert_eq!(get(node.proxy_address(), "/").await.status, 200);
    assert_eq!(backend.heads()[0].uri.scheme_str(), Some("https"));

    let old = crate::support::Backend::over_tls(authority.server("127.0.0.1", "http/1.1", None));
    let old = old.await;
    let (node, _control_plane, _stream) = node_with(&multiplexed(old.address(), secured)).await;
    let answer = get(node.proxy_address(), "/").await;
    assert_eq!((answer.status, answer.code()), (502, "BACKEND_UNREACHABLE"));
    assert_eq!(old.seen().len(), 0);
}

#[tokio::test]
async fn trailers_are_passed_on_for_grpc_and_for_nothing_else() {
    let backend = Http2Backend::start(None, 100).await;
    let (node, _control_plane, _stream) = node_with(&multiplexed(backend.address(), |_| {})).await;
    let mut sender = speak(TcpStream::connect(node.proxy_address()).await.unwrap()).await;
    for (kind, is_grpc) in [("application/grpc+proto", true), ("application/json", false)] {
        let call = Request::post("http://any/bank.Ledger/Post")
            .version(Version::HTTP_2)
            .header("content-type", kind)
            .header("te", "trailers")
            .body(Full::new(Bytes::from_static(b"call")))
            .unwrap();
        let response = soon("an answer", sender.send_request(call)).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let body = soon("the body", response.into_body().collect()).await.unwrap();
        let status = body.trailers().map(|trailers| trailers["grpc-status"].clone());
        assert_eq!(status.is_some(), is_grpc, "{kind}");
        assert_eq!(body.to_bytes(), "call");
        let head = backend.heads().pop().unwrap();
        assert_eq!(head.headers.contains_key("te"), is_grpc, "{kind}");
    }
}

#[tokio::test]
async fn what_the_backend_says_it_left_alone_is_sent_again() {
    let listener = TcpListener::bind(local()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let resources = multiplexed(address, |backend| backend.retries = 1);
    let (node, _control_plane, _stream) = node_with(&resources).await;
    let backend = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(stream).await.unwrap();
        let mut asked = 0;
        while let Some(Ok((_, mut answer))) = connection.accept().await {
            asked += 1;
            match asked {
                // Refused, then reset in the middle of what may have done something.
                1 => answer.send_reset(h2::Reason::REFUSED_STREAM),
                3 => answer.send_reset(h2::Reason::INTERNAL_ERROR),
                _ => drop(answer.send_response(Response::new(()), true).unwrap()),
            }
        }
        asked
    });
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(request(node.proxy_address(), post).await.status, 200);
    let answer = request(node.proxy_address(), post).await;
    assert_eq!((answer.status, answer.code()), (502, "BACKEND_ANSWER_BROKEN"));
    soon("the end", node.shutdown()).await;
    assert_eq!(soon("the backend's end", backend).await.unwrap(), 3);
}

#[tokio::test]
async fn when_its_streams_run_out_another_connection_is_made() {
    let backend = Http2Backend::start(None, 1).await;
    let resources = unsigned(backend.address(), |_| {});
    let (node, _control_plane, _stream) = node_with(&resources).await;
    // From now on the node knows how many streams there may be.
    assert_eq!(get(node.proxy_address(), "/").await.status, 200);
    let mut half = Client::connect(node.proxy_address()).await;
    let grpc = "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\n";
    half.send(format!("{grpc}Content-Length: 5\r\n\r\nhe")).await;
    soon("the first half", async {
        while backend.heads().len() < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(get(node.proxy_address(), "/").await.status, 200);
    assert_eq!(backend.connections(), 2);
    half.send("llo").await;
    assert_eq!(half.answer().await.unwrap().text(), "hello");
}
