//! How nodes get their certificates, lose them, and who tries to get one that is not for it: over TLS,
//! with real nodes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests that cannot go on panic")]

mod attacks;
mod certificates;
mod expiry;
mod lifecycle;
mod revoking;
mod streams;
mod tokens;
