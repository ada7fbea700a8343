//! Who is revoked is out at once, whoever gave it its certificate.

use countersign_delivery::Recipient;
use countersign_proto::v1;
use countersign_proto::v1::sync_client::SyncClient;
use countersign_tests::authority::{Authority, management};
use countersign_tests::{Management, eventually, refused, soon};
use tonic::{Code, Status};

use crate::streams::{end, greet, hello, welcomed};

pub(crate) async fn revoke(operator: &Management, node: &str) -> Result<u64, Status> {
    let request = v1::RevokeNodeRequest { node: node.to_owned(), ..Default::default() };
    operator.nodes().revoke_node(request).await.map(|reply| reply.into_inner().revision)
}

pub(crate) async fn keys_for(
    asker: &Management,
    node: &str,
    environment: &[u8],
) -> Result<(), Status> {
    let asked = v1::DeliverKeysRequest {
        node: node.to_owned(),
        instance: "1".to_owned(),
        delivery_public_key: Recipient::generate().unwrap().public_key().to_vec(),
        environment_ids: vec![environment.to_vec()],
    };
    SyncClient::new(asker.channel()).deliver_keys(asked).await.map(drop)
}

#[tokio::test]
async fn a_node_of_another_ca_is_revoked_by_its_name() {
    let authority = Authority::make();
    let plane = authority.plane().await;
    let operator = management(&plane, &authority.operator("ann"));
    let node = management(&plane, &authority.node("edge-1"));
    let other = management(&plane, &authority.node("edge-2"));
    let relay = management(&plane, &authority.relay("relay-1"));
    let mut stream = greet(&node, hello("edge-1", "RELEASE")).await.unwrap();
    let environment = welcomed(&mut stream).await;
    let mut goes_on = greet(&other, hello("edge-2", "RELEASE")).await.unwrap();
    keys_for(&relay, "edge-1", &environment).await.unwrap();

    let slip = refused(revoke(&operator, "egde-1").await);
    assert_eq!((slip.code, slip.reason.as_str()), (Code::NotFound, "NOT_FOUND"));
    revoke(&operator, "edge-1").await.unwrap();
    let ended = refused::<()>(Err(end(stream).await));
    assert_eq!((ended.code, ended.reason.as_str()), (Code::PermissionDenied, "NODE_REVOKED"));
    assert!(ended.message.contains("countersign node token create --node edge-1"), "{ended:?}");

    let again = refused(greet(&node, hello("edge-1", "RELEASE")).await);
    assert_eq!(again.reason, "NODE_REVOKED");
    assert_eq!(refused(keys_for(&node, "edge-1", &environment).await).reason, "NODE_REVOKED");
    // A relay does not get them for it either.
    assert_eq!(refused(keys_for(&relay, "edge-1", &environment).await).reason, "NODE_REVOKED");
    keys_for(&relay, "edge-2", &environment).await.unwrap();
    assert!(operator.node("edge-1").await.revoke_time.is_some());
    soon("the other stream goes on", goes_on.message()).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_revoked_relay_serves_nobody_any_longer() {
    let authority = Authority::make();
    let plane = authority.plane().await;
    let operator = management(&plane, &authority.operator("ann"));
    let relay = management(&plane, &authority.relay("relay-1"));
    let as_relay = v1::Hello { relay: true, ..hello("relay-1", "RELEASE") };
    let mut stream = greet(&relay, as_relay).await.unwrap();
    let environment = welcomed(&mut stream).await;
    revoke(&operator, "relay-1").await.unwrap();
    assert_eq!(refused::<()>(Err(end(stream).await)).reason, "NODE_REVOKED");
    assert_eq!(refused(keys_for(&relay, "edge-1", &environment).await).reason, "NODE_REVOKED");
}

#[tokio::test]
async fn what_was_revoked_stays_so_after_a_restart() {
    let authority = Authority::make();
    let mut plane = authority.plane().await;
    let operator = management(&plane, &authority.operator("ann"));
    let request =
        v1::RevokeNodeRequest { node: "edge-1".to_owned(), force: true, ..Default::default() };
    operator.nodes().revoke_node(request).await.unwrap();
    plane.restart().await;
    let node = management(&plane, &authority.node("edge-1"));
    assert_eq!(refused(greet(&node, hello("edge-1", "RELEASE")).await).reason, "NODE_REVOKED");
    let operator = management(&plane, &authority.operator("ann"));
    let nodes = operator.nodes().list_nodes(v1::ListNodesRequest::default()).await.unwrap();
    let nodes = nodes.into_inner().nodes;
    assert_eq!(
        nodes.first().map(|node| (node.name.as_str(), node.connected)),
        Some(("edge-1", false))
    );
}

#[tokio::test]
async fn a_node_that_takes_nothing_of_its_stream_is_shut_out_as_well() {
    let authority = Authority::make();
    let plane = authority.plane().await;
    let operator = management(&plane, &authority.operator("ann"));
    let node = management(&plane, &authority.node("edge-1"));
    let stream = greet(&node, hello("edge-1", "RELEASE")).await.unwrap();
    // A client takes 2 MiB of a stream without being read, and some of these wait before it.
    let pem = std::fs::read_to_string(authority.certificate()).unwrap();
    let backend = v1::Backend {
        scheme: "https".to_owned(),
        targets: vec!["127.0.0.1:1".to_owned()],
        tls: Some(v1::BackendTls { ca_pem: pem.repeat(60_000 / pem.len()), ..Default::default() }),
        ..Default::default()
    };
    let api = operator.create_api(v1::Api {
        api_group: operator.create_group("shop", &[]).await,
        name: "large".to_owned(),
        method: v1::Method::Get.into(),
        path: "/large".to_owned(),
        backend: Some(backend),
        ..Default::default()
    });
    let api = api.await;
    for _ in 0..80 {
        operator.publish(&api, "RELEASE").await;
        operator.take_offline(&api, "RELEASE").await;
    }
    let shown = operator.node("edge-1").await;
    assert!(shown.connected && shown.sent_revision + 5 < plane.revision(), "{shown:?}");
    revoke(&operator, "edge-1").await.unwrap();
    eventually("the end of its stream", async || {
        (!operator.node("edge-1").await.connected).then_some(())
    })
    .await;
    assert_eq!(refused::<()>(Err(end(stream).await)).reason, "NODE_REVOKED");
}
