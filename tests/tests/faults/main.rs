//! Faults, for real: the control plane killed again and again under concurrent writes, the
//! power lost beneath the log, and a path that falls silent. What was acknowledged must be there
//! afterwards, exactly once.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on panics"
)]

mod appender;
mod dice;
mod disk;
mod kill;
mod ledger;
mod path;
mod power_loss;
mod setting;
mod silence;
mod traffic;
mod writer;
