//! A path that lets nothing through any more, without a word to either end: no RST, no FIN. The node
//! finds out by itself, within three bookmark intervals, and is shown as stale meanwhile; it signs
//! throughout, and follows again when the path is back.

use std::time::{Duration, Instant};

use countersign_tests::authority::{self, Authority};
use countersign_tests::{Backend, Client, Plane, eventually, get};

use crate::path::Path;
use crate::setting::{COMMON, RELEASE, busy_path, prepare};

/// Of the control plane in this suite.
const BOOKMARK_INTERVAL: Duration = Duration::from_millis(500);
/// A pause before a new stream, and a machine that does other work.
const SLACK: Duration = Duration::from_secs(2);
const NODE: &str = "behind-the-path";

#[tokio::test]
async fn a_node_whose_stream_falls_silent_signs_on_is_stale_and_comes_back() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::make();
    let path = Path::lay().await;
    println!("the path: {path}");
    let backend = Backend::start_at(path.backend()).await;
    let mut plane = Plane::start_with(|config| {
        config.listen = path.control_plane();
        config.transport = authority.transport(config.listen);
        config.bookmark_interval = BOOKMARK_INTERVAL;
    })
    .await;
    authority.make_admins(&plane, &["ann"]).await;
    let management = authority::management(&plane, &authority.operator("ann"));
    prepare(&management, backend.address()).await;
    let mut node = path.node(NODE, directory.path(), &authority.node(NODE)).await;
    let mut client = Client::connect(node.proxy_address).await;

    path.block();
    let blocked = Instant::now();
    let missed = management.take_offline("quiet-1", RELEASE).await;
    let mut signed = 0;
    eventually("the node notices", async || {
        signed += sign(&mut client, &backend).await;
        node.process.assert_runs();
        (connected(&node).await == 0).then_some(())
    })
    .await;
    let noticed = blocked.elapsed();
    assert!(noticed < 3 * BOOKMARK_INTERVAL + SLACK, "noticed after {noticed:?}");
    eventually("node list shows it stale", async || {
        signed += sign(&mut client, &backend).await;
        let known = management.node(NODE).await;
        assert!(known.acked_revision < missed, "{known:?}");
        (known.connected && known.stale).then_some(())
    })
    .await;

    path.open();
    eventually("the node follows again", async || {
        signed += sign(&mut client, &backend).await;
        let known = management.node(NODE).await;
        (known.acked_revision >= missed && !known.stale && known.in_sync).then_some(())
    })
    .await;
    println!("noticed after {noticed:?}; {signed} requests were signed meanwhile");
    node.process.stop().await;
    plane.stop().await;
}

/// One request through the node, signed.
async fn sign(client: &mut Client, backend: &Backend) -> usize {
    client.send(format!("GET {} HTTP/1.1\r\nHost: any.example\r\n\r\n", busy_path(0))).await;
    let answer = client.answer().await.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
    COMMON.assert_signed(&backend.last());
    1
}

async fn connected(node: &countersign_tests::NodeProcess) -> u64 {
    let metrics = get(node.status_address, "/metrics").await;
    let mut lines = metrics.text().lines();
    let value = lines.find_map(|line| line.strip_prefix("countersign_node_connected "));
    value.expect("the metric countersign_node_connected").parse().unwrap()
}
