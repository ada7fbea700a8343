//! TLS towards backends: who is trusted, by which name, and what the node shows of itself.

use std::net::SocketAddr;
use std::path::Path;

use countersign_data_plane::Config;
use countersign_proto::v1;

use crate::support::{
    Authority, Backend, Resources, api, binding, get, group, hmac, node_of, node_with, route, soon,
};

/// An API whose backend is reached by TLS.
fn secured(backend: SocketAddr, tls: v1::BackendTls) -> Resources {
    let definition = api("/", backend, |api| {
        let backend = api.backend.as_mut().unwrap();
        backend.scheme = "https".into();
        backend.tls = Some(tls);
    });
    Resources::of([group(1, &[]), route(2, 1, definition), hmac(3), binding(2, 3)])
}

fn trusting(authority: &Authority) -> v1::BackendTls {
    v1::BackendTls { ca_pem: authority.pem(), ..v1::BackendTls::default() }
}

/// Status and code of an answer of this node.
async fn asked(resources: &Resources) -> (u16, String) {
    let (node, _control_plane, _stream) = node_with(resources).await;
    let answer = get(node.proxy_address(), "/").await;
    (answer.status, answer.code().to_owned())
}

fn unreachable() -> (u16, String) {
    (502, "BACKEND_UNREACHABLE".to_owned())
}

#[tokio::test]
async fn a_backend_that_the_apis_ca_vouches_for_is_trusted_and_no_other() {
    let authority = Authority::new();
    let backend = Backend::over_tls(authority.server("127.0.0.1", "http/1.1", None)).await;
    let resources = secured(backend.address(), trusting(&authority));
    let (node, _control_plane, _stream) = node_with(&resources).await;
    for _ in 0..3 {
        assert_eq!(get(node.proxy_address(), "/").await.text(), "hello");
    }
    assert_eq!(backend.connections(), 1, "a connection carries one request after the other");
    assert!(backend.last().header("authorization").unwrap().starts_with("SDK-HMAC-SHA256"));

    let others = secured(backend.address(), trusting(&Authority::new()));
    assert_eq!(asked(&others).await, unreachable(), "another CA");
    let systems = secured(backend.address(), v1::BackendTls::default());
    assert_eq!(asked(&systems).await, unreachable(), "the system's roots");
    assert_eq!(backend.seen().len(), 3);
}

#[tokio::test]
async fn a_backend_bears_the_name_that_it_has_to() {
    let authority = Authority::new();
    let backend = Backend::over_tls(authority.server("backend.example", "http/1.1", None)).await;
    let named = |name: &str| v1::BackendTls { server_name: name.into(), ..trusting(&authority) };
    let good = secured(backend.address(), named("backend.example"));
    assert_eq!(asked(&good).await.0, 200);
    assert_eq!(asked(&secured(backend.address(), named(""))).await, unreachable());
    let other = secured(backend.address(), named("other.example"));
    assert_eq!(asked(&other).await, unreachable());
    assert_eq!(backend.seen().len(), 1);
}

#[tokio::test]
async fn in_clear_nothing_is_sent_to_who_should_speak_tls() {
    let backend = Backend::start().await;
    let resources = secured(backend.address(), trusting(&Authority::new()));
    assert_eq!(asked(&resources).await, unreachable());
    assert_eq!(backend.seen().len(), 0);
}

fn with_identities(folder: &Path) -> impl FnOnce(&mut Config) {
    let folder = folder.to_owned();
    move |config| config.upstream.identity_dir = Some(folder)
}

#[tokio::test]
async fn a_backend_that_asks_who_is_there_sees_the_nodes_own_certificate() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let server = authority.server("127.0.0.1", "http/1.1", Some(&clients));
    let backend = Backend::over_tls(server).await;
    let tls = v1::BackendTls { client_identity: "gateway".into(), ..trusting(&authority) };
    let resources = secured(backend.address(), tls);
    assert_eq!(asked(&resources).await, unreachable(), "the node holds none");

    let folder = tempfile::tempdir().unwrap();
    let (node, _control_plane, _stream) = node_of(&resources, with_identities(folder.path())).await;
    let status = async || get(node.proxy_address(), "/").await.status;
    assert_eq!(status().await, 502, "the files are not there yet");
    Authority::new().write_identity(folder.path(), "gateway", "gateway.example");
    assert_eq!(status().await, 502, "one of another CA");
    clients.write_identity(folder.path(), "gateway", "gateway.example");
    soon("the certificate that was changed", async {
        while status().await != 200 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let anonymous = secured(backend.address(), trusting(&authority));
    assert_ne!(asked(&anonymous).await.0, 200, "nobody");
}
