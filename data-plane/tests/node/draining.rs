//! The end of a node while it has clients: it says that it goes, and no request is lost.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use countersign_data_plane::Node;

use crate::support::{
    Backend, Client, Resources, api, binding, group, hmac, node_of, route, soon, try_get,
};

const GET: &str = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";

fn one_route(backend: &Backend) -> Resources {
    Resources::of([
        group(1, &[]),
        route(2, 1, api("/", backend.address(), |_| {})),
        hmac(3),
        binding(2, 3),
    ])
}

async fn is_ready(status: SocketAddr) -> bool {
    try_get(status, "/ready").await == Some(200)
}

/// Tells a node to stop, and waits until it says so.
async fn told_to_stop(node: Node) -> tokio::task::JoinHandle<()> {
    let status = node.status_address().unwrap();
    let shutdown = tokio::spawn(node.shutdown());
    soon("the node is not ready", async { while is_ready(status).await {} }).await;
    shutdown
}

/// What the clients of the load did, all together.
#[derive(Default)]
struct Load {
    sent: AtomicUsize,
    answered: AtomicUsize,
    is_over: AtomicBool,
}

/// A client behind a balancer: each request goes to the first node that says it is ready.
async fn send_requests(load: Arc<Load>, nodes: [(SocketAddr, SocketAddr); 2]) {
    let mut connection: Option<(SocketAddr, Client)> = None;
    while !load.is_over.load(SeqCst) {
        let [(first, first_status), (second, _)] = nodes;
        let node = if is_ready(first_status).await { first } else { second };
        let mut client = match connection.take() {
            Some((to, client)) if to == node => client,
            _ => Client::connect(node).await,
        };
        load.sent.fetch_add(1, SeqCst);
        client.send(GET).await;
        let answer = client.answer().await.expect("no request is lost");
        assert_eq!(answer.status, 200);
        load.answered.fetch_add(1, SeqCst);
        if answer.header("connection").is_none() {
            connection = Some((node, client));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stops_in_the_middle_of_a_load_loses_no_request() {
    let backend = Backend::start().await;
    let resources = one_route(&backend);
    // Longer than any client takes between asking whether a node is ready and reaching it.
    let started = || node_of(&resources, |config| config.drain_delay = Duration::from_secs(4));
    let (first, _plane, _stream) = started().await;
    let (second, _other_plane, _other_stream) = started().await;
    let addresses = |node: &Node| (node.proxy_address(), node.status_address().unwrap());
    let nodes = [addresses(&first), addresses(&second)];
    let load = Arc::new(Load::default());
    let clients: Vec<_> =
        (0..8).map(|_| tokio::spawn(send_requests(Arc::clone(&load), nodes))).collect();
    let answered = async |more: usize| {
        let until = load.answered.load(SeqCst) + more;
        soon("answers", async {
            while load.answered.load(SeqCst) < until {
                tokio::task::yield_now().await;
            }
        })
        .await;
    };
    answered(200).await;
    let shutdown = told_to_stop(first).await;
    soon("the end of the first node", shutdown).await.unwrap();
    answered(200).await;
    load.is_over.store(true, SeqCst);
    for client in clients {
        client.await.unwrap();
    }
    let (sent, answered) = (load.sent.load(SeqCst), load.answered.load(SeqCst));
    println!("{sent} requests sent, {answered} answered, one node of two stopped in between");
    assert_eq!((answered, backend.seen().len()), (sent, sent));
}

#[tokio::test]
async fn a_node_that_leaves_serves_whatever_comes_and_closes_with_its_answer() {
    let backend = Backend::start().await;
    let (node, _control_plane, _stream) =
        node_of(&one_route(&backend), |config| config.drain_delay = Duration::from_hours(1)).await;
    let proxy = node.proxy_address();
    let mut known = Client::connect(proxy).await;
    known.send(GET).await;
    assert_eq!(known.answer().await.unwrap().header("connection"), None);
    let _shutdown = told_to_stop(node).await;
    for client in [&mut known, &mut Client::connect(proxy).await] {
        client.send(GET).await;
        let answer = client.answer().await.unwrap();
        assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
        assert!(client.is_closed().await);
    }
}

#[tokio::test]
async fn a_client_that_was_let_in_before_the_end_is_still_heard() {
    let backend = Backend::start().await;
    let (node, _control_plane, _stream) = node_of(&one_route(&backend), |_| {}).await;
    let mut fresh = Client::connect(node.proxy_address()).await;
    let shutdown = tokio::spawn(node.shutdown());
    fresh.send(GET).await;
    let answer = fresh.answer().await.unwrap();
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    soon("the shutdown", shutdown).await.unwrap();
}

#[tokio::test]
async fn a_request_that_cannot_be_served_before_the_end_is_told_so() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let resources =
        Resources::of([group(1, &[]), route(2, 1, api("/", silent.local_addr().unwrap(), |_| {}))]);
    let (node, _control_plane, _stream) = node_of(&resources, |config| {
        config.drain_delay = Duration::from_secs(1);
        config.drain_timeout = Duration::from_millis(50);
    })
    .await;
    let mut client = Client::connect(node.proxy_address()).await;
    let shutdown = told_to_stop(node).await;
    client.send(GET).await;
    let answer = client.answer().await.unwrap();
    assert_eq!((answer.status, answer.code()), (503, "DRAINING"));
    soon("the shutdown", shutdown).await.unwrap();
}
