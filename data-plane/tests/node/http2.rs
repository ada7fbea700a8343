//! HTTP/2 towards clients, in clear and under TLS: what a stream says arrives as a request of
//! HTTP/1.1 would.

use bytes::Bytes;
use http::{Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::support::{Backend, Resources, api, binding, group, hmac, node_with, route, soon};

type Sender = SendRequest<Full<Bytes>>;

pub(crate) async fn speak(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Sender {
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn request(method: &str, uri: &str) -> http::request::Builder {
    Request::builder().version(Version::HTTP_2).method(method).uri(uri)
}

async fn answer(
    sender: &mut Sender,
    request: http::request::Builder,
    body: &str,
) -> Response<Incoming> {
    let request = request.body(Full::from(body.to_owned())).unwrap();
    soon("an answer", sender.send_request(request)).await.unwrap()
}

async fn text(response: Response<Incoming>) -> String {
    let body = soon("the body", response.into_body().collect()).await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

fn signed(backend: &Backend) -> Resources {
    let all = api("/", backend.address(), |_| {});
    Resources::of([group(1, &[]), route(2, 1, all), hmac(3), binding(2, 3)])
}

#[tokio::test]
async fn streams_of_one_connection_are_requests_of_their_own() {
    let backend = Backend::start().await;
    let (node, _control_plane, _stream) = node_with(&signed(&backend)).await;
    let mut sender = speak(TcpStream::connect(node.proxy_address()).await.unwrap()).await;
    let mut waiting = Vec::new();
    for number in 0..20 {
        let uri = format!("http://any.example/orders/{number}?id=7");
        let request = request("POST", &uri).header("cookie", "a=1").header("cookie", "b=2");
        let request = request.body(Full::from(format!("body {number}"))).unwrap();
        waiting.push(sender.send_request(request));
    }
    for response in waiting {
        let response = soon("an answer", response).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert!(response.headers().contains_key("x-request-id"));
        assert_eq!(text(response).await, "hello");
    }
    let mut seen = backend.seen();
    seen.sort_by_key(|seen| seen.body.clone());
    assert_eq!(seen.len(), 20);
    let seen = seen.last().unwrap();
    assert_eq!((seen.target.as_str(), seen.body.as_slice()), ("/orders/9?id=7", &b"body 9"[..]));
    assert_eq!(seen.header("x-forwarded-host"), Some("any.example"));
    assert_eq!(seen.header("cookie"), Some("a=1; b=2"), "RFC 9113, 8.2.3");
    assert!(seen.header("authorization").unwrap().starts_with("SDK-HMAC-SHA256 "));
}

#[tokio::test]
async fn an_authority_that_the_host_header_contradicts_is_refused() {
    let backend = Backend::start().await;
    let (node, _control_plane, _stream) = node_with(&signed(&backend)).await;
    let mut sender = speak(TcpStream::connect(node.proxy_address()).await.unwrap()).await;
    let same = request("GET", "http://any.example/").header("host", "Any.Example");
    assert_eq!(answer(&mut sender, same, "").await.status(), StatusCode::OK);
    let other = request("GET", "http://any.example/").header("host", "other.example");
    let refused = answer(&mut sender, other, "").await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    assert!(refused.headers().contains_key("x-request-id"));
    assert!(text(refused).await.contains("BAD_REQUEST"));
    assert_eq!(backend.seen().len(), 1);
}

#[tokio::test]
async fn a_refusal_ends_a_stream_and_not_its_connection() {
    let backend = Backend::start().await;
    let (node, _control_plane, _stream) = node_with(&signed(&backend)).await;
    let mut sender = speak(TcpStream::connect(node.proxy_address()).await.unwrap()).await;
    let trace = answer(&mut sender, request("TRACE", "http://any.example/"), "").await;
    assert_eq!(trace.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert!(!trace.headers().contains_key("connection"), "HTTP/2 has no such header");
    let head = answer(&mut sender, request("HEAD", "http://any.example/"), "").await;
    assert_eq!(head.status(), StatusCode::OK);
    assert_eq!(text(head).await, "");
}

#[tokio::test]
async fn a_refused_call_of_grpc_is_refused_as_grpc_does_it() {
    let backend = Backend::start().await;
    let only = api("/known", backend.address(), |_| {});
    let resources = Resources::of([group(1, &[]), route(2, 1, only)]);
    let (node, _control_plane, _stream) = node_with(&resources).await;
    let mut sender = speak(TcpStream::connect(node.proxy_address()).await.unwrap()).await;
    let call = request("POST", "http://any.example/shop.Orders/Get");
    let call = call.header("content-type", "application/grpc+proto").header("te", "trailers");
    let refused = answer(&mut sender, call, "").await;
    assert_eq!(refused.status(), StatusCode::OK);
    assert_eq!(refused.headers()["grpc-status"], "12", "UNIMPLEMENTED");
    let message = refused.headers()["grpc-message"].to_str().unwrap();
    assert!(message.starts_with("API_NOT_FOUND: "), "{message}");
    assert_eq!(text(refused).await, "");
}
