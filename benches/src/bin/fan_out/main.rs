//! A study, not a measurement: what a hundred thousand nodes cost, served directly or through
//! relays. The messages are the real ones, made by the writer, the feed and a node's stream, and
//! weighed; the network and what a message costs a processor are assumptions, told in the output.
//!
//!     cargo run -p countersign-benches --bin fan_out -- nodes=100000 bindings=10000 message_us=10

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a study counts in rough numbers, and one that cannot go on panics"
)]

mod assumptions;
mod tree;
mod weights;

use assumptions::Assumptions;
use tree::{Spread, Tree};
use weights::Weights;

/// An idle stream hears so often from its server.
const BOOKMARK_SECONDS: f64 = 5.0;

fn main() {
    let assumed = Assumptions::of(std::env::args().skip(1));
    let weights = Weights::of(assumed.bindings);
    println!("assumed: {assumed:?}");
    println!("weighed: {weights:?}\n");
    println!(
        "{:<22} {:>9} {:>11} {:>9} {:>9} {:>9}  what is slowest",
        "one change", "messages", "bytes", "p50 ms", "p99 ms", "last ms"
    );
    let shapes = shapes(assumed.nodes);
    for shape in &shapes {
        row(shape, &Tree::new(shape, &assumed).spread(weights.delta, weights.ack, 0.0));
    }
    println!("\nall at once, with a snapshot each");
    for shape in &shapes {
        let made_us = assumed.resource_us * weights.resources as f64;
        row(shape, &Tree::new(shape, &assumed).spread(weights.snapshot, weights.ack, made_us));
    }
    println!("\nidle, at the control plane, each second");
    for shape in &shapes {
        let streams = shape[0] as f64;
        let messages = 2.0 * streams / BOOKMARK_SECONDS;
        let bytes = streams / BOOKMARK_SECONDS * (weights.bookmark + weights.ack) as f64;
        let cores = messages * assumed.message_us / 1e6;
        println!("{:<22} {messages:>9.0} {bytes:>11.0}  {cores:.3} cores", name(shape));
    }
}

/// How many are served by one, level by level; the last level are the nodes.
fn shapes(nodes: usize) -> Vec<Vec<usize>> {
    let root = (nodes as f64).sqrt().ceil() as usize;
    let cube = (nodes as f64).cbrt().ceil() as usize;
    vec![
        vec![nodes],
        vec![10, nodes.div_ceil(10)],
        vec![100, nodes.div_ceil(100)],
        vec![root, nodes.div_ceil(root)],
        vec![cube, cube, nodes.div_ceil(cube * cube)],
    ]
}

fn name(shape: &[usize]) -> String {
    let levels: Vec<String> = shape.iter().map(ToString::to_string).collect();
    levels.join(" × ")
}

fn row(shape: &[usize], spread: &Spread) {
    println!(
        "{:<22} {:>9} {:>11} {:>9.1} {:>9.1} {:>9.1}  {}",
        name(shape),
        spread.messages,
        spread.bytes,
        spread.at(0.5),
        spread.at(0.99),
        spread.at(1.0),
        spread.slowest
    );
}
