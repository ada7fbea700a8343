//! Three replicas, three members of etcd, and faults: what dies, stops, is cut off or loses its answers,
//! while clients write all the while with expected revisions and two nodes sign. Afterwards every
//! acknowledged write has to be in the log once, in the order in which clients saw them.
//! `CLUSTER_ROUNDS=10` runs all faults ten times, and `CLUSTER_SEED` throws other dice.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics"
)]

mod dice;
mod faults;
mod gate;
mod history;
mod members;
mod setting;
mod traffic;
mod writers;

use history::{History, check};
use setting::Setting;
use traffic::Traffic;
use writers::Writers;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_dies_or_is_cut_off_nothing_is_lost_or_repeated_and_nodes_sign() {
    let directory = tempfile::tempdir().unwrap();
    let mut setting = Box::pin(Setting::start(directory.path())).await;
    let history = History::default();
    let writers = Writers::start(&setting, &history);
    let traffic = Traffic::through(&setting.proxies());
    let rounds = std::env::var("CLUSTER_ROUNDS").map_or(1, |it| it.parse().expect("a number"));
    let mut told = Vec::new();
    for _ in 0..rounds {
        Box::pin(faults::each(&mut setting, &history, &traffic, &mut told)).await;
    }
    writers.end().await;
    let answered = traffic.end().await;
    let log = setting.all_the_same().await;
    let outcome = check(&history, &log);
    faults::tell(&told, rounds, &outcome);
    println!("{answered} requests through two nodes, all signed; {outcome}");
    assert!(outcome.acknowledged > 100, "too little was written to say anything: {outcome}");
    setting.end().await;
}
