//! Who asks: what proxies before the node may say of their clients, and how much a client may do.

use crate::support::{Backend, Resources, api, group, node_of, request, route};

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
