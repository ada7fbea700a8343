//! Several control planes, and logs that are not the one that the node signs with.

use countersign_data_plane::start;

use crate::support::{
    Backend, ControlPlane, Resources, api, config, get, group, node_of, node_with, route,
};

const OTHER_LOG: &str = "0198c0de0198c0de0198c0de0198c0de";

fn demo(backend: &Backend) -> Resources {
    Resources::of([group(1, &[]), route(2, 1, api("/", backend.address(), |_| {}))])
}

#[tokio::test]
async fn a_foreign_log_is_refused_and_that_is_said_everywhere() {
    let backend = Backend::start().await;
    let (node, mut control_plane, stream) = node_with(&demo(&backend)).await;
    let status = node.status_address().unwrap();
    assert_eq!(get(status, "/ready").await.text(), "ready\n");
    drop(stream);
    control_plane.stream().await.welcome(OTHER_LOG, false).await;
    // It comes again, and says what it had.
    let stream = control_plane.stream().await;
    assert_eq!((stream.hello.log_id.as_str(), stream.hello.revision), ("log-a", 1));
    let ready = get(status, "/ready").await;
    assert_eq!(ready.status, 200, "it has what it signs with");
    assert!(ready.text().contains(&format!("--accept-log {OTHER_LOG}")), "{}", ready.text());
    assert!(ready.text().contains("signing with revision 1"), "{}", ready.text());
    let metrics = get(status, "/metrics").await;
    assert!(metrics.text().contains("countersign_node_foreign_log 1"), "{}", metrics.text());
    assert_eq!(get(node.proxy_address(), "/").await.status, 200);

    // The log that it knows is as good as before.
    let mut stream = stream;
    stream.welcome("log-a", true).await;
    stream.bookmark(2, demo(&backend).digest()).await;
    stream.ack(2).await;
    assert_eq!(get(status, "/ready").await.text(), "ready\n");
    let metrics = get(status, "/metrics").await;
    assert!(metrics.text().contains("countersign_node_foreign_log 0"));
}

#[tokio::test]
async fn control_planes_are_tried_in_turn_and_the_one_that_worked_comes_first() {
    let backend = Backend::start().await;
    let mut second = ControlPlane::start().await;
    let nobody = crate::support::nobody();
    let config = countersign_data_plane::Config {
        control_planes: vec![format!("http://{nobody}"), second.uri()],
        ..config(&second)
    };
    let node = start(config).await.unwrap();
    let mut held = None;
    for revision in 1..4 {
        drop(held.take());
        let mut stream = second.stream().await;
        let resumed = revision > 1;
        stream.welcome("log-a", resumed).await;
        if resumed {
            stream.bookmark(revision, demo(&backend).digest()).await;
        } else {
            stream.snapshot(revision, &demo(&backend)).await;
        }
        stream.ack(revision).await;
        held = Some(stream);
    }
    assert_eq!(get(node.proxy_address(), "/").await.status, 200);
    let metrics = get(node.status_address().unwrap(), "/metrics").await;
    let reconnects = "countersign_node_reconnects_total 3\n";
    assert!(metrics.text().contains(reconnects), "one for nobody, two since: {}", metrics.text());
}

#[tokio::test]
async fn the_log_to_accept_takes_the_place_of_the_one_that_is_held() {
    let backend = Backend::start().await;
    let accepting = |config: &mut countersign_data_plane::Config| {
        config.accept_log = Some(OTHER_LOG.to_owned());
    };
    let (_node, mut control_plane, stream) = node_of(&demo(&backend), accepting).await;
    drop(stream);
    let mut stream = control_plane.stream().await;
    let said = (stream.hello.log_id.as_str(), stream.hello.revision);
    assert!(
        said.0 != OTHER_LOG && said.1 > 0,
        "it stays a witness of the log that it has: {said:?}"
    );
    stream.welcome(OTHER_LOG, false).await;
    stream.snapshot(1, &demo(&backend)).await;
    stream.ack(1).await;
    drop(stream);
    let stream = control_plane.stream().await;
    assert_eq!((stream.hello.log_id.as_str(), stream.hello.revision), (OTHER_LOG, 1));
}

#[tokio::test]
async fn the_time_from_receiving_to_signing_is_counted() {
    let backend = Backend::start().await;
    let (node, _control_plane, _stream) = node_with(&demo(&backend)).await;
    let metrics = get(node.status_address().unwrap(), "/metrics").await;
    assert!(metrics.text().contains("countersign_node_in_force_seconds_count 1"));
}
