//! Whatever reads bytes from outside never panics, and what it accepts it writes again to the same
//! meaning. Each target begins with what is valid and changes it, for random bytes get past nothing.
//!
//! Others stand beside what they try, for it is not to be seen from here: frames (`control-plane/src/
//! log/frame.rs`), a node's cache (`data-plane/src/cache/tests.rs`), the heads of requests and answers
//! (`data-plane/src/proxy/http1/head/tests.rs`), targets, headers and `Authorization`
//! (`shared/tests/signing_properties.rs`), the configuration file (`cli/src/config/changed.rs`), exports
//! (`cli/src/export/mutations.rs`).

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on panics")]

mod edits;
mod files;
mod records;
mod samples;

use proptest::test_runner::{Config, RngSeed};

/// So many cases, the same ones in every run.
fn cases(cases: u32) -> Config {
    Config { cases, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..Config::default() }
}
