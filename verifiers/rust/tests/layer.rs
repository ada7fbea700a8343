//! The layer in an axum server, over a real socket: what reaches the handler and what the others
//! are told; the README's program as it stands there; and the sample server.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::extract::Extension;
use axum::routing::any;
use axum::{Router, body::Bytes};
use countersign_shared::signing::{
    BasicSigner, HmacSigner, Payload, QueryMode, SdkDate, SignRequest, Target, UNSIGNED_PAYLOAD,
};
use countersign_verify::{
    KnownKeys, ReplayGuard, ReplayMark, Secret, Verified, Verifier, VerifyLayer,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const KEY: &str = "orders-2026";

fn secret() -> Secret {
    Secret::new("a-secret-of-the-orders".to_owned())
}

fn known() -> KnownKeys {
    let former = Secret::new("the-secret-before-it".to_owned());
    KnownKeys::new().hmac(KEY, former).hmac(KEY, secret()).basic("reports", secret())
}

/// A server that answers who called and what with.
async fn serve(verifier: Verifier) -> SocketAddr {
    let handler = |Extension(caller): Extension<Verified>, body: Bytes| async move {
        format!("{} sent {} bytes", caller.key, body.len())
    };
    let app = Router::new().route("/orders", any(handler)).layer(VerifyLayer::from(verifier));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// Sends a request; gives the status and the answer's body.
async fn send(
    address: SocketAddr,
    request_line: &str,
    headers: &str,
    body: &[u8],
) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "{request_line} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // A server that refuses early may close before it has read the whole body.
    let _ = stream.write_all(body).await;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}

/// The headers with which a node signs a request now.
fn signed(method: &str, target: &str, payload: Payload) -> String {
    let target = Target::join("", target, None, QueryMode::Normalize).unwrap();
    #[expect(clippy::disallowed_methods, reason = "the server compares with the real clock")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let date = SdkDate::from_unix_seconds(now.try_into().unwrap());
    let mut value = Vec::new();
    let request = SignRequest { method, target: &target, host: "shop", date: &date, payload };
    HmacSigner::new(KEY, &secret()).sign(&request, &mut value);
    let unsigned = match payload {
        Payload::Unsigned => format!("X-Sdk-Content-Sha256: {UNSIGNED_PAYLOAD}\r\n"),
        Payload::Empty | Payload::Hash(_) => String::new(),
    };
    let date = String::from_utf8_lossy(date.as_bytes()).into_owned();
    let value = String::from_utf8(value).unwrap();
    format!("X-Sdk-Date: {date}\r\n{unsigned}Authorization: {value}\r\n")
}

#[tokio::test]
async fn a_signed_request_reaches_the_handler_with_its_body() {
    let address = serve(Verifier::new(known())).await;
    let body = vec![7; 1024 * 1024];
    for (body, told) in [(&b""[..], "0"), (b"hello", "5"), (&body, "1048576")] {
        let headers = signed("POST", "/orders", Payload::of(body));
        let (status, answer) = send(address, "POST /orders", &headers, body).await;
        assert_eq!((status, answer), (200, format!("{KEY} sent {told} bytes")));
    }
}

#[tokio::test]
async fn what_was_changed_on_the_way_is_told_why_it_is_refused() {
    let address = serve(Verifier::new(known())).await;
    let headers = signed("POST", "/orders", Payload::of(b"hello"));
    for (request_line, headers, body, reason) in [
        ("POST /orders", &*headers, &b"hellO"[..], "SIGNATURE_MISMATCH"),
        ("PUT /orders", &headers, b"hello", "SIGNATURE_MISMATCH"),
        ("POST /orders?a=b", &headers, b"hello", "SIGNATURE_MISMATCH"),
        ("POST /orders", "", b"hello", "MISSING_AUTHORIZATION"),
        ("POST /nowhere", "", b"", "MISSING_AUTHORIZATION"),
    ] {
        let (status, answer) = send(address, request_line, headers, body).await;
        assert_eq!(status, 401, "{answer}");
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        assert_eq!((&answer["verified"], &answer["reason"]), (&false.into(), &reason.into()));
    }
}

#[tokio::test]
async fn basic_says_who_calls_and_leaves_the_body_alone() {
    let address = serve(Verifier::new(known()).body_bytes_max(2)).await;
    let header =
        |key| format!("Authorization: {}\r\n", BasicSigner::new(key, &secret()).authorization());
    let (status, answer) = send(address, "POST /orders", &header("reports"), b"hello").await;
    assert_eq!((status, &*answer), (200, "reports sent 5 bytes"));
    let (status, answer) = send(address, "POST /orders", &header(KEY), b"hello").await;
    assert_eq!(status, 401);
    assert!(answer.contains("UNKNOWN_KEY"), "a key is good for its own scheme only: {answer}");
}

#[tokio::test]
async fn a_body_is_read_up_to_the_limit_and_an_unsigned_one_only_where_allowed() {
    let strict = serve(Verifier::new(known()).body_bytes_max(4)).await;
    let headers = signed("POST", "/orders", Payload::of(b"hello"));
    let (status, answer) = send(strict, "POST /orders", &headers, b"hello").await;
    assert_eq!(status, 413);
    assert!(answer.contains("BODY_TOO_LARGE"), "{answer}");

    let headers = signed("POST", "/orders", Payload::Unsigned);
    let (status, answer) = send(strict, "POST /orders", &headers, b"hello").await;
    assert_eq!(status, 401);
    assert!(answer.contains("UNSIGNED_PAYLOAD"), "{answer}");
    let lax = serve(Verifier::new(known()).body_bytes_max(4).allow_unsigned_payload()).await;
    let (status, _) = send(lax, "POST /orders", &headers, b"hello").await;
    assert_eq!(status, 200, "an unsigned body is not read here, so it has no limit here");
}

#[tokio::test]
async fn a_guard_makes_a_signature_good_once() {
    #[derive(Default)]
    struct Seen(Mutex<HashSet<(String, ReplayMark)>>);

    impl ReplayGuard for Seen {
        fn is_new<'a>(
            &'a self,
            key: &'a str,
            mark: ReplayMark,
        ) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>> {
            Box::pin(async move { self.0.lock().unwrap().insert((key.to_owned(), mark)) })
        }
    }

    let address = serve(Verifier::new(known()).replay_guard(Seen::default())).await;
    let headers = signed("GET", "/orders", Payload::Empty);
    assert_eq!(send(address, "GET /orders", &headers, b"").await.0, 200);
    let (status, answer) = send(address, "GET /orders", &headers, b"").await;
    assert_eq!(status, 401);
    assert!(answer.contains("REPLAYED"), "{answer}");
}

#[tokio::test]
async fn the_program_of_the_readme_does_what_the_readme_says() {
    let readme = include_str!("../README.md");
    let program = readme.split("```rust\n").nth(1).unwrap().split("```").next().unwrap();
    assert_eq!(program, include_str!("../examples/orders.rs"), "the program of the README");
    // Bound and let go again: nobody else is given the port so soon.
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut orders = Command::new(example("orders"));
    orders.env("ORDERS_SECRET", secret().expose()).env("LISTEN", address.to_string());
    let _running = Running(orders.spawn().unwrap());
    let deadline = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(address).await.is_err() {
        assert!(Instant::now() < deadline, "it does not listen");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let headers = signed("GET", "/orders", Payload::Empty);
    assert_eq!(send(address, "GET /orders", &headers, b"").await, (200, format!("hello {KEY}\n")));
    assert_eq!(send(address, "GET /orders?all=1", &headers, b"").await.0, 401);
}

#[tokio::test]
async fn the_sample_server_answers_what_it_saw() {
    let secret_file = std::env::temp_dir().join(format!("secret-{}", std::process::id()));
    std::fs::write(&secret_file, format!("{}\n", secret().expose())).unwrap();
    let mut server = Command::new(example("sample_server"));
    server.args(["--port", "0", "--key", KEY, "--secret-file"]).arg(&secret_file);
    let mut running = Running(server.stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on ").unwrap().parse().unwrap();
    std::fs::remove_file(&secret_file).unwrap();

    let headers = signed("DELETE", "/a%20b/", Payload::of(b"\0\xff"));
    let (status, answer) = send(address, "DELETE /a%20b/", &headers, b"\0\xff").await;
    let seen: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((status, &seen["verified"], &seen["key"]), (200, &true.into(), &KEY.into()));
    assert_eq!((&seen["method"], &seen["target"]), (&"DELETE".into(), &"/a%20b/".into()));
    assert_eq!(send(address, "DELETE /a%20b", &headers, b"\0").await.0, 401);
}

/// Where Cargo puts the examples that it builds with the tests.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().unwrap().parent().unwrap().join("examples").join(name)
}

/// Ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended already is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
