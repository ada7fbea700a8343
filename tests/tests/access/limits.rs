//! What one caller may take of a control plane: calls and streams at once, time, and bytes.

use std::time::Duration;

use countersign_proto::v1::access_client::AccessClient;
use countersign_proto::v1::environments_client::EnvironmentsClient;
use countersign_proto::v1::{self, OperatorRole};
use countersign_tests::authority::{Authority, management};
use countersign_tests::{Management, Plane, refused, soon};
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

use crate::grant;

/// A call of one message that never comes to its end.
async fn stuck(who: &Management, path: &'static str) -> Status {
    let mut client = Grpc::new(who.channel());
    client.ready().await.unwrap();
    let request = Request::new(tokio_stream::pending::<()>());
    let path = PathAndQuery::from_static(path);
    let codec = ProstCodec::<(), ()>::default();
    soon("an answer", client.client_streaming(request, path, codec)).await.unwrap_err()
}

#[tokio::test]
async fn a_call_that_takes_too_long_is_given_up_and_a_stream_is_not() {
    let authority = Authority::make();
    let plane = Plane::start_with(|config| {
        config.transport = authority.transport(config.listen);
        config.call_time_max = Duration::from_millis(300);
    })
    .await;
    authority.make_admins(&plane, &["ann"]).await;
    let ann = management(&plane, &authority.operator("ann"));
    let watch = v1::TailEventsRequest { revision_from: plane.revision() + 1 };
    let mut stream = ann.events().tail_events(watch).await.unwrap().into_inner();

    let path = "/countersign.v1.Environments/CreateEnvironment";
    let given_up = refused::<()>(Err(stuck(&ann, path).await));
    assert_eq!((given_up.code, &*given_up.reason), (Code::DeadlineExceeded, "CALL_TOO_LONG"));
    assert_eq!(given_up.metadata["time_max_seconds"], "0.300");
    assert!(given_up.message.contains("300ms"), "{}", given_up.message);

    ann.create_environment("STAGING").await;
    soon("an event", stream.message()).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused_with_the_limit() {
    let authority = Authority::make();
    let plane = authority.plane().await;
    let ann = management(&plane, &authority.operator("ann"));
    let environment = |bytes: usize| v1::CreateEnvironmentRequest {
        environment: Some(v1::Environment {
            name: "STAGING".to_owned(),
            remark: "x".repeat(bytes),
            ..Default::default()
        }),
        ..Default::default()
    };
    let mut environments = EnvironmentsClient::new(ann.channel());
    let refusal = environments.create_environment(environment(4 << 20)).await.unwrap_err();
    assert_eq!(refusal.code(), Code::OutOfRange, "{refusal}");
    assert!(refusal.message().contains("the limit is: 4194304 bytes"), "{refusal}");
    // Just within it: it is read, and refused for what it says.
    let read = environments.create_environment(environment((4 << 20) - 100)).await;
    assert_eq!(refused(read).reason, "INVALID_FIELDS");
}

#[tokio::test]
async fn an_operator_has_so_many_streams_and_others_have_theirs() {
    let authority = Authority::make();
    let plane = authority.plane().await;
    let ann = management(&plane, &authority.operator("ann"));
    grant(&ann, "bob", OperatorRole::Viewer, (&[], &[])).await;
    let bob = management(&plane, &authority.operator("bob"));
    let watch = v1::WatchNodesRequest::default;
    let mut open = Vec::new();
    for _ in 0..256 {
        open.push(bob.nodes().watch_nodes(watch()).await.unwrap());
    }
    // From another connection as well.
    let again = management(&plane, &authority.operator("bob"));
    let refusal = refused(again.nodes().watch_nodes(watch()).await.map(drop));
    assert_eq!((refusal.code, &*refusal.reason), (Code::ResourceExhausted, "TOO_MANY_OPEN_CALLS"));
    assert_eq!(refusal.retry_after, Some(Duration::from_secs(1)));
    let call = bob.environments().list_environments(v1::ListEnvironmentsRequest::default()).await;
    assert_eq!(refused(call.map(drop)).reason, "TOO_MANY_OPEN_CALLS");
    ann.nodes().watch_nodes(watch()).await.unwrap();

    drop(open.pop());
    countersign_tests::eventually("a place that was left", async || {
        bob.nodes().watch_nodes(watch()).await.is_ok().then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_node_has_so_many_calls_open_and_others_have_theirs() {
    let authority = Authority::make();
    let plane = authority.plane().await;
    let files = authority.node("edge-1");
    // What says nothing waits for its Hello for ten seconds.
    let waiting = async |who: Management| {
        let mut client = v1::sync_client::SyncClient::new(who.channel());
        client.subscribe(tokio_stream::pending()).await.map(drop)
    };
    let connections: Vec<_> = (0..3).map(|_| management(&plane, &files)).collect();
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..1_100 {
        calls.spawn(waiting(connections[number % 3].clone()));
    }
    let refusal = soon("one too many", calls.join_next()).await.unwrap().unwrap();
    let refusal = refused(refusal);
    assert_eq!((refusal.code, &*refusal.reason), (Code::ResourceExhausted, "TOO_MANY_OPEN_CALLS"));
    let other = management(&plane, &authority.node("edge-2"));
    let mut client = v1::sync_client::SyncClient::new(other.channel());
    let hello = v1::DeliverKeysRequest { node: "edge-2".to_owned(), ..Default::default() };
    let refusal = client.deliver_keys(hello).await.err();
    assert!(refusal.is_none_or(|status| status.code() != Code::ResourceExhausted));
}

/// What is refused for the moment says when to come again, so that clients need not guess.
#[tokio::test]
async fn who_makes_too_many_calls_is_told_when_to_come_again() {
    let authority = Authority::make();
    let plane = Plane::start_with(|config| {
        config.transport = authority.transport(config.listen);
        config.calls_per_second = 1;
    })
    .await;
    let ann = management(&plane, &authority.operator("ann"));
    let mut access = AccessClient::new(ann.channel());
    let refusal = soon("one too many", async {
        loop {
            if let Err(status) = access.who_am_i(v1::WhoAmIRequest {}).await {
                return refused::<()>(Err(status));
            }
        }
    })
    .await;
    assert_eq!(refusal.reason, "TOO_MANY_CALLS");
    let wait = refusal.retry_after.unwrap();
    assert!(!wait.is_zero() && wait <= Duration::from_secs(1), "{wait:?}");
}
