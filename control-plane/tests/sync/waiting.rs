//! Waiting until every live node signs with a revision.

use countersign_proto::v1::{WaitForRevisionRequest, WaitForRevisionResponse};
use tonic::Code;

use crate::double::{Plane, hello, soon};

/// Far longer than the tests' patience, so that only being reached can end the call in time.
const LONG_MS: u32 = 30_000;

fn of(revision: u64, timeout_ms: u32) -> WaitForRevisionRequest {
    WaitForRevisionRequest { revision, environment: "RELEASE".into(), timeout_ms }
}

async fn wait(plane: &Plane, request: WaitForRevisionRequest) -> WaitForRevisionResponse {
    let mut nodes = plane.nodes();
    soon("an answer", nodes.wait_for_revision(request)).await.unwrap().into_inner()
}

#[tokio::test]
async fn it_answers_when_the_last_live_node_signs_with_it() {
    let plane = Plane::start().await;
    let (mut first, mut second) = (plane.connect("edge-1").await, plane.connect("edge-2").await);
    let revision = plane.write("STAGING").await;
    first.signs_with(revision).await;
    plane.node_that("edge-1", |node| node.acked_revision == revision).await;
    let early = wait(&plane, of(revision, 1)).await;
    assert!(!early.reached);
    assert_eq!((early.signing_count, early.missing_count), (1, 1));
    assert_eq!(early.missing_nodes[0].name, "edge-2");

    let (answer, ()) =
        tokio::join!(wait(&plane, of(revision, LONG_MS)), second.signs_with(revision));
    assert!(answer.reached && answer.missing_nodes.is_empty());
    assert_eq!((answer.revision, answer.signing_count), (revision, 2));
}

#[tokio::test]
async fn nobody_waits_for_a_node_that_is_gone_but_it_is_told() {
    let plane = Plane::start().await;
    let gone = plane.connect("edge-1").await;
    let mut live = plane.connect("edge-2").await;
    live.signs_with(plane.revision()).await;
    let waiting = wait(&plane, of(0, LONG_MS));
    let (answer, ()) = tokio::join!(waiting, async { drop(gone) });
    assert!(answer.reached);
    assert_eq!((answer.silent_count, answer.silent_nodes[0].name.as_str()), (1, "edge-1"));
}

#[tokio::test]
async fn nodes_of_other_environments_are_not_waited_for() {
    let plane = Plane::start().await;
    let revision = plane.write("STAGING").await;
    let mut staging = hello("edge-1");
    staging.environments = vec!["STAGING".into()];
    let _behind = plane.connect_as(staging).await.unwrap();
    let answer = wait(&plane, of(revision, LONG_MS)).await;
    assert!(answer.reached);
    assert_eq!((answer.signing_count, answer.silent_count), (0, 0));
    let of_all = WaitForRevisionRequest { environment: String::new(), ..of(revision, 1) };
    assert_eq!(wait(&plane, of_all).await.missing_count, 1);
}

#[tokio::test]
async fn a_revision_that_is_not_there_yet_is_not_reached_even_without_nodes() {
    let plane = Plane::start().await;
    let next = plane.revision() + 1;
    let early = wait(&plane, of(next, 1)).await;
    assert!(!early.reached);
    assert_eq!((early.revision, early.missing_count), (next, 0));
    plane.write("STAGING").await;
    assert!(wait(&plane, of(next, LONG_MS)).await.reached);
}

#[tokio::test]
async fn an_environment_that_is_not_there_is_refused() {
    let plane = Plane::start().await;
    let request = WaitForRevisionRequest { environment: "NOWHERE".into(), ..of(1, 1) };
    let refused = plane.nodes().wait_for_revision(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
}
