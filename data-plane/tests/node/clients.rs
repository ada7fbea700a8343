//! Who asks: what proxies before the node may say of their clients, and how much a client may do.

use countersign_data_plane::ClientLimits;

use crate::support::{
    Backend, Client, Resources, api, get, group, node_of, request, route, soon, try_get,
};

fn one_route(backend: &Backend) -> Resources {
    Resources::of([group(1, &[]), route(2, 1, api("/", backend.address(), |_| {}))])
}

const FORWARDED: &str = "GET / HTTP/1.1\r\nHost: asked.example\r\n\
    X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Host: shop.example\r\n\
    X-Forwarded-Port: 443\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Prefix: /x\r\n\
    Forwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nX_Forwarded_Proto: gopher\r\n\r\n";
const HEADERS: [&str; 8] = [
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-forwarded-prefix",
    "forwarded",
    "x-real-ip",
    "x_forwarded_proto",
];

#[tokio::test]
async fn a_trusted_proxy_is_believed_what_it_says_of_its_client() {
    let backend = Backend::start().await;
    let resources = one_route(&backend);
    let trusting = |network: &'static str| {
        node_of(&resources, move |c| c.trusted_proxies = vec![network.parse().unwrap()])
    };
    let (node, _control_plane, _stream) = trusting("127.0.0.0/8").await;
    assert_eq!(request(node.proxy_address(), FORWARDED).await.status, 200);
    let seen = backend.last();
    let hops = "6.6.6.6, 203.0.113.7, 127.0.0.1";
    assert_eq!(
        HEADERS.map(|name| seen.header(name)),
        [Some(hops), Some("shop.example"), Some("443"), Some("https"), None, None, None, None]
    );

    let (node, _control_plane, _stream) = trusting("192.0.2.0/24").await;
    assert_eq!(request(node.proxy_address(), FORWARDED).await.status, 200);
    let seen = backend.last();
    assert_eq!(
        HEADERS.map(|name| seen.header(name)),
        [Some("127.0.0.1"), Some("asked.example"), None, Some("http"), None, None, None, None]
    );
}

#[tokio::test]
async fn a_client_with_too_many_connections_is_hung_up_on() {
    let backend = Backend::start().await;
    let limits = ClientLimits { connections_max: 2, ..ClientLimits::default() };
    let (node, _control_plane, _stream) =
        node_of(&one_route(&backend), |c| c.client_limits = limits).await;
    let ask = async |client: &mut Client| {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        client.answer().await.map(|answer| answer.status)
    };
    let mut first = Client::connect(node.proxy_address()).await;
    let mut second = Client::connect(node.proxy_address()).await;
    assert_eq!((ask(&mut first).await, ask(&mut second).await), (Some(200), Some(200)));
    let mut third = Client::connect(node.proxy_address()).await;
    assert!(third.is_closed().await);
    assert_eq!(ask(&mut first).await, Some(200), "those that are there stay");
    drop(second);
    soon("room for another", async {
        while !matches!(try_get(node.proxy_address(), "/").await, Some(200)) {}
    })
    .await;
}

#[tokio::test]
async fn a_client_that_asks_too_often_is_told_when_to_come_again() {
    let backend = Backend::start().await;
    let limits =
        ClientLimits { requests_per_second: 1, request_burst: 4, ..ClientLimits::default() };
    let (node, _control_plane, _stream) = node_of(&one_route(&backend), |c| {
        c.client_limits = limits;
        // Each counts for all of them.
        c.workers = 2;
    })
    .await;
    let mut answered = 0;
    let refused = loop {
        let answer = get(node.proxy_address(), "/").await;
        if answer.status != 200 {
            break answer;
        }
        answered += 1;
    };
    assert_eq!((refused.status, refused.code()), (429, "TOO_MANY_REQUESTS"));
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert!(answered >= 4, "the burst");
    assert_eq!(backend.seen().len(), answered, "what is refused goes no further");
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_of_its_clients_has_an_allowance() {
    let backend = Backend::start().await;
    let limits = ClientLimits { connections_max: 1, requests_per_second: 1, request_burst: 1 };
    let (node, _control_plane, _stream) = node_of(&one_route(&backend), |c| {
        c.client_limits = limits;
        c.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    })
    .await;
    let mut connections = Vec::new();
    let mut ask = async |client: &str| {
        // The proxy may have more connections than a client.
        let mut connection = Client::connect(node.proxy_address()).await;
        let headers = format!("Host: a\r\nX-Forwarded-For: {client}\r\n\r\n");
        connection.send(format!("GET / HTTP/1.1\r\n{headers}")).await;
        let status = connection.answer().await.unwrap().status;
        connections.push(connection);
        status
    };
    while ask("203.0.113.7").await == 200 {}
    assert_eq!(ask("203.0.113.8").await, 200, "another client");
    assert_eq!(ask("2001:db8::1").await, 200);
}
