//! A relay speaks for the nodes behind it, by its certificate alone, and in its own scope only.

use countersign_control_plane::Scope;
use countersign_delivery::Recipient;
use countersign_proto::v1;
use countersign_proto::v1::sync_client::SyncClient;
use countersign_tests::{Management, Plane, free_address, node_with, refused, relay_with, soon};
use tonic::{Code, Status};

use crate::identities::{greet, hello_of};
use countersign_tests::authority::{Authority, management, uri};

async fn keys_of(management: &Management, node: &str, environment: &[u8]) -> Result<(), Status> {
    let asked = v1::DeliverKeysRequest {
        node: node.to_owned(),
        instance: "1".to_owned(),
        delivery_public_key: Recipient::generate().unwrap().public_key().to_vec(),
        environment_ids: vec![environment.to_vec()],
    };
    SyncClient::new(management.channel()).deliver_keys(asked).await.map(drop)
}

/// The id of RELEASE.
async fn release(node: &Management, name: &str) -> Vec<u8> {
    let hello = hello_of(name);
    let mut stream = greet(node, hello).await.unwrap();
    let first = stream.message().await.unwrap().unwrap().message;
    match first {
        Some(v1::subscribe_response::Message::Welcome(welcome)) => {
            welcome.environments.first().unwrap().id.clone()
        }
        other => unreachable!("a stream begins with Welcome, not {other:?}"),
    }
}

#[tokio::test]
async fn a_node_behind_a_relay_works_over_tls() {
    let authority = Authority::make();
    let plane = authority.plane().await;
    let relay = relay_with(&uri(&plane), "relay-1", free_address(), |config| {
        config.control_plane_tls = authority.relay("relay-1");
        config.transport = authority.transport(config.listen);
    })
    .await;
    let address = format!("https://{}", relay.address());
    let node = node_with(&address, "edge-1", |config| {
        config.control_plane_tls = authority.node("edge-1");
    })
    .await;
    let operator = management(&plane, &authority.operator("ann"));
    operator.create_group("shop", &[]).await;
    soon("the node follows", node.wait_for(plane.revision())).await;

    let other = Management::over_tls(&address, &authority.node("edge-2"));
    let hello = hello_of("edge-1");
    assert_eq!(refused(greet(&other, hello).await).reason, "NODE_IDENTITY");
    let ann = Management::over_tls(&address, &authority.operator("ann"));
    let hello = hello_of("ann");
    assert_eq!(refused(greet(&ann, hello).await).reason, "NODE_IDENTITY");
    node.shutdown().await;
    soon("the relay's end", relay.shutdown()).await;
}

#[tokio::test]
async fn only_a_relays_certificate_makes_a_relay_and_asks_for_others() {
    let authority = Authority::make();
    let plane = authority.plane().await;
    let node = management(&plane, &authority.node("edge-1"));
    let relay = management(&plane, &authority.relay("relay-1"));
    let release = release(&node, "edge-1").await;

    keys_of(&node, "edge-1", &release).await.unwrap();
    let refusal = refused(keys_of(&node, "edge-2", &release).await);
    assert_eq!((refusal.code, refusal.reason.as_str()), (Code::PermissionDenied, "NODE_IDENTITY"));
    keys_of(&relay, "edge-2", &release).await.unwrap();

    let as_relay = |name: &str| v1::Hello { relay: true, ..hello_of(name) };
    greet(&relay, as_relay("relay-1")).await.unwrap();
    assert_eq!(refused(greet(&relay, as_relay("relay-2")).await).reason, "NODE_IDENTITY");
    assert_eq!(refused(greet(&node, as_relay("edge-1")).await).reason, "NODE_IDENTITY");
    let as_node = hello_of("relay-1");
    assert_eq!(refused(greet(&relay, as_node).await).reason, "NODE_IDENTITY");
}

#[tokio::test]
async fn a_relay_asks_for_no_more_than_its_own_scope() {
    let authority = Authority::make();
    let rules = ["edge-*=RELEASE", "relay-1=RELEASE", "relay-2=TEST"];
    let plane = Plane::start_with(|config| {
        config.transport = authority.transport(config.listen);
        config.node_scope = Scope::new(rules.iter().map(|rule| rule.parse().unwrap()).collect());
    })
    .await;
    let release = release(&management(&plane, &authority.node("edge-1")), "edge-1").await;
    let within = management(&plane, &authority.relay("relay-1"));
    keys_of(&within, "edge-1", &release).await.unwrap();
    let beyond = management(&plane, &authority.relay("relay-2"));
    let refusal = refused(keys_of(&beyond, "edge-1", &release).await);
    assert_eq!(refusal.code, Code::PermissionDenied);
}
