//! `kill -9` of the control plane at random moments, while clients write and nodes sign.

use std::time::Duration;

use countersign_proto::v1::GetNodeRequest;
use countersign_tests::{ControlPlaneProcess, Management, NodeProcess, eventually, request};

use crate::dice::Dice;
use crate::ledger::{Ledger, assert_kept, read_log};
use crate::setting::prepare;
use crate::traffic::{Traffic, get_busy, said_of, verifying_backend};
use crate::writer::Writers;

const ROUNDS: usize = 20;
/// In every so many rounds the next process is killed too, while it starts.
const KILLED_STARTING_EVERY: usize = 3;
/// The longest time from a start to the kill.
const RUN_MAX: Duration = Duration::from_millis(800);
const START_MAX: Duration = Duration::from_millis(150);

const NODES: [&str; 2] = ["node-1", "node-2"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_control_plane_has_all_that_it_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let mut plane = ControlPlaneProcess::start(&directory.path().join("data")).await;
    let management = plane.management();
    let backend = verifying_backend().await;
    let places = prepare(&management, backend.address()).await;
    let published = read_log(&management).await.len() as u64;
    let mut nodes = Vec::new();
    for name in NODES {
        let mut node = NodeProcess::start(&plane.uri(), name, directory.path()).await;
        node.wait_for(published).await;
        nodes.push(node);
    }

    let traffic = Traffic::through(&[nodes[0].proxy_address, nodes[1].proxy_address]);
    let ledger = Ledger::default();
    let writers = Writers::start(&plane.uri(), &places, &ledger);
    let mut dice = Dice::new(0);
    let mut deltas = 0;
    for round in 1..=ROUNDS {
        tokio::time::sleep(dice.up_to(RUN_MAX)).await;
        plane.process.kill();
        let acknowledged = ledger.so_far();
        if round % KILLED_STARTING_EVERY == 0 {
            plane.spawn_again();
            tokio::time::sleep(dice.up_to(START_MAX)).await;
            plane.process.kill();
        }
        plane.start_again().await;

        let log = read_log(&management).await;
        assert_kept(&acknowledged, &log);
        for (name, node) in NODES.iter().zip(&mut nodes) {
            node.process.assert_runs();
            deltas += deltas_to(&management, name, log.len() as u64).await;
        }
        traffic.assert_goes_on();
        writers.assert_go_on();
    }

    let keys = writers.end().await;
    let log = read_log(&management).await;
    assert_kept(&ledger.so_far(), &log);
    let requests = traffic.end().await;
    for node in &mut nodes {
        node.wait_for(log.len() as u64).await;
        for (writer, key) in keys.iter().enumerate() {
            let answer = request(node.proxy_address, get_busy(writer)).await;
            assert_eq!((answer.status, answer.text()), (200, said_of(key).as_str()));
        }
    }
    println!(
        "{ROUNDS} rounds: {} writes acknowledged, {} of them asked again, 0 lost, 0 made twice; \
         {requests} requests signed; both nodes resumed each time, by {deltas} deltas and 0 snapshots",
        ledger.so_far().len(),
        ledger.asked_again(),
    );
}

/// Waits until a node signs with the revision, on a stream of the process that runs now. Gives the
/// number of deltas that brought it there, and panics if it took a snapshot.
async fn deltas_to(management: &Management, name: &str, revision: u64) -> u64 {
    let node = eventually("the node resumes", async || {
        let request = GetNodeRequest { node: name.to_owned() };
        // Not known until it has connected.
        let node = management.nodes().get_node(request).await.ok()?.into_inner().node?;
        (node.connected && node.acked_revision >= revision).then_some(node)
    })
    .await;
    assert_eq!(node.snapshots_sent, 0, "{node:?}");
    node.deltas_sent
}
