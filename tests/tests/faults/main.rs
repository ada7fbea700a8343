//! Faults, for real: the control plane killed again and again under concurrent writes, and the
//! power lost beneath the log. What was acknowledged must be there afterwards, exactly once.

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
mod power_loss;
mod setting;
mod traffic;
mod writer;
