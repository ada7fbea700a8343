//! Secrets at rest and in memory, in real processes: where a master key comes from, going over to
//! another one while everything goes on, and what is left of a secret that was deleted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod everything;
mod memory;
mod rotating;
mod sources;
