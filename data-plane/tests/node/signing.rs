//! What the backend gets: signatures that a verifier accepts, of exactly what was sent.

use std::time::{SystemTime, UNIX_EPOCH};

use countersign_proto::v1::{BodyPolicy, QueryMode, SignatureKeyType};
use countersign_shared::secret::Secret;
use countersign_shared::signing::{Received, Refusal, Verified, VerifyOptions, verify};

use crate::support::{
    Backend, Client, HMAC_SECRET, Resources, Seen, api, binding, get, group, hmac, node_of,
    node_with, request, route, signer,
};

/// What a backend with the secret says about a request.
fn verdict(seen: &Seen) -> Result<Verified, Refusal> {
    let headers: Vec<(&str, &[u8])> =
        seen.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let received = Received { method: &seen.method, target: &seen.target, headers: &headers };
    let options = VerifyOptions { unsigned_payload_allowed: true, ..VerifyOptions::default() };
    let secret = Secret::new(HMAC_SECRET.into());
    verify(&received, &seen.body, now(), &options, |_, _| [&secret])
}

#[expect(clippy::disallowed_methods, reason = "the verifier's clock")]
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

fn bound(
    backend: &Backend,
    change: impl FnOnce(&mut countersign_proto::v1::ApiDefinition),
) -> Resources {
    let api = api("/", backend.address(), change);
    Resources::of([group(1, &[]), route(2, 1, api), hmac(3), binding(2, 3)])
}

#[tokio::test]
async fn the_known_answer_of_the_public_documents_has_this_form() {
    let backend = Backend::start().await;
    let (node, _control_plane, _stream) = node_with(&bound(&backend, |_| {})).await;
    assert_eq!(get(node.proxy_address(), "/v1/vpcs?limit=2").await.status, 200);
    let seen = backend.last();
    let value = seen.header("authorization").unwrap();
    let opening =
        "SDK-HMAC-SHA256 Access=signature_key1, SignedHeaders=host;x-sdk-date, Signature=";
    let signature = value.strip_prefix(opening).unwrap();
    assert!(signature.len() == 64 && signature.bytes().all(|b| b"0123456789abcdef".contains(&b)));
    assert_eq!(seen.header("host").unwrap(), backend.address().to_string());
    assert_eq!(seen.header("x-forwarded-host"), Some("any.example"));
    assert!(verdict(&seen).unwrap().payload_signed);
}

#[tokio::test]
async fn every_target_is_signed_as_it_is_sent() {
    let backend = Backend::start().await;
    let (node, _control_plane, _stream) = node_with(&bound(&backend, |_| {})).await;
    let cases = [
        ("/", "/"),
        ("/a/", "/a/"),
        ("//evil/a", "//evil/a"),
        ("/a/./b/../c", "/a/c"),
        ("/a/%2e%2e/c%2Fd", "/c%2Fd"),
        ("/%E4%B8%AD?x=%e4%b8%ad", "/%E4%B8%AD?x=%E4%B8%AD"),
        ("/a?b=1+2&c", "/a?b=1%202&c"),
        ("/a?", "/a"),
        ("/a?=1&b=2&b=1&a=", "/a?b=2&b=1&a="),
        ("/a?x=a/b:c~d", "/a?x=a%2Fb%3Ac~d"),
        ("/a!$&'()*,;=:@-._~", "/a!$&'()*,;=:@-._~"),
        ("/a?x=%", "/a?x=%25"),
    ];
    for (asked, sent) in cases {
        assert_eq!(get(node.proxy_address(), asked).await.status, 200, "{asked}");
        assert_eq!(backend.last().target, sent, "{asked}");
        assert!(verdict(&backend.last()).is_ok(), "{asked}: {:?}", verdict(&backend.last()));
    }
}

#[tokio::test]
async fn a_raw_query_goes_through_byte_for_byte() {
    let backend = Backend::start().await;
    let raw = bound(&backend, |api| api.query_mode = QueryMode::Raw.into());
    let (node, _control_plane, _stream) = node_with(&raw).await;
    get(node.proxy_address(), "/a?b=1+2&&c=%e4&=x").await;
    assert_eq!(backend.last().target, "/a?b=1+2&&c=%e4&=x");
    assert!(verdict(&backend.last()).is_ok());
}

#[tokio::test]
async fn a_basic_key_is_sent_as_basic_credentials() {
    let backend = Backend::start().await;
    let key = signer(3, SignatureKeyType::Basic, "basic_key", "basic_secret_1");
    let resources = bound(&backend, |_| {}).and(0, [key]);
    let (node, _control_plane, _stream) = node_with(&resources).await;
    request(
        node.proxy_address(),
        "POST / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic eA==\r\nContent-Length: 2\r\n\r\nhi",
    )
    .await;
    let seen = backend.last();
    assert_eq!(seen.header("authorization"), Some("Basic YmFzaWNfa2V5OmJhc2ljX3NlY3JldF8x"));
    assert_eq!((seen.header("x-sdk-date"), seen.body.as_slice()), (None, b"hi".as_slice()));
}

#[tokio::test]
async fn a_body_is_hashed_and_sent_whole_however_it_was_framed() {
    let backend = Backend::start().await;
    let (node, _control_plane, _stream) = node_with(&bound(&backend, |_| {})).await;
    let bodies = [
        "Content-Length: 5\r\n\r\nhello",
        "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nTrailer: X-After\r\n\r\n5\r\nhello\r\n0\r\nX-After: 1\r\n\r\n",
    ];
    for body in bodies {
        let answer =
            request(node.proxy_address(), format!("POST /p HTTP/1.1\r\nHost: a\r\n{body}")).await;
        assert_eq!(answer.status, 200, "{body}");
        let seen = backend.last();
        assert_eq!(
            (seen.body.as_slice(), seen.header("content-length")),
            (b"hello".as_slice(), Some("5"))
        );
        assert_eq!((seen.header("transfer-encoding"), seen.header("trailer")), (None, None));
        assert_eq!(seen.header("x-sdk-content-sha256"), None);
        assert!(verdict(&seen).unwrap().payload_signed);
    }
    // A body of no bytes is none.
    for body in ["Content-Length: 0\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"] {
        request(node.proxy_address(), format!("POST /p HTTP/1.1\r\nHost: a\r\n{body}")).await;
        assert!(verdict(&backend.last()).unwrap().payload_signed, "{body}");
    }
}

#[tokio::test]
async fn required_refuses_what_is_too_large_and_the_backend_sees_nothing() {
    let backend = Backend::start().await;
    let resources = bound(&backend, |_| {});
    let (node, _control_plane, _stream) = node_of(&resources, |c| c.body_bytes_max = 1000).await;
    let chunk = format!("3e9\r\n{}\r\n0\r\n\r\n", "x".repeat(1001));
    for body in [
        format!("Content-Length: 1001\r\n\r\n{}", "x".repeat(1001)),
        format!("Transfer-Encoding: chunked\r\n\r\n{chunk}"),
    ] {
        let answer =
            request(node.proxy_address(), format!("POST / HTTP/1.1\r\nHost: a\r\n{body}")).await;
        assert_eq!((answer.status, answer.code()), (413, "BODY_TOO_LARGE"));
        assert!(answer.text().contains("at most 1000 bytes"));
    }
    assert_eq!(backend.connections(), 0);
    let fits =
        format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{}", "x".repeat(1000));
    assert_eq!(request(node.proxy_address(), fits).await.status, 200);
}

#[tokio::test]
async fn auto_signs_small_bodies_and_streams_large_ones_marked_as_unsigned() {
    let backend = Backend::start().await;
    let resources = bound(&backend, |api| api.body_policy = BodyPolicy::Auto.into());
    let (node, _control_plane, _stream) = node_of(&resources, |c| c.body_bytes_max = 1000).await;
    let large = "0123456789".repeat(30_000);
    let post = |framed: String| format!("POST / HTTP/1.1\r\nHost: a\r\n{framed}");
    let length = |body: &str| post(format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    let chunked = |body: &str| {
        let halves = body.split_at(body.len() / 2);
        let chunk = |part: &str| format!("{:x}\r\n{part}\r\n", part.len());
        post(format!(
            "Transfer-Encoding: chunked\r\n\r\n{}{}0\r\n\r\n",
            chunk(halves.0),
            chunk(halves.1)
        ))
    };
    for (sent, body, signed) in [
        (length("small"), "small", true),
        (chunked("small"), "small", true),
        (length(&large), large.as_str(), false),
        (chunked(&large), large.as_str(), false),
    ] {
        assert_eq!(request(node.proxy_address(), sent).await.status, 200);
        let seen = backend.last();
        assert_eq!(seen.body, body.as_bytes());
        assert_eq!(verdict(&seen).unwrap().payload_signed, signed);
        assert_eq!(seen.header("x-sdk-content-sha256"), (!signed).then_some("UNSIGNED-PAYLOAD"));
    }
}

#[tokio::test]
async fn unsigned_streams_before_the_body_is_complete() {
    let backend = Backend::start().await;
    let resources = bound(&backend, |api| api.body_policy = BodyPolicy::Unsigned.into());
    let (node, _control_plane, _stream) = node_with(&resources).await;
    let mut client = Client::connect(node.proxy_address()).await;
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nX-Sdk-Content-Sha256: lie\r\n\r\nhe").await;
    crate::support::soon("a connection to the backend", async {
        while backend.connections() == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    client.send("llo").await;
    assert_eq!(client.answer().await.unwrap().status, 200);
    let seen = backend.last();
    assert_eq!(
        (seen.body.as_slice(), seen.header("content-length")),
        (b"hello".as_slice(), Some("5"))
    );
    assert!(!verdict(&seen).unwrap().payload_signed);
    // Whoever reads the mark need not know whether there was a body.
    get(node.proxy_address(), "/").await;
    assert!(!verdict(&backend.last()).unwrap().payload_signed);
}

#[tokio::test]
async fn bodies_that_find_no_room_are_refused_and_the_room_is_given_back() {
    let backend = Backend::start().await;
    let resources = bound(&backend, |_| {});
    let (node, _control_plane, _stream) = node_of(&resources, |c| {
        c.body_bytes_max = 1000;
        c.buffered_bytes_max = 1000;
    })
    .await;
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n";
    let mut first = Client::connect(node.proxy_address()).await;
    first.send(format!("{head}{}", "x".repeat(999))).await;
    let mut second = Client::connect(node.proxy_address()).await;
    second.send(format!("{head}{}", "x".repeat(1000))).await;
    let refused = second.answer().await.unwrap();
    assert_eq!((refused.status, refused.code()), (503, "OVERLOADED"));
    // A request without a body needs no room.
    assert_eq!(get(node.proxy_address(), "/").await.status, 200);
    first.send("x").await;
    assert_eq!(first.answer().await.unwrap().status, 200);
    assert_eq!(
        request(node.proxy_address(), format!("{head}{}", "x".repeat(1000))).await.status,
        200
    );
}

#[tokio::test]
async fn expect_continue_is_answered_before_the_body_is_read() {
    let backend = Backend::start().await;
    let (node, _control_plane, _stream) = node_with(&bound(&backend, |_| {})).await;
    let mut client = Client::connect(node.proxy_address()).await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.unwrap().status, 100);
    client.send("hi").await;
    assert_eq!(client.answer().await.unwrap().status, 200);
    let seen = backend.last();
    assert_eq!((seen.header("expect"), seen.body.as_slice()), (None, b"hi".as_slice()));
}

#[tokio::test]
async fn a_changed_secret_signs_the_next_request_and_an_exchanged_key_leaves_no_gap() {
    let backend = Backend::start().await;
    let (node, _control_plane, mut stream) = node_with(&bound(&backend, |_| {})).await;
    let other_secret = signer(3, SignatureKeyType::Hmac, "signature_key1", "another_secret_of_16");
    stream.delta(2, &Resources::of([other_secret])).await;
    stream.ack(2).await;
    get(node.proxy_address(), "/").await;
    assert_eq!(verdict(&backend.last()), Err(Refusal::SignatureMismatch));

    let other_key = signer(4, SignatureKeyType::Hmac, "signature_key2", HMAC_SECRET);
    stream.delta(3, &Resources::of([other_key, binding(2, 4)])).await;
    stream.ack(3).await;
    get(node.proxy_address(), "/").await;
    assert_eq!(verdict(&backend.last()).unwrap().key, "signature_key2");
}
