//! The vocabulary of Countersign, pure: ids, names, secrets, events, state, signing
//! and verifying. No I/O, no tokio, no clock, no randomness: time and random bytes
//! are arguments.

pub mod access;
pub mod api;
pub mod chain;
pub mod digest;
pub mod event;
pub mod id;
pub mod key;
pub mod node;
pub mod secret;
pub mod signing;
pub mod stamp;
pub mod state;
pub mod text;
