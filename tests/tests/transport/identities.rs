//! A certificate says who somebody is, and nothing else does.

use countersign_proto::v1;
use countersign_proto::v1::sync_client::SyncClient;
use countersign_tests::{Management, node_with, refused};
use tonic::{Code, Request, Response, Status, Streaming};

use countersign_tests::authority::{Authority, management, uri};

pub(crate) fn hello_of(node: &str) -> v1::Hello {
    v1::Hello {
        node: node.to_owned(),
        instance: "1".to_owned(),
        environments: vec!["RELEASE".to_owned()],
        protocol_version: 1,
        ..Default::default()
    }
}

pub(crate) async fn greet(
    management: &Management,
    hello: v1::Hello,
) -> Result<Streaming<v1::SubscribeResponse>, Status> {
    let first =
        v1::SubscribeRequest { message: Some(v1::subscribe_request::Message::Hello(hello)) };
    let mut client = SyncClient::new(management.channel());
    client.subscribe(tokio_stream::once(first)).await.map(Response::into_inner)
}

async fn hello(management: &Management, node: &str) -> Result<(), Status> {
    greet(management, hello_of(node)).await.map(drop)
}

#[tokio::test]
async fn a_node_and_an_operator_work_over_tls() {
    let authority = Authority::make();
    let plane = authority.plane().await;
    let operator = management(&plane, &authority.operator("ann"));
    let mut create = Request::new(v1::CreateEnvironmentRequest {
        environment: Some(v1::Environment { name: "STAGING".to_owned(), ..Default::default() }),
        ..Default::default()
    });
    create.metadata_mut().insert("countersign-actor", "somebody-else".parse().unwrap());
    operator.environments().create_environment(create).await.unwrap();
    let events = operator.events().list_events(v1::ListEventsRequest::default()).await.unwrap();
    let created =
        events.into_inner().events.into_iter().rfind(|event| {
            matches!(event.payload, Some(v1::event::Payload::EnvironmentCreated(_)))
        });
    assert_eq!(created.unwrap().actor, "ann");

    let node = node_with(&uri(&plane), "edge-1", |config| {
        config.control_plane_tls = authority.node("edge-1");
    })
    .await;
    assert!(operator.node("edge-1").await.address.starts_with("127."));
    node.shutdown().await;
}

#[tokio::test]
async fn a_node_is_who_its_certificate_says() {
    let authority = Authority::make();
    let plane = authority.plane().await;
    let node = management(&plane, &authority.node("edge-1"));
    let other = refused(hello(&node, "edge-2").await);
    assert_eq!((other.code, other.reason.as_str()), (Code::PermissionDenied, "NODE_IDENTITY"));
    assert!(other.message.contains("countersign://node/edge-1"), "{}", other.message);
    hello(&node, "edge-1").await.unwrap();
}

#[tokio::test]
async fn a_node_is_no_operator_and_an_operator_is_no_node() {
    let authority = Authority::make();
    let plane = authority.plane().await;
    let node = management(&plane, &authority.node("edge-1"));
    let list = node.environments().list_environments(v1::ListEnvironmentsRequest::default()).await;
    let refusal = refused(list);
    assert_eq!((refusal.code, refusal.reason.as_str()), (Code::PermissionDenied, "WRONG_IDENTITY"));
    assert_eq!(refusal.metadata["identity"], "countersign://node/edge-1");

    let operator = management(&plane, &authority.operator("ann"));
    let refusal = refused(hello(&operator, "ann").await);
    assert_eq!((refusal.code, refusal.reason.as_str()), (Code::PermissionDenied, "WRONG_IDENTITY"));
    assert_eq!(refusal.metadata["wanted"], "node");
}
