//! What is told of a node: by `GetNode`, by a watch and by a scrape.

use std::time::Duration;

use countersign_proto::v1::{
    Ack, ListNodesRequest, Nack, NodeCounts, ResourceKind, RevokeNodeRequest, WatchNodesRequest,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::double::{Plane, hello, soon};

#[tokio::test]
async fn a_node_is_told_with_what_it_was_sent_and_what_it_signs_with() {
    let plane = Plane::start().await;
    let mut double = plane.connect("edge-1").await;
    let head = plane.revision();
    let digest = double.reaches(head).await;
    let before = plane.node("edge-1").await;
    assert_eq!((before.sent_revision, before.acked_revision), (head, 0));
    assert_eq!((before.version.as_str(), before.protocol_version), ("0.1.0", 1));
    assert_eq!(before.environments, ["RELEASE"]);
    assert!(before.connected && !before.stale && before.apply_time.is_none());

    double.ack(head, digest).await;
    let node = plane.node_that("edge-1", |node| node.acked_revision == head).await;
    assert!(node.in_sync);
    assert_eq!((node.lag_revisions, node.lag_ms), (0, 0));
    assert_eq!(node.apply_time.unwrap().seconds, 1_795_435_200);
}

#[tokio::test]
async fn what_a_node_counts_is_told_as_a_rate_while_it_is_heard() {
    let plane = Plane::start().await;
    let mut double = plane.connect("edge-1").await;
    let revision = plane.revision();
    let digest = double.reaches(revision).await;
    let counted = async |requests| {
        let counts = Some(NodeCounts { requests, signatures: requests / 2 });
        double.ack_as(Ack { revision, digest: digest.clone(), applied_at_ms: 1, counts }).await;
    };
    counted(1_000).await;
    plane.node_that("edge-1", |node| node.acked_revision == revision).await;
    assert_eq!(plane.node("edge-1").await.load, None);
    // It counts on until a second has passed since the first Ack.
    let mut requests = 1_000;
    let load = loop {
        requests += 1_000;
        counted(requests).await;
        match plane.node("edge-1").await.load {
            Some(load) => break load,
            None => tokio::task::yield_now().await,
        }
    };
    assert!(load.requests_per_second > 0.0 && load.signatures_per_second > 0.0, "{load:?}");
    assert!(load.signatures_per_second < load.requests_per_second, "{load:?}");
    drop(double);
    assert_eq!(plane.node_that("edge-1", |node| !node.connected).await.load, None);
}

#[tokio::test]
async fn a_refusal_is_told_with_its_resource_and_outlives_the_stream() {
    let plane = Plane::start().await;
    let double = plane.connect("edge-1").await;
    let nack = Nack {
        revision: 7,
        kind: ResourceKind::Signer.into(),
        resource_id: vec![0xab; 16],
        reason: "the secret is empty".into(),
    };
    double.nack(nack).await;
    plane.node_that("edge-1", |node| node.last_nack.is_some()).await;
    drop(double);
    let _again = plane.connect("edge-1").await;
    let told = plane.node("edge-1").await.last_nack.unwrap();
    assert_eq!((told.revision, told.reason.as_str()), (7, "the secret is empty"));
    assert_eq!((told.resource_kind(), told.resource_id), (ResourceKind::Signer, "ab".repeat(16)));
    assert!(told.time.is_some());
}

#[tokio::test]
async fn a_node_that_says_nothing_becomes_stale_and_its_lag_grows() {
    let plane = Plane::with_bookmarks_each(Duration::from_millis(20)).await;
    let mut double = plane.connect("edge-1").await;
    double.signs_with(plane.revision()).await;
    let revision = plane.write("STAGING").await;
    let node = plane.node_that("edge-1", |node| node.stale && node.lag_ms > 0).await;
    assert!(node.connected, "its stream is open");
    assert_eq!((node.lag_revisions, node.acked_revision), (1, revision - 1));
    double.signs_with(revision).await;
    plane.node_that("edge-1", |node| !node.stale && node.lag_ms == 0).await;
}

#[tokio::test]
async fn a_watch_tells_all_and_then_what_changed() {
    let plane = Plane::start().await;
    let _first = plane.connect("edge-1").await;
    let second = plane.connect("edge-2").await;
    let request = WatchNodesRequest { environment: "RELEASE".into() };
    let mut watch = plane.nodes().watch_nodes(request).await.unwrap().into_inner();
    let told = soon("all nodes", watch.message()).await.unwrap().unwrap();
    let names: Vec<&str> = told.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!((names, told.revision), (vec!["edge-1", "edge-2"], plane.revision()));

    drop(second);
    let gone = async {
        loop {
            let told = watch.message().await.unwrap().unwrap();
            if let Some(node) = told.nodes.into_iter().find(|node| !node.connected) {
                return node;
            }
        }
    };
    assert_eq!(soon("news of the node that is gone", gone).await.name, "edge-2");
}

#[tokio::test]
async fn a_watch_tells_of_names_that_are_revoked_though_nobody_has_seen_them() {
    let plane = Plane::start().await;
    let request = RevokeNodeRequest { node: "stolen".into(), force: true, ..Default::default() };
    plane.nodes().revoke_node(request).await.unwrap();
    let request = WatchNodesRequest::default();
    let mut watch = plane.nodes().watch_nodes(request).await.unwrap().into_inner();
    let told = soon("all nodes", watch.message()).await.unwrap().unwrap();
    let [node] = told.nodes.as_slice() else { panic!("one node: {told:?}") };
    assert_eq!((node.name.as_str(), node.connected), ("stolen", false));
    assert!(node.revoke_time.is_some() && node.connect_time.is_none());
}

#[tokio::test]
async fn a_watch_and_a_list_of_an_environment_that_is_not_there_are_refused() {
    let plane = Plane::start().await;
    let request = WatchNodesRequest { environment: "NOWHERE".into() };
    let refused = plane.nodes().watch_nodes(request).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::NotFound);
    let request = ListNodesRequest { environment: "NOWHERE".into(), ..Default::default() };
    assert_eq!(plane.nodes().list_nodes(request).await.unwrap_err().code(), tonic::Code::NotFound);
}

#[tokio::test]
async fn a_scrape_has_each_node_and_the_time_from_commit_to_acknowledgement() {
    let plane = Plane::start().await;
    let mut double = plane.connect_as(hello("edge-1")).await.unwrap();
    double.signs_with(plane.revision()).await;
    let revision = plane.write("STAGING").await;
    double.signs_with(revision).await;
    plane.node_that("edge-1", |node| node.acked_revision == revision).await;
    let scrape = scrape(&plane).await;
    for line in [
        "countersign_stream_connected{node=\"edge-1\"} 1",
        "countersign_stream_stale{node=\"edge-1\"} 0",
        "countersign_stream_in_sync{node=\"edge-1\"} 1",
        "countersign_stream_lag_revisions{node=\"edge-1\"} 0",
        "countersign_stream_lag_milliseconds{node=\"edge-1\"} 0",
        "countersign_stream_propagation_seconds_count{node=\"edge-1\"} 1",
        "countersign_propagation_seconds_count 1",
    ] {
        assert!(scrape.contains(&format!("{line}\n")), "{line} is not in {scrape}");
    }
    assert!(
        scrape
            .contains(&format!("countersign_stream_acked_revision{{node=\"edge-1\"}} {revision}"))
    );
}

async fn scrape(plane: &Plane) -> String {
    let address = plane.server.status_address().unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    soon("a scrape", stream.read_to_string(&mut answer)).await.unwrap();
    answer
}
