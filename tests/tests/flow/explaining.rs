//! Signatures are explained by the secrets that the control plane keeps, and lists are ordered and
//! counted: what the console asks for.

use countersign_proto::v1;
use countersign_proto::v1::verification_client::VerificationClient;
use countersign_tests::{Plane, refused};
use prost::Message as _;
use tonic::Code;

use crate::gateway::{LEGACY, ORDERS, REPORTS};

fn captured(authorization: &str) -> v1::ExplainRequestRequest {
    let header = |name: &str, value: &str| v1::CapturedHeader {
        name: name.to_owned(),
        value: value.as_bytes().to_vec(),
    };
    v1::ExplainRequestRequest {
        signature_key: "orders".to_owned(),
        method: "GET".to_owned(),
        target: "/orders?b=2".to_owned(),
        headers: vec![
            header("Host", "shop.example"),
            header("X-Sdk-Date", "20261125T120000Z"),
            header("Authorization", authorization),
        ],
        ..Default::default()
    }
}

#[tokio::test]
async fn an_explanation_tells_neither_the_secret_nor_the_right_signature() {
    let mut plane = Plane::start().await;
    let management = plane.management();
    management.create_key(&ORDERS).await;
    let mut verification = VerificationClient::new(management.channel());
    let forged = format!(
        "SDK-HMAC-SHA256 Access=orders-key, SignedHeaders=host;x-sdk-date, Signature={}",
        "0".repeat(64)
    );
    let told = verification.explain_request(captured(&forged)).await.unwrap().into_inner();
    assert!(!told.fits && told.causes.is_empty() && told.mistaken_request.is_empty());
    let canonical = String::from_utf8(told.canonical_request.clone()).unwrap();
    assert!(canonical.starts_with("GET\n/orders/\nb=2\nhost:shop.example\n"), "{canonical}");
    let bytes = told.encode_to_vec();
    assert!(!bytes.windows(ORDERS.secret.len()).any(|part| part == ORDERS.secret.as_bytes()));

    let nothing = refused(verification.explain_request(captured("Basic b3JkZXJzOm5v")).await);
    assert_eq!((nothing.code, &*nothing.reason), (Code::FailedPrecondition, "NOTHING_TO_EXPLAIN"));
    let nobody = v1::ExplainRequestRequest { signature_key: "nobody".into(), ..captured(&forged) };
    let nobody = verification.explain_request(nobody).await.unwrap_err();
    assert_eq!(nobody.code(), Code::NotFound);
    plane.stop().await;
}

#[tokio::test]
async fn keys_are_ordered_and_counted_over_all_pages() {
    let mut plane = Plane::start().await;
    let management = plane.management();
    for key in [&ORDERS, &REPORTS, &LEGACY] {
        management.create_key(key).await;
    }
    let page = async |order_by: &str, page_token: &str| {
        let request = v1::ListSignatureKeysRequest {
            page_size: 2,
            page_token: page_token.to_owned(),
            order_by: order_by.to_owned(),
            count: true,
            ..Default::default()
        };
        let reply = management.signature_keys().list_signature_keys(request).await.unwrap();
        let reply = reply.into_inner();
        assert_eq!(reply.total_size, 3);
        let names: Vec<String> = reply.signature_keys.into_iter().map(|key| key.name).collect();
        (names, reply.next_page_token)
    };
    let (first, token) = page("name desc", "").await;
    let (second, end) = page("name desc", &token).await;
    assert_eq!([first, second].concat(), ["reports", "orders", "legacy"]);
    assert!(end.is_empty());
    let bad = v1::ListSignatureKeysRequest { order_by: "secret".into(), ..Default::default() };
    let bad = management.signature_keys().list_signature_keys(bad).await.unwrap_err();
    assert_eq!(bad.code(), Code::InvalidArgument);
    plane.stop().await;
}
