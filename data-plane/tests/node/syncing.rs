//! The stream: snapshots, deltas, resuming, refusing, and what stays when it breaks.

use countersign_data_plane::start;
use countersign_proto::v1::subscribe_response::Message;
use countersign_proto::v1::{
    Change, ChangeSet, Delta, EnvironmentChanges, ResourceKind, SnapshotChunk,
};
use countersign_shared::digest::TableDigest;
use prost::Message as _;
use tonic::Status;

use crate::support::{
    Backend, ControlPlane, Resources, api, binding, config, get, group, hash, hmac, id, node_with,
    remove, route, soon,
};

fn demo(backend: &Backend) -> Resources {
    Resources::of([group(1, &[]), route(2, 1, api("/", backend.address(), |_| {}))])
}

#[tokio::test]
async fn a_snapshot_comes_into_force_at_its_end_and_is_acknowledged_with_its_digest() {
    let backend = Backend::start().await;
    let resources = demo(&backend);
    let mut control_plane = ControlPlane::start().await;
    let node = start(config(&control_plane)).await.unwrap();
    let mut stream = control_plane.stream().await;
    let hello = stream.hello.clone();
    assert_eq!((hello.node.as_str(), hello.protocol_version), ("node-1", 1));
    assert_eq!(hello.environments, ["RELEASE"]);
    assert_eq!((hello.log_id.as_str(), hello.revision, hello.hash.len()), ("", 0, 0));
    assert_eq!(hello.instance.len(), 16);

    let status = node.status_address().unwrap();
    stream.welcome("log-a", false).await;
    for chunk in resources.chunks() {
        stream.send(Message::SnapshotChunk(chunk)).await;
    }
    assert_eq!(get(node.proxy_address(), "/").await.code(), "NO_CONFIGURATION");
    let not_ready = get(status, "/ready").await;
    assert_eq!(not_ready.status, 503);
    assert!(not_ready.text().contains("waiting for the first complete snapshot"));

    stream.snapshot_end(7, resources.digest()).await;
    assert_eq!(stream.ack(7).await.digest, resources.digest().as_bytes());
    assert_eq!(get(node.proxy_address(), "/").await.status, 200);
    assert_eq!(get(status, "/ready").await.status, 200);
    node.wait_for(7).await;
}

#[tokio::test]
async fn the_acknowledgement_means_that_it_signs_with_it() {
    let backend = Backend::start().await;
    let first = demo(&backend);
    let (node, _control_plane, mut stream) = node_with(&first).await;
    get(node.proxy_address(), "/").await;
    assert_eq!(backend.last().header("authorization"), None);

    stream.delta(2, &Resources::of([hmac(3), binding(2, 3)])).await;
    let digest = stream.ack(2).await.digest;
    assert_eq!(digest, first.clone().and(0, [hmac(3), binding(2, 3)]).digest().as_bytes());
    get(node.proxy_address(), "/").await;
    assert!(backend.last().header("authorization").unwrap().contains("Access=signature_key1"));

    stream
        .delta(
            3,
            &Resources::of([remove(ResourceKind::Binding, 2), remove(ResourceKind::Signer, 3)]),
        )
        .await;
    assert_eq!(stream.ack(3).await.digest, first.digest().as_bytes());
    get(node.proxy_address(), "/").await;
    assert_eq!(backend.last().header("authorization"), None);

    stream
        .delta(4, &Resources::of([remove(ResourceKind::Route, 2), remove(ResourceKind::Group, 1)]))
        .await;
    assert_eq!(stream.ack(4).await.digest, TableDigest::ZERO.as_bytes());
    assert_eq!(get(node.proxy_address(), "/").await.code(), "API_NOT_FOUND");
}

#[tokio::test]
async fn bookmarks_move_the_revision_on_and_tell_of_a_table_that_differs() {
    let backend = Backend::start().await;
    let resources = demo(&backend);
    let (node, _control_plane, mut stream) = node_with(&resources).await;
    stream.bookmark(5, resources.digest()).await;
    stream.ack(5).await;
    assert_eq!(*node.applied_revision().borrow(), 5);

    stream.bookmark(6, TableDigest::ZERO).await;
    assert_eq!(stream.ack(6).await.digest, resources.digest().as_bytes());
    let metrics = get(node.status_address().unwrap(), "/metrics").await;
    assert!(
        metrics.text().contains("countersign_node_digest_mismatches_total 1"),
        "{}",
        metrics.text()
    );
    assert!(metrics.text().contains("countersign_node_applied_revision 6"));
}

#[tokio::test]
async fn what_waits_is_applied_together_and_acknowledged_once() {
    let backend = Backend::start().await;
    let (node, _control_plane, mut stream) = node_with(&demo(&backend)).await;
    for revision in 2..200 {
        let path = format!("/path{revision}");
        let number = u8::try_from(revision).unwrap();
        let changes = Resources::of([route(number, 1, api(&path, backend.address(), |_| {}))]);
        stream.delta(revision, &changes).await;
    }
    let mut last = 1;
    let mut answers = 0;
    while last < 199 {
        let Some(countersign_proto::v1::subscribe_request::Message::Ack(ack)) =
            stream.answer().await
        else {
            panic!("an Ack was expected");
        };
        assert!(ack.revision > last, "acknowledgements go forward");
        last = ack.revision;
        answers += 1;
    }
    assert!(answers <= 198);
    node.wait_for(199).await;
}

#[tokio::test]
async fn a_delta_that_cannot_be_used_changes_nothing_and_is_refused() {
    let unusable: [(&str, Resources, &str); 4] = [
        (
            "a bad path",
            Resources::of([route(2, 1, api("no-slash", "b:1", |_| {}))]),
            "begins with `/`",
        ),
        ("a binding without its key", Resources::of([binding(2, 9)]), "signature key 0909"),
        (
            "a route without its group",
            Resources::of([route(7, 8, api("/x", "b:1", |_| {}))]),
            "group 0808",
        ),
        (
            "a group that is still needed",
            Resources::of([remove(ResourceKind::Group, 1)]),
            "group 0101",
        ),
    ];
    for (what, changes, reason) in unusable {
        let backend = Backend::start().await;
        let first = demo(&backend).and(0, [hmac(3), binding(2, 3)]);
        let (node, mut control_plane, mut stream) = node_with(&first).await;
        // A good change in the same delta is not made either.
        let changes = changes.and(0, [remove(ResourceKind::Binding, 200), hmac(201)]);
        stream.delta(2, &changes).await;
        let nack = stream.nack().await;
        assert_eq!(nack.revision, 2, "{what}");
        assert!(nack.reason.contains(reason), "{what}: {}", nack.reason);
        assert_eq!(get(node.proxy_address(), "/still-here").await.status, 200, "{what}");
        assert!(backend.last().header("authorization").is_some(), "{what}");
        assert_eq!(*node.applied_revision().borrow(), 1, "{what}");
        drop(stream);

        // It asks for a whole snapshot then, and is well again with a good one.
        let mut stream = control_plane.stream().await;
        assert_eq!((stream.hello.log_id.as_str(), stream.hello.revision), ("", 0), "{what}");
        stream.welcome("log-a", false).await;
        stream.snapshot(3, &first).await;
        stream.ack(3).await;
    }
}

#[tokio::test]
async fn a_refusal_names_the_resource_and_never_the_secret() {
    let backend = Backend::start().await;
    let (_node, _control_plane, mut stream) = node_with(&demo(&backend)).await;
    let key = countersign_proto::v1::SignatureKeyType::Aes;
    let changes =
        Resources::of([crate::support::signer(3, key, "signature_key1", "a_secret_to_keep")]);
    stream.delta(2, &changes).await;
    let nack = stream.nack().await;
    assert_eq!((nack.kind(), nack.resource_id), (ResourceKind::Signer, id(3)));
    assert!(!nack.reason.contains("a_secret_to_keep"), "{}", nack.reason);
}

#[tokio::test]
async fn garbage_is_refused() {
    let backend = Backend::start().await;
    let resources = demo(&backend);
    let (node, mut control_plane, mut stream) = node_with(&resources).await;
    let environment_id = Resources::environment(0).as_bytes().to_vec();
    let environments =
        vec![EnvironmentChanges { environment_id, change_set: b"\xff\xff".as_slice().into() }];
    stream
        .send(Message::Delta(Delta {
            revision: 2,
            hash: hash(2),
            environments: environments.clone(),
        }))
        .await;
    assert!(stream.nack().await.reason.contains("change set"));
    drop(stream);

    let mut stream = control_plane.stream().await;
    stream.welcome("log-a", false).await;
    stream.send(Message::SnapshotChunk(SnapshotChunk { environments })).await;
    stream.snapshot_end(2, TableDigest::ZERO).await;
    stream.nack().await;
    assert_eq!(get(node.proxy_address(), "/").await.status, 200, "the last good table stays");
}

#[tokio::test]
async fn a_broken_stream_is_resumed_where_it_ended() {
    let backend = Backend::start().await;
    let resources = demo(&backend);
    let (node, mut control_plane, mut stream) = node_with(&resources).await;
    stream.delta(2, &Resources::of([hmac(3), binding(2, 3)])).await;
    stream.ack(2).await;
    stream.fail(Status::unavailable("going away")).await;
    drop(stream);

    let mut stream = control_plane.stream().await;
    assert_eq!((stream.hello.log_id.as_str(), stream.hello.revision), ("log-a", 2));
    assert_eq!(stream.hello.hash, hash(2));
    stream.welcome("log-a", true).await;
    stream.delta(3, &Resources::of([remove(ResourceKind::Binding, 2)])).await;
    stream.ack(3).await;
    get(node.proxy_address(), "/").await;
    assert_eq!(backend.last().header("authorization"), None);
}

#[tokio::test]
async fn without_the_control_plane_it_goes_on_signing_and_finds_it_again() {
    let backend = Backend::start().await;
    let resources = demo(&backend).and(0, [hmac(3), binding(2, 3)]);
    let (node, control_plane, stream) = node_with(&resources).await;
    let address = control_plane.address();
    drop((stream, control_plane));
    assert_eq!(get(node.proxy_address(), "/").await.status, 200);
    assert!(backend.last().header("authorization").is_some());

    let mut control_plane = ControlPlane::start_on(address).await;
    let mut stream = control_plane.stream().await;
    assert_eq!(stream.hello.revision, 1);
    stream.welcome("log-a", true).await;
    stream.bookmark(2, resources.digest()).await;
    stream.ack(2).await;
    assert_eq!(get(node.status_address().unwrap(), "/ready").await.status, 200);
}

#[tokio::test]
async fn a_silent_stream_is_given_up_after_three_bookmark_intervals() {
    let backend = Backend::start().await;
    let mut control_plane = ControlPlane::start().await;
    let _node = start(config(&control_plane)).await.unwrap();
    let mut stream = control_plane.stream().await;
    stream.bookmark_interval_ms = 50;
    stream.welcome("log-a", false).await;
    stream.snapshot(1, &demo(&backend)).await;
    stream.ack(1).await;
    // Nothing is said any more, and the stream stays open on this side.
    let again = control_plane.stream().await;
    assert_eq!(again.hello.revision, 1);
}

#[tokio::test]
async fn kinds_of_messages_that_are_not_known_yet_are_passed_over() {
    let backend = Backend::start().await;
    let resources = demo(&backend);
    let (node, _control_plane, mut stream) = node_with(&resources).await;
    stream.send_unknown().await;
    stream.delta(2, &Resources::of([hmac(3), binding(2, 3)])).await;
    stream.send_unknown().await;
    stream.ack(2).await;
    get(node.proxy_address(), "/").await;
    assert!(backend.last().header("authorization").is_some());
}

#[tokio::test]
async fn a_kind_of_resource_that_is_not_known_yet_is_refused_and_changes_nothing() {
    let backend = Backend::start().await;
    let (node, _control_plane, mut stream) = node_with(&demo(&backend)).await;
    let change = Change { kind: 99, id: id(7), resource: Some(b"new".as_slice().into()) };
    let change_set = ChangeSet { changes: vec![change] }.encode_to_vec().into();
    let environment_id = Resources::environment(0).as_bytes().to_vec();
    let environments = vec![EnvironmentChanges { environment_id, change_set }];
    stream.send(Message::Delta(Delta { revision: 2, hash: hash(2), environments })).await;
    let nack = stream.nack().await;
    assert_eq!((nack.revision, nack.kind, nack.resource_id), (2, 99, id(7)));
    assert!(nack.reason.contains("does not know"), "{}", nack.reason);
    assert_eq!(get(node.proxy_address(), "/").await.status, 200, "the last good table stays");
}

#[tokio::test]
async fn within_one_log_the_revision_never_goes_back() {
    let backend = Backend::start().await;
    let resources = demo(&backend);
    let (node, mut control_plane, mut stream) = node_with(&resources).await;
    stream.bookmark(9, resources.digest()).await;
    stream.ack(9).await;
    stream.delta(8, &Resources::of([remove(ResourceKind::Route, 2)])).await;
    assert!(stream.nack().await.reason.contains("revision 8 lies before 9"));
    drop(stream);

    let mut stream = control_plane.stream().await;
    stream.welcome("log-a", false).await;
    stream.snapshot(4, &Resources::default()).await;
    assert!(stream.nack().await.reason.contains("revision 4 lies before 9"));
    assert_eq!(get(node.proxy_address(), "/").await.status, 200);
}

#[tokio::test]
async fn a_snapshot_that_breaks_off_leaves_the_table_as_it_was() {
    let backend = Backend::start().await;
    let resources = demo(&backend);
    let (node, mut control_plane, stream) = node_with(&resources).await;
    drop(stream);
    let stream = control_plane.stream().await;
    stream.welcome("log-a", false).await;
    stream.send(Message::SnapshotChunk(Resources::of([group(1, &[])]).chunks().remove(0))).await;
    drop(stream);
    let mut stream = control_plane.stream().await;
    assert_eq!(get(node.proxy_address(), "/").await.status, 200);
    assert_eq!(stream.hello.revision, 1, "what was begun does not count");
    stream.welcome("log-a", true).await;
    stream.bookmark(2, resources.digest()).await;
    stream.ack(2).await;
}

#[tokio::test]
async fn a_shutdown_ends_everything() {
    let backend = Backend::start().await;
    let (node, _control_plane, mut stream) = node_with(&demo(&backend)).await;
    let address = node.proxy_address();
    soon("the shutdown", node.shutdown()).await;
    assert_eq!(stream.answer().await, None);
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
