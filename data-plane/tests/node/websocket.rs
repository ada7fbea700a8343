//! A WebSocket through the node: its handshake is signed, and nothing of the client's gets past the
//! node before the backend has agreed.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{
    Backend, Client, Resources, api, binding, group, hmac, local, node_with, route, soon,
};

const HANDSHAKE: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const AGREED: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

fn resources(backend: impl std::fmt::Display, websocket: bool) -> Resources {
    let chat = api("/", backend, |api| api.websocket = websocket);
    Resources::of([group(1, &[]), route(2, 1, chat), hmac(3), binding(2, 3)])
}

async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(soon("a head", stream.read_u8()).await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

#[tokio::test]
async fn bytes_go_both_ways_once_the_backend_has_agreed() {
    let listener = TcpListener::bind(local()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (node, _control_plane, _stream) = node_with(&resources(address, true)).await;
    let mut client = TcpStream::connect(node.proxy_address()).await.unwrap();
    // The first frame comes too early.
    client.write_all(HANDSHAKE.as_bytes()).await.unwrap();
    client.write_all(b"first").await.unwrap();

    let (mut backend, _) = soon("a connection", listener.accept()).await.unwrap();
    let head = read_head(&mut backend).await.to_ascii_lowercase();
    assert!(head.contains("\r\nauthorization: sdk-hmac-sha256 access="), "{head}");
    assert!(head.contains("\r\nconnection: upgrade\r\nupgrade: websocket\r\n"), "{head}");
    assert!(head.contains("\r\nsec-websocket-key: dghlihnhbxbszsbub25jzq==\r\n"), "{head}");
    let early = tokio::time::timeout(std::time::Duration::from_millis(50), backend.read_u8()).await;
    assert!(early.is_err(), "a byte reached the backend before its 101");
    backend.write_all(format!("{AGREED}hello").as_bytes()).await.unwrap();

    let head = read_head(&mut client).await.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101 switching protocols\r\n"), "{head}");
    assert!(head.contains("\r\nconnection: upgrade\r\n"), "{head}");
    assert!(head.contains("\r\nupgrade: websocket\r\n"), "{head}");
    assert!(head.contains("\r\nsec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n"), "{head}");
    let mut five = [0; 5];
    soon("a frame", client.read_exact(&mut five)).await.unwrap();
    assert_eq!(&five, b"hello");
    soon("a frame", backend.read_exact(&mut five)).await.unwrap();
    assert_eq!(&five, b"first");
    client.write_all(b"later").await.unwrap();
    soon("a frame", backend.read_exact(&mut five)).await.unwrap();
    assert_eq!(&five, b"later");
    // Either side may end it.
    drop(backend);
    let mut rest = Vec::new();
    soon("the end", client.read_to_end(&mut rest)).await.unwrap();
    assert_eq!(rest, b"");
}

#[tokio::test]
async fn where_the_backend_does_not_agree_the_next_request_follows() {
    let backend = Backend::start().await;
    let (node, _control_plane, _stream) = node_with(&resources(backend.address(), true)).await;
    let mut client = Client::connect(node.proxy_address()).await;
    client.send(HANDSHAKE).await;
    assert_eq!(client.answer().await.unwrap().status, 200);
    client.send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.answer().await.unwrap().status, 200);
    assert_eq!(backend.seen().len(), 2);
}

#[tokio::test]
async fn an_api_that_does_not_allow_it_asks_for_none() {
    let backend = Backend::start().await;
    let (node, _control_plane, _stream) = node_with(&resources(backend.address(), false)).await;
    let mut client = Client::connect(node.proxy_address()).await;
    client.send(HANDSHAKE).await;
    assert_eq!(client.answer().await.unwrap().status, 200);
    assert_eq!(backend.last().header("upgrade"), None);
}

#[tokio::test]
async fn a_handshake_with_a_body_is_refused() {
    let backend = Backend::start().await;
    let (node, _control_plane, _stream) = node_with(&resources(backend.address(), true)).await;
    let mut client = Client::connect(node.proxy_address()).await;
    let with_body = HANDSHAKE.replace("Host: a", "Host: a\r\nContent-Length: 1");
    client.send(format!("{with_body}x")).await;
    let answer = client.answer().await.unwrap();
    assert_eq!((answer.status, answer.code()), (400, "BAD_REQUEST"));
    assert!(backend.seen().is_empty());
}
