//! The way of an event, end to end over real sockets: a call changes the control plane, and the
//! backend sees what the node makes of it.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on panics")]

mod backends;
mod binding;
mod bodies;
mod command_line;
mod events;
mod explaining;
mod gateway;
mod lists;
mod operations;
mod publishing;
mod relays;
mod resilience;
mod restoring;
mod routing;
mod secrets;
mod signing;
mod writes;
