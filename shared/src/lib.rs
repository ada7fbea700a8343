//! The vocabulary of Countersign, pure: ids, names, secrets, events, state, signing
//! and verifying. No I/O, no tokio, no clock, no randomness: time and random bytes
//! are arguments.

pub mod id;
pub mod secret;
pub mod signing;
