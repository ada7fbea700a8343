//! The simulation: the real writer, feed, streams and nodes under a scheduler with virtual time
//! and a virtual network, all of it from one seed. See `docs/sync-simulation.md`.
//!
//!     SIMULATION_SEEDS=100000 cargo test -p countersign-tests --test simulation
//!     SIMULATION_SEED=123 cargo test -p countersign-tests --test simulation

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on panics"
)]

mod at_node;
mod at_plane;
mod base;
mod broken;
mod calendar;
mod check;
mod dice;
mod disk;
mod faults;
mod histories;
mod intent;
mod lines;
mod node;
mod plane;
mod secrets;
mod seeds;
mod world;
mod writes;

#[test]
fn all_nodes_sign_as_the_log_says_whatever_happens() {
    seeds::run();
}
