//! Clients that take their time: how long each may pause, and what it is told.

use std::time::Duration;

use countersign_data_plane::{ClientTimes, Config};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::support::{
    Backend, Client, Resources, api, binding, group, hmac, local, node_of, route, soon,
};

/// Everything but the pause that is tried has no end.
fn times(idle_max: Duration, pause_max: Duration) -> impl FnOnce(&mut Config) {
    move |config| config.client_times = ClientTimes { idle_max, pause_max }
}

const SHORT: Duration = Duration::from_millis(50);
const LONG: Duration = Duration::from_hours(1);

fn signed(backend: &Backend) -> Resources {
    let all = api("/", backend.address(), |_| {});
    Resources::of([group(1, &[]), route(2, 1, all), hmac(3), binding(2, 3)])
}

#[tokio::test]
async fn an_idle_connection_is_closed_without_a_word() {
    let backend = Backend::start().await;
    let (node, _control_plane, _stream) = node_of(&signed(&backend), times(SHORT, LONG)).await;
    let mut client = Client::connect(node.proxy_address()).await;
    assert!(client.is_closed().await, "before its first request");
    let mut client = Client::connect(node.proxy_address()).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.answer().await.unwrap().status, 200);
    assert!(client.is_closed().await, "after it");
}

#[tokio::test]
async fn a_head_and_a_body_that_stop_in_the_middle_are_told_why() {
    let backend = Backend::start().await;
    let (node, _control_plane, _stream) = node_of(&signed(&backend), times(LONG, SHORT)).await;
    for begun in [
        "GET / HTTP/1.1\r\nHost:",
        "G",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
    ] {
        let mut client = Client::connect(node.proxy_address()).await;
        client.send(begun).await;
        let answer = client.answer().await.unwrap();
        assert_eq!((answer.status, answer.code()), (408, "REQUEST_TIMEOUT"), "{begun:?}");
        assert!(client.is_closed().await, "{begun:?}");
    }
    assert!(backend.seen().is_empty());
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_its_answer_is_cut_off() {
    let listener = TcpListener::bind(local()).await.unwrap();
    let all = api("/", listener.local_addr().unwrap(), |_| {});
    let resources = Resources::of([group(1, &[]), route(2, 1, all)]);
    let (node, _control_plane, _stream) = node_of(&resources, times(LONG, SHORT)).await;
    let mut client = Client::connect(node.proxy_address()).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let (mut backend, _) = soon("a connection", listener.accept()).await.unwrap();
    backend.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n").await.unwrap();
    // The client reads nothing: once all buffers are full, only the node can end this.
    let piece = vec![b'x'; 65536];
    soon("the node's patience to end", async { while backend.write_all(&piece).await.is_ok() {} })
        .await;
}
