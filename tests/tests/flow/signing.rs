//! What a backend receives of a request to a bound API.

use countersign_shared::signing::{Refusal, Scheme};
use countersign_tests::HmacClaim;

use crate::gateway::{Gateway, LEGACY, ORDERS};

#[tokio::test]
async fn a_request_arrives_with_a_signature_that_a_backend_verifies() {
    let gateway = Gateway::signing_orders_with(&ORDERS).await;
    let answer = gateway.get("/orders?limit=2&marker=a%20b").await;
    assert_eq!((answer.status, answer.text()), (200, "hello"));
    let seen = gateway.backend.last();
    ORDERS.assert_signed(&seen);
    let verified = ORDERS.verify(&seen).unwrap();
    assert_eq!((verified.scheme, verified.payload_signed), (Scheme::Hmac, true));
    assert_eq!(
        (seen.method.as_str(), seen.target.as_str()),
        ("GET", "/orders?limit=2&marker=a%20b")
    );
    let backend = gateway.backend.address().to_string();
    assert_eq!(seen.header("host"), Some(backend.as_str()), "the Host that is signed");
    assert_eq!(seen.header("x-forwarded-host"), Some("any.example"));
    assert_eq!(seen.header("x-request-id"), answer.header("x-request-id"));
    gateway.end().await;
}

#[tokio::test]
async fn a_basic_key_is_sent_as_user_name_and_password() {
    let gateway = Gateway::signing_orders_with(&LEGACY).await;
    assert_eq!(gateway.get("/orders").await.status, 200);
    LEGACY.assert_signed(&gateway.backend.last());
    gateway.end().await;
}

#[tokio::test]
async fn a_request_that_is_changed_on_the_way_is_verified_no_more() {
    let gateway = Gateway::signing_orders_with(&ORDERS).await;
    gateway.get("/orders?sum=10").await;
    let seen = gateway.backend.last();
    let changed = |change: fn(&mut countersign_tests::Seen)| {
        let mut seen = seen.clone();
        change(&mut seen);
        ORDERS.verify(&seen).unwrap_err()
    };
    assert_eq!(
        changed(|seen| seen.target = "/orders?sum=99".to_owned()),
        Refusal::SignatureMismatch
    );
    assert_eq!(changed(|seen| seen.method = "POST".to_owned()), Refusal::SignatureMismatch);
    assert_eq!(changed(|seen| seen.body = b"more".to_vec()), Refusal::SignatureMismatch);
    gateway.end().await;
}

#[tokio::test]
async fn what_clients_put_where_the_gateway_signs_is_removed() {
    let gateway = Gateway::signing_orders_with(&ORDERS).await;
    gateway.publish(gateway.api("open", "/open")).await;
    let forged = |path: &str| {
        format!(
            "GET {path} HTTP/1.1\r\nHost: any.example\r\nAuthorization: Bearer mine\r\n\
             X-Sdk-Date: 20000101T000000Z\r\nX-Sdk-Content-Sha256: UNSIGNED-PAYLOAD\r\n\
             x-sdk-whatever: mine\r\nX-Mine: kept\r\n\r\n"
        )
    };
    gateway.request(forged("/orders")).await;
    let seen = gateway.backend.last();
    // This also says that each of the gateway's own headers is there exactly once.
    ORDERS.assert_signed(&seen);
    assert_eq!(seen.header("x-sdk-whatever"), None);
    assert_eq!(seen.header("x-mine"), Some("kept"));

    // An API that is not bound is the backend's own affair.
    gateway.request(forged("/open")).await;
    let seen = gateway.backend.last();
    assert_eq!(seen.header("authorization"), Some("Bearer mine"));
    assert_eq!(seen.header("x-sdk-date"), Some("20000101T000000Z"));
    gateway.end().await;
}

#[tokio::test]
async fn what_is_sent_is_what_is_signed() {
    let gateway = Gateway::start().await;
    let mut files = gateway.api("files", "/files");
    files.match_mode = countersign_proto::v1::MatchMode::Swa.into();
    gateway.publish(files).await;
    gateway.management.create_key(&ORDERS).await;
    gateway.bind(&ORDERS, "files").await;
    for (asked, sent) in [
        // Escapes in a path stay as they came; dots are resolved, also encoded ones.
        ("/files/a%2Fb/%e4%b8%ad/~x", "/files/a%2Fb/%e4%b8%ad/~x"),
        ("/files/a/./b/../c/%2e%2E/d", "/files/a/d"),
        // A query is read as a form, and written again in its order.
        ("/files?b=1&a=2&a=1", "/files?b=1&a=2&a=1"),
        ("/files?q=a+b&q=%2B&=lost&flag&e=", "/files?q=a%20b&q=%2B&flag&e="),
        ("/files?q=%e4%b8%ad%7E*", "/files?q=%E4%B8%AD~%2A"),
    ] {
        assert_eq!(gateway.get(asked).await.status, 200, "{asked}");
        let seen = gateway.backend.last();
        assert_eq!(seen.target, sent, "of {asked}");
        ORDERS.assert_signed(&seen);
    }
    assert_eq!(gateway.get("/files/../../etc").await.status, 400);
    gateway.end().await;
}

#[tokio::test]
async fn each_request_is_signed_anew_over_one_connection() {
    let gateway = Gateway::signing_orders_with(&ORDERS).await;
    let mut client = countersign_tests::Client::connect(gateway.node.proxy_address()).await;
    for n in 0..20 {
        client.send(format!("GET /orders?n={n} HTTP/1.1\r\nHost: any.example\r\n\r\n")).await;
        assert_eq!(client.answer().await.unwrap().status, 200);
    }
    let seen = gateway.backend.take();
    assert_eq!((seen.len(), gateway.backend.connections()), (20, 1));
    for seen in &seen {
        ORDERS.assert_signed(seen);
    }
    let mut signatures: Vec<_> = seen.iter().map(|seen| HmacClaim::of(seen).signature).collect();
    signatures.sort();
    signatures.dedup();
    assert_eq!(signatures.len(), 20);
    gateway.end().await;
}
