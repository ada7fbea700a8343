//! Every rule of `decide`: given some commands, when another comes, then these events or this
//! rejection. Pure; the whole suite takes milliseconds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]
#![allow(clippy::needless_pass_by_value, reason = "a command that is given is used up")]

mod access;
mod apis;
mod bindings;
mod environments;
mod groups;
mod keys;
mod nodes;
mod projection;
mod scenario;
