//! TLS towards clients: both protocols by what the client offers, and a certificate that changes
//! while the node runs.

use std::path::Path;
use std::sync::Arc;

use countersign_data_plane::{CertificateFiles, Node, ProxyTls};
use http::Request;
use http_body_util::Full;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::http2::speak;
use crate::support::{
    Backend, Resources, api, binding, get, group, hmac, local, node_of, route, soon,
};

/// Writes a certificate for `localhost` and its key; returns it.
fn write_certificate(folder: &Path) -> CertificateDer<'static> {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("tls.key"), signing_key.serialize_pem()).unwrap();
    std::fs::write(folder.join("tls.crt"), cert.pem()).unwrap();
    cert.der().clone()
}

fn files(folder: &Path) -> CertificateFiles {
    CertificateFiles { certificate: folder.join("tls.crt"), key: folder.join("tls.key") }
}

async fn connect(
    node: &Node,
    trusted: &CertificateDer<'static>,
    protocols: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let socket = TcpStream::connect(node.proxy_tls_address().unwrap()).await?;
    let name = ServerName::try_from("localhost").unwrap();
    soon("a handshake", TlsConnector::from(Arc::new(config)).connect(name, socket)).await
}

#[tokio::test]
async fn a_client_speaks_what_it_offers() {
    let folder = tempfile::tempdir().unwrap();
    let trusted = write_certificate(folder.path());
    let backend = Backend::start().await;
    let resources = Resources::of([
        group(1, &[]),
        route(2, 1, api("/", backend.address(), |_| {})),
        hmac(3),
        binding(2, 3),
    ]);
    let proxy_tls = Some(ProxyTls { listen: local(), files: files(folder.path()) });
    let (node, _control_plane, _stream) =
        node_of(&resources, |config| config.proxy_tls = proxy_tls).await;

    for protocols in [&[][..], &["http/1.1"]] {
        let mut stream = connect(&node, &trusted, protocols).await.unwrap();
        let request = "GET /old HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        soon("the answer", stream.read_to_string(&mut answer)).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("hello"), "{answer}");
    }
    let mut sender = speak(connect(&node, &trusted, &["h2", "http/1.1"]).await.unwrap()).await;
    let request = Request::get("https://localhost/new").body(Full::default()).unwrap();
    let response = soon("the answer", sender.send_request(request)).await.unwrap();
    assert_eq!(response.status(), 200);
    let seen = backend.last();
    assert_eq!(seen.target, "/new");
    assert_eq!(seen.header("x-forwarded-proto"), Some("https"));
    assert!(seen.header("authorization").unwrap().starts_with("SDK-HMAC-SHA256 "));
}

#[tokio::test]
async fn a_changed_certificate_is_used_and_a_broken_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let first = write_certificate(folder.path());
    let proxy_tls = Some(ProxyTls { listen: local(), files: files(folder.path()) });
    let resources = Resources::of([]);
    let (node, _control_plane, _stream) =
        node_of(&resources, |config| config.proxy_tls = proxy_tls).await;
    connect(&node, &first, &[]).await.unwrap();
    std::fs::write(folder.path().join("tls.crt"), "no certificate").unwrap();
    connect(&node, &first, &[]).await.unwrap();
    let second = write_certificate(folder.path());
    soon("the new certificate", async {
        while connect(&node, &second, &[]).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(connect(&node, &first, &[]).await.is_err());
}

#[tokio::test]
async fn a_node_does_not_start_with_a_certificate_that_it_cannot_use() {
    let folder = tempfile::tempdir().unwrap();
    write_certificate(folder.path());
    let other = tempfile::tempdir().unwrap();
    write_certificate(other.path());
    let started = |files: CertificateFiles| async move {
        let config = countersign_data_plane::Config {
            proxy_listen: local(),
            proxy_tls: Some(ProxyTls { listen: local(), files }),
            ..Default::default()
        };
        countersign_data_plane::start(config).await.map(drop).unwrap_err().to_string()
    };
    let (here, there) = (files(folder.path()), files(other.path()));
    let mixed = CertificateFiles { key: there.key.clone(), ..here.clone() };
    assert!(started(mixed).await.contains("do not go together"));
    let missing = CertificateFiles { key: other.path().join("none"), ..here.clone() };
    assert!(started(missing).await.contains("none cannot be read"));
    std::fs::write(&here.certificate, "").unwrap();
    assert!(started(here).await.contains("no certificate"));
}

#[tokio::test]
async fn handshakes_are_counted_and_the_scheme_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let trusted = write_certificate(folder.path());
    let backend = Backend::start().await;
    let resources =
        Resources::of([group(1, &[]), route(2, 1, api("/", backend.address(), |_| {}))]);
    let proxy_tls = Some(ProxyTls { listen: local(), files: files(folder.path()) });
    let (node, _control_plane, _stream) =
        node_of(&resources, |config| config.proxy_tls = proxy_tls).await;
    let mut stream = connect(&node, &trusted, &[]).await.unwrap();
    let request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    soon("the answer", stream.read_to_end(&mut Vec::new())).await.unwrap();
    assert_eq!(backend.last().header("x-forwarded-proto"), Some("https"));

    let mut clear = TcpStream::connect(node.proxy_tls_address().unwrap()).await.unwrap();
    clear.write_all(request.as_bytes()).await.unwrap();
    let mut metrics = String::new();
    let counted = [
        r#"countersign_node_tls_handshakes_total{result="made"} 1"#,
        r#"countersign_node_tls_handshakes_total{result="failed"} 1"#,
    ];
    soon("both are counted", async {
        let status = node.status_address().unwrap();
        while !counted.iter().all(|line| metrics.contains(line)) {
            metrics = get(status, "/metrics").await.text().to_owned();
        }
    })
    .await;
}
