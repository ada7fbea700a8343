//! The sample backend over a real socket: what it accepts, what it refuses and why.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{SystemTime, UNIX_EPOCH};

use countersign::backend::{Backend, Config};
use countersign_shared::secret::Secret;
use countersign_shared::signing::{
    BasicSigner, HmacSigner, Payload, QueryMode, SdkDate, SignRequest, Target,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const KEY: &str = "orders-2026";

fn secret() -> Secret {
    Secret::new("a-secret-of-the-orders".to_owned())
}

async fn backend(unsigned_payload_allowed: bool) -> Backend {
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let config = Config { listen, key: KEY.to_owned(), secret: secret(), unsigned_payload_allowed };
    Backend::start(config).await.unwrap()
}

/// Sends a request byte for byte; gives the status and the answer's JSON.
async fn sent(backend: &Backend, head: &str, body: &[u8]) -> (u16, Value) {
    let mut stream = TcpStream::connect(backend.address()).await.unwrap();
    let head = format!(
        "{head}Host: shop.internal\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // A backend that refuses early may close before it has read the whole body.
    let _ = stream.write_all(body).await;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let (_, json) = answer.split_once("\r\n\r\n").unwrap();
    (status, serde_json::from_str(json).unwrap())
}

/// The headers of a request that is signed now, as a node makes them.
fn signed(method: &str, target: &str, payload: Payload) -> String {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let target = Target::join("", path, query, QueryMode::Normalize).unwrap();
    #[expect(clippy::disallowed_methods, reason = "the backend compares with the real clock")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let date = SdkDate::from_unix_seconds(now.try_into().unwrap());
    let mut authorization = Vec::new();
    let request =
        SignRequest { method, target: &target, host: "shop.internal", date: &date, payload };
    HmacSigner::new(KEY, &secret()).sign(&request, &mut authorization);
    let unsigned = match payload {
        Payload::Unsigned => "X-Sdk-Content-Sha256: UNSIGNED-PAYLOAD\r\n",
        Payload::Empty | Payload::Hash(_) => "",
    };
    format!(
        "X-Sdk-Date: {}\r\n{unsigned}Authorization: {}\r\n",
        String::from_utf8_lossy(date.as_bytes()),
        String::from_utf8(authorization).unwrap()
    )
}

#[tokio::test]
async fn a_signed_request_is_answered_with_what_was_seen() {
    let backend = backend(false).await;
    let headers = signed("POST", "/demo/a?x=1", Payload::of(b"hello"));
    let head = format!("POST /demo/a?x=1 HTTP/1.1\r\nX-Mark: m\r\n{headers}");
    let (status, seen) = sent(&backend, &head, b"hello").await;
    assert_eq!(status, 200, "{seen}");
    assert_eq!(seen["verified"], true);
    assert_eq!(seen["key"], KEY);
    assert_eq!(seen["scheme"], "SDK-HMAC-SHA256");
    assert_eq!(seen["payload_signed"], true);
    assert_eq!((&seen["method"], &seen["target"]), (&json!("POST"), &json!("/demo/a?x=1")));
    assert_eq!(seen["body_bytes"], 5);
    assert_eq!(
        seen["body_sha256"],
        "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    );
    let headers = seen["headers"].as_array().unwrap();
    assert!(headers.contains(&json!(["x-mark", "m"])));
    let authorization = headers.iter().find(|pair| pair[0] == "authorization").unwrap();
    assert!(authorization[1].as_str().unwrap().starts_with("SDK-HMAC-SHA256 Access=orders-2026, "));
    backend.shutdown().await;
}

#[tokio::test]
async fn a_request_that_was_changed_on_the_way_is_refused() {
    let backend = backend(false).await;
    let headers = signed("GET", "/demo?name=world", Payload::Empty);
    let (status, answer) =
        sent(&backend, &format!("GET /demo?name=mallory HTTP/1.1\r\n{headers}"), b"").await;
    assert_eq!((status, &answer["verified"]), (401, &json!(false)));
    assert_eq!(answer["reason"], "SIGNATURE_MISMATCH");
    let (status, answer) =
        sent(&backend, &format!("GET /demo?name=world HTTP/1.1\r\n{headers}"), b"more").await;
    assert_eq!((status, &answer["reason"]), (401, &json!("SIGNATURE_MISMATCH")));
    let (status, answer) = sent(&backend, "GET /demo HTTP/1.1\r\n", b"").await;
    assert_eq!((status, &answer["reason"]), (401, &json!("MISSING_AUTHORIZATION")));
    backend.shutdown().await;
}

#[tokio::test]
async fn basic_is_verified_and_never_shown() {
    let backend = backend(false).await;
    let ask = async |key: &str, password: &str| {
        let signer = BasicSigner::new(key, &Secret::new(password.to_owned()));
        let head = format!("GET / HTTP/1.1\r\nAuthorization: {}\r\n", signer.authorization());
        sent(&backend, &head, b"").await
    };
    let (status, seen) = ask(KEY, secret().expose()).await;
    assert_eq!((status, &seen["scheme"]), (200, &json!("Basic")));
    assert!(
        seen["headers"].as_array().unwrap().contains(&json!(["authorization", "Basic (redacted)"]))
    );
    assert_eq!(ask(KEY, "another").await.1["reason"], "SIGNATURE_MISMATCH");
    assert_eq!(ask("somebody", secret().expose()).await.1["reason"], "UNKNOWN_KEY");
    backend.shutdown().await;
}

#[tokio::test]
async fn an_unsigned_body_is_refused_unless_it_is_allowed() {
    let headers = signed("PUT", "/big", Payload::Unsigned);
    let head = format!("PUT /big HTTP/1.1\r\n{headers}");
    for (allowed, status, reason) in
        [(false, 401, json!("UNSIGNED_PAYLOAD")), (true, 200, json!(null))]
    {
        let backend = backend(allowed).await;
        let answer = sent(&backend, &head, b"whatever").await;
        assert_eq!((answer.0, &answer.1["reason"]), (status, &reason));
        backend.shutdown().await;
    }
}

#[tokio::test]
async fn a_body_that_would_be_refused_is_not_read() {
    let backend = backend(false).await;
    let headers = signed("POST", "/", Payload::of(b"another body"));
    for (headers, bytes, status) in [("", 5, "401"), (&headers, 12 * 1024 * 1024 + 1, "413")] {
        let mut stream = TcpStream::connect(backend.address()).await.unwrap();
        let length = format!("Host: shop.internal\r\nContent-Length: {bytes}\r\n");
        let head = format!("POST / HTTP/1.1\r\n{length}{headers}\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut start = [0_u8; 12];
        stream.read_exact(&mut start).await.unwrap();
        assert_eq!(&start, format!("HTTP/1.1 {status}").as_bytes(), "before a byte of the body");
    }
    backend.shutdown().await;
}

#[tokio::test]
async fn a_taken_address_is_named() {
    let backend = backend(false).await;
    let config = Config {
        listen: backend.address(),
        key: KEY.to_owned(),
        secret: secret(),
        unsigned_payload_allowed: false,
    };
    let error = Backend::start(config).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot listen on {}: ", backend.address())), "{error}");
    backend.shutdown().await;
}
