//! Given a node's key pair, when it asks for delivery keys, then they open for it, and for nobody else.

use countersign_delivery::{HandOver, Recipient};
use countersign_proto::v1::sync_client::SyncClient;
use countersign_proto::v1::{DeliverKeysRequest, Hello};
use countersign_shared::id::EnvironmentId;
use tonic::Code;

use crate::double::{Plane, hello};

#[tokio::test]
async fn the_keys_of_the_welcome_are_those_that_a_relay_gets_for_the_node() {
    let plane = Plane::start().await;
    let node = Recipient::generate().unwrap();
    let hello = Hello { delivery_public_key: node.public_key().to_vec(), ..hello("edge-1") };
    let double = plane.connect_as(hello.clone()).await.unwrap();
    let served = double.welcome.environments[0].clone();
    let of = HandOver {
        log_id: &double.welcome.log_id,
        environment: EnvironmentId::try_from(&*served.id).unwrap(),
        node: &hello.node,
        instance: &hello.instance,
    };
    let key = node.open(&of, &served.sealed_delivery_key).unwrap();

    let mut sync = SyncClient::new(plane.channel.clone());
    let mut ask = DeliverKeysRequest {
        node: hello.node.clone(),
        instance: hello.instance.clone(),
        delivery_public_key: hello.delivery_public_key.clone(),
        environment_ids: vec![served.id.clone()],
    };
    let given = sync.deliver_keys(ask.clone()).await.unwrap().into_inner().sealed_delivery_keys;
    assert_eq!(given.len(), 1);
    assert_eq!(node.open(&of, &given[0]).unwrap().bytes(), key.bytes());
    assert_ne!(given[0], served.sealed_delivery_key, "sealed anew each time");
    assert!(Recipient::generate().unwrap().open(&of, &given[0]).is_err());

    ask.environment_ids = vec![vec![9; 16]];
    let refused = sync.deliver_keys(ask.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    (ask.environment_ids, ask.delivery_public_key) = (vec![served.id], vec![1; 31]);
    let refused = sync.deliver_keys(ask).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn who_gives_no_public_key_gets_no_keys_and_who_gives_a_bad_one_no_stream() {
    let plane = Plane::start().await;
    let double = plane.connect("relay").await;
    assert!(double.welcome.environments[0].sealed_delivery_key.is_empty());
    let bad = Hello { delivery_public_key: vec![0; 32], ..hello("edge-1") };
    let refused = plane.connect_as(bad).await.err().unwrap();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("delivery_public_key"), "{}", refused.message());
}
