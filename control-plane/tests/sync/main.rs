//! The nodes' stream and what is told of nodes, against a whole control plane and nodes that say
//! what the test says.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that goes wrong should panic"
)]

mod delivery;
mod double;

mod epoch;
mod negotiation;
mod scope;
mod status;
mod waiting;
