//! Mutual TLS between control plane, relays, nodes and operators, over real sockets: who is let in, as whom,
//! and what goes on while certificates change.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests that cannot go on panic")]

mod identities;
mod relays;
mod renewal;
mod strangers;
