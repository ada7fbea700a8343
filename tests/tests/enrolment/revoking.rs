//! Who is revoked is out at once, whoever gave it its certificate.

use countersign_delivery::Recipient;
use countersign_proto::v1;
use countersign_proto::v1::sync_client::SyncClient;
use countersign_tests::authority::{Authority, management};
use countersign_tests::{Management, refused, soon};
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
