//! Keys and bindings as they change: what takes effect, where, and that no request slips through
//! unsigned between two keys.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use countersign_proto::v1;
use countersign_tests::{Client, Key, get, node, refused, soon};
use tonic::Code;

use crate::gateway::{Gateway, LEGACY, ORDERS, RELEASE, REPORTS};

#[tokio::test]
async fn binding_rebinding_and_unbinding_take_effect_on_every_node() {
    let gateway = Gateway::start().await;
    let second = node(&gateway.plane.uri(), "node-2").await;
    gateway.publish(gateway.api("orders", "/orders")).await;
    let nodes = [&gateway.node, &second];
    let seen_after = async |revision: u64| {
        for node in nodes {
            soon("the node's revision", node.wait_for(revision)).await;
            assert_eq!(get(node.proxy_address(), "/orders").await.status, 200);
        }
        gateway.backend.take()
    };
    for key in [&ORDERS, &REPORTS, &LEGACY] {
        gateway.management.create_key(key).await;
    }
    let seen = seen_after(gateway.plane.revision()).await;
    assert!(seen.iter().all(|seen| !seen.is_signed()), "published, and not bound yet");
    let revision = gateway.management.bind("orders", "orders", RELEASE).await;
    seen_after(revision).await.iter().for_each(|seen| ORDERS.assert_signed(seen));
    let revision = gateway.management.rebind("reports", "orders", RELEASE).await;
    seen_after(revision).await.iter().for_each(|seen| REPORTS.assert_signed(seen));
    let revision = gateway.management.rebind("legacy", "orders", RELEASE).await;
    seen_after(revision).await.iter().for_each(|seen| LEGACY.assert_signed(seen));
    let revision = gateway.management.unbind("orders", RELEASE).await;
    let seen = seen_after(revision).await;
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|seen| !seen.is_signed()), "{seen:#?}");
    soon("the node's end", second.shutdown()).await;
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_key_is_exchanged_no_request_goes_unsigned() {
    const REBINDS: usize = 40;
    let gateway = Gateway::signing_orders_with(&ORDERS).await;
    gateway.management.create_key(&REPORTS).await;
    let over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (over, proxy) = (Arc::clone(&over), gateway.node.proxy_address());
            tokio::spawn(async move {
                let mut client = Client::connect(proxy).await;
                let mut sent = 0_usize;
                while !over.load(Ordering::Relaxed) {
                    client.send("GET /orders HTTP/1.1\r\nHost: any.example\r\n\r\n").await;
                    assert_eq!(client.answer().await.unwrap().status, 200);
                    sent += 1;
                }
                sent
            })
        })
        .collect();
    for n in 0..REBINDS {
        let key = if n % 2 == 0 { REPORTS } else { ORDERS };
        let before = gateway.backend.count();
        let revision = gateway.management.rebind(key.name, "orders", RELEASE).await;
        gateway.reached(revision).await;
        // The load goes on with the new key before the next exchange.
        countersign_tests::eventually("requests between two exchanges", async || {
            (gateway.backend.count() >= before + 8).then_some(())
        })
        .await;
    }
    over.store(true, Ordering::Relaxed);
    let mut sent = 0;
    for client in clients {
        sent += soon("the client's end", client).await.unwrap();
    }
    let seen = gateway.backend.take();
    assert_eq!(seen.len(), sent);
    let by = |key: &Key| seen.iter().filter(|seen| key.verify(seen).is_ok()).count();
    let (by_orders, by_reports) = (by(&ORDERS), by(&REPORTS));
    assert_eq!(by_orders + by_reports, sent, "each by the one key or the other");
    assert!(by_orders >= REBINDS && by_reports >= REBINDS, "{by_orders} and {by_reports}");
    gateway.end().await;
}

#[tokio::test]
async fn another_key_is_bound_only_where_replacing_was_asked_for() {
    let gateway = Gateway::signing_orders_with(&ORDERS).await;
    let bound = gateway.management.create_key(&REPORTS).await;
    let before = gateway.plane.revision();
    let request = v1::CreateBindingRequest {
        signature_key: bound,
        api: "orders".to_owned(),
        environment: RELEASE.to_owned(),
        ..Default::default()
    };
    let refused = refused(gateway.management.bindings().create_binding(request).await);
    assert_eq!((refused.code, refused.reason.as_str()), (Code::AlreadyExists, "API_ALREADY_BOUND"));
    assert_eq!(refused.metadata["signature_key_name"], "orders");
    assert_eq!(gateway.plane.revision(), before);
    gateway.get("/orders").await;
    ORDERS.assert_signed(&gateway.backend.last());
    gateway.end().await;
}

#[tokio::test]
async fn a_replaced_secret_signs_at_once_and_the_former_one_no_more() {
    let gateway = Gateway::signing_orders_with(&ORDERS).await;
    let next = Key { secret: "Another_secret-of-the-orders", ..ORDERS };
    let request = v1::ReplaceSecretRequest {
        signature_key: "orders".to_owned(),
        secret: next.secret.to_owned(),
        confirm_secret: next.secret.to_owned(),
        ..Default::default()
    };
    let reply = gateway.management.signature_keys().replace_secret(request).await.unwrap();
    let reply = reply.into_inner();
    assert_eq!(reply.signature_key.unwrap().secret_version, 2);
    assert_eq!(reply.generated_secret, "", "it was given");
    gateway.reached(reply.revision).await;
    gateway.get("/orders").await;
    next.assert_signed(&gateway.backend.last());
    assert!(ORDERS.verify(&gateway.backend.last()).is_err());
    gateway.end().await;
}

#[tokio::test]
async fn a_bound_key_is_deleted_only_by_force_and_then_signs_nothing() {
    let gateway = Gateway::signing_orders_with(&ORDERS).await;
    gateway.publish(gateway.api("returns", "/returns")).await;
    gateway.bind(&ORDERS, "returns").await;
    let mut request =
        v1::DeleteSignatureKeyRequest { signature_key: "orders".to_owned(), ..Default::default() };
    let mut keys = gateway.management.signature_keys();
    let refused = refused(keys.delete_signature_key(request.clone()).await);
    assert_eq!(
        (refused.code, refused.reason.as_str()),
        (Code::FailedPrecondition, "KEY_STILL_BOUND")
    );
    assert_eq!(refused.metadata["bindings"], "2");
    request.force = true;
    let before = gateway.plane.revision();
    let revision = keys.delete_signature_key(request).await.unwrap().into_inner().revision;
    assert_eq!(revision, before + 3, "two bindings and the key, in one batch");
    gateway.reached(revision).await;
    for path in ["/orders", "/returns"] {
        assert_eq!(gateway.get(path).await.status, 200);
        assert!(!gateway.backend.last().is_signed());
    }
    gateway.end().await;
}
