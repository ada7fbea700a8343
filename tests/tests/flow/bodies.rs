//! Bodies by policy: signed up to the limit, refused or marked beyond it.

use countersign_proto::v1::{Api, BodyPolicy, Method};
use countersign_shared::signing::Refusal;
use countersign_tests::{
    Answer, Backend, Client, HmacClaim, Plane, Seen, node_with, request, soon,
};

use crate::gateway::{Gateway, ORDERS, RELEASE, SHOP, api_of};

const LIMIT_BYTES: usize = 64 * 1024;

#[tokio::test]
async fn bodies_are_signed_refused_or_marked_by_policy() {
    let (mut plane, backend) = (Plane::start().await, Backend::start().await);
    let management = plane.management();
    management.create_group(SHOP, &[]).await;
    management.create_key(&ORDERS).await;
    for (path, policy) in [
        ("/required", BodyPolicy::Required),
        ("/auto", BodyPolicy::Auto),
        ("/unsigned", BodyPolicy::Unsigned),
    ] {
        let name = path.trim_start_matches('/');
        let api = api_of(&backend, SHOP, name, path);
        let api = Api { method: Method::Post.into(), body_policy: policy.into(), ..api };
        management.create_api(api).await;
        management.publish(name, RELEASE).await;
        management.bind("orders", name, RELEASE).await;
    }
    let node = node_with(&plane.uri(), "node-1", |config| {
        config.body_bytes_max = LIMIT_BYTES;
    })
    .await;
    soon("the node's revision", node.wait_for(plane.revision())).await;
    let post = async |path: &str, body: &[u8], chunked: bool| -> (Answer, Option<Seen>) {
        let bytes = if chunked { in_chunks(path, body) } else { whole(path, body) };
        let answer = request(node.proxy_address(), bytes).await;
        (answer, backend.take().pop())
    };
    let (small, largest, larger) =
        (b"a small body".to_vec(), body(LIMIT_BYTES), body(LIMIT_BYTES + 1));

    for chunked in [false, true] {
        for path in ["/required", "/auto"] {
            for body in [&small, &largest, &Vec::new()] {
                let (answer, seen) = post(path, body, chunked).await;
                let seen = seen.expect("it went on");
                assert_eq!(answer.status, 200);
                assert_eq!(seen.body.len(), body.len());
                assert!(seen.body == *body, "the body is another");
                ORDERS.assert_signed(&seen);
            }
        }
        let (answer, seen) = post("/required", &larger, chunked).await;
        assert_eq!((answer.status, answer.code().as_str()), (413, "BODY_TOO_LARGE"));
        assert_eq!(seen, None, "the backend sees nothing of it");
        let (answer, seen) = post("/auto", &larger, chunked).await;
        assert_eq!(answer.status, 200);
        assert_unsigned_payload(&seen.expect("it went on"), &larger);
        for body in [&small, &larger] {
            let (answer, seen) = post("/unsigned", body, chunked).await;
            assert_eq!(answer.status, 200);
            assert_unsigned_payload(&seen.expect("it went on"), body);
        }
    }
    soon("the node's end", node.shutdown()).await;
    plane.stop().await;
}

#[tokio::test]
async fn a_get_with_a_body_in_chunks_arrives_whole() {
    let gateway = Gateway::start().await;
    gateway.management.create_key(&ORDERS).await;
    for (name, policy) in [("signed", BodyPolicy::Required), ("streamed", BodyPolicy::Unsigned)] {
        let api = gateway.api(name, &format!("/{name}"));
        gateway.publish(Api { body_policy: policy.into(), ..api }).await;
        gateway.bind(&ORDERS, name).await;
    }
    gateway.publish(gateway.api("open", "/open")).await;
    // Over one connection, which is worth nothing more where a body was left unread.
    let mut client = Client::connect(gateway.node.proxy_address()).await;
    let body = body(30_000);
    for path in ["/signed", "/streamed", "/open"] {
        let request = [b"GET".as_slice(), &in_chunks(path, &body)[b"POST".len()..]].concat();
        client.send(request).await;
        assert_eq!(client.answer().await.expect("an answer").status, 200);
        let seen = gateway.backend.last();
        assert_eq!((seen.method.as_str(), seen.target.as_str()), ("GET", path));
        assert!(seen.body == body, "{} bytes arrived at {path}", seen.body.len());
    }
    gateway.end().await;
}

/// Signed, but not the body, and openly so.
fn assert_unsigned_payload(seen: &Seen, body: &[u8]) {
    assert!(seen.body == body, "the body is another: {} bytes", seen.body.len());
    assert_eq!(seen.header("x-sdk-content-sha256"), Some("UNSIGNED-PAYLOAD"));
    let signed_headers = HmacClaim::of(seen).signed_headers;
    assert_eq!(signed_headers, "host;x-sdk-content-sha256;x-sdk-date");
    assert!(!ORDERS.verify_unsigned_payload(seen).unwrap().payload_signed);
    assert_eq!(ORDERS.verify(seen).unwrap_err(), Refusal::UnsignedPayload);
}

fn body(bytes: usize) -> Vec<u8> {
    (0..=u8::MAX).cycle().take(bytes).collect()
}

fn whole(path: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: any.example\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

fn in_chunks(path: &str, body: &[u8]) -> Vec<u8> {
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: any.example\r\nTransfer-Encoding: chunked\r\n\r\n");
    let mut bytes = head.into_bytes();
    for chunk in body.chunks(10_007) {
        bytes.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        bytes.extend(chunk);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}
