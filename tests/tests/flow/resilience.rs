//! What happens without the control plane, when it comes back, and when it starts again.

use countersign_proto::v1;
use countersign_tests::{Plane, eventually, get, node, soon};

use crate::gateway::{Gateway, LEGACY, ORDERS, RELEASE, REPORTS};

#[tokio::test]
async fn without_the_control_plane_a_node_signs_and_then_goes_on_by_deltas() {
    let mut gateway = Gateway::signing_orders_with(&ORDERS).await;
    gateway.management.create_key(&REPORTS).await;
    gateway.reached(gateway.plane.revision()).await;
    let known = gateway.management.node("node-1").await;
    assert_eq!(known.snapshots_sent, 1, "the first one: {known:?}");

    gateway.plane.stop().await;
    for _ in 0..50 {
        assert_eq!(gateway.get("/orders").await.status, 200);
    }
    gateway.backend.take().iter().for_each(|seen| ORDERS.assert_signed(seen));
    let status = gateway.node.status_address().unwrap();
    assert_eq!(get(status, "/ready").await.status, 200, "it has what it signs with");

    gateway.plane.go_on().await;
    let revision = gateway.management.rebind("reports", "orders", RELEASE).await;
    gateway.reached(revision).await;
    gateway.get("/orders").await;
    REPORTS.assert_signed(&gateway.backend.last());
    let known = gateway.management.node("node-1").await;
    assert_eq!(known.snapshots_sent, 0, "since the control plane started again: {known:?}");
    assert!(known.deltas_sent >= 1, "{known:?}");
    gateway.end().await;
}

#[tokio::test]
async fn a_node_that_missed_changes_gets_them_when_the_control_plane_is_back() {
    let mut gateway = Gateway::signing_orders_with(&ORDERS).await;
    gateway.management.create_key(&REPORTS).await;
    gateway.publish(gateway.api("returns", "/returns")).await;
    // Stopped and started again before the node can have noticed, and changed meanwhile.
    gateway.plane.restart().await;
    gateway.management.rebind("reports", "orders", RELEASE).await;
    gateway.management.bind("orders", "returns", RELEASE).await;
    let revision = gateway.management.take_offline("orders", RELEASE).await;
    gateway.reached(revision).await;
    assert_eq!(gateway.get("/orders").await.status, 404);
    gateway.get("/returns").await;
    ORDERS.assert_signed(&gateway.backend.last());
    gateway.end().await;
}

#[tokio::test]
async fn a_restart_has_everything() {
    let mut gateway = Gateway::start().await;
    gateway.management.create_environment("STAGING").await;
    gateway.management.create_group("books", &["books.example"]).await;
    gateway.publish(gateway.api("orders", "/orders")).await;
    gateway.management.publish("orders", "STAGING").await;
    for key in [&ORDERS, &LEGACY] {
        gateway.management.create_key(key).await;
    }
    gateway.management.bind("orders", "orders", RELEASE).await;
    gateway.management.bind("legacy", "orders", "STAGING").await;
    gateway.management.take_offline("orders", "STAGING").await;
    let before = everything(&gateway.plane).await;
    let revision = gateway.plane.revision();
    for _ in 0..2 {
        gateway.plane.restart().await;
        assert_eq!(gateway.plane.revision(), revision, "starting writes nothing");
        assert_eq!(everything(&gateway.plane).await, before);
    }
    // Not by resuming: a node that has nothing yet is given the secrets from the disk.
    let second = node(&gateway.plane.uri(), "node-2").await;
    soon("the node's revision", second.wait_for(revision)).await;
    get(second.proxy_address(), "/orders").await;
    ORDERS.assert_signed(&gateway.backend.last());
    soon("the node's end", second.shutdown()).await;
    gateway.end().await;
}

#[tokio::test]
async fn nodes_tell_what_they_sign_with() {
    let gateway = Gateway::signing_orders_with(&ORDERS).await;
    let revision = gateway.plane.revision();
    let known = eventually("the node's answer", async || {
        let known = gateway.management.node("node-1").await;
        (known.acked_revision == revision).then_some(known)
    })
    .await;
    assert!(known.connected && known.in_sync, "{known:?}");
    assert_eq!((known.lag_revisions, known.environments), (0, vec![RELEASE.to_owned()]));
    assert_eq!(known.last_nack, None);
    let Gateway { mut plane, node, management, backend: _ } = gateway;
    soon("the node's end", node.shutdown()).await;
    eventually("the node is gone", async || {
        (!management.node("node-1").await.connected).then_some(())
    })
    .await;
    plane.stop().await;
}

/// All that lists and the log tell, in words.
async fn everything(plane: &Plane) -> Vec<String> {
    macro_rules! told {
        ($($service:ident.$list:ident($request:ident))*) => {
            vec![$({
                let reply = plane.management().$service().$list(v1::$request::default()).await;
                format!("{:?}", reply.unwrap().into_inner())
            }),*]
        };
    }
    told! {
        environments.list_environments(ListEnvironmentsRequest)
        api_groups.list_api_groups(ListApiGroupsRequest)
        apis.list_apis(ListApisRequest)
        apis.list_publications(ListPublicationsRequest)
        signature_keys.list_signature_keys(ListSignatureKeysRequest)
        bindings.list_bindings(ListBindingsRequest)
        events.list_events(ListEventsRequest)
    }
}
