//! A whole node between a control plane that does what the test says, a real backend and raw
//! sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that goes wrong should panic"
)]

mod support;

mod clients;
mod cold_start;
mod draining;
mod edge;
mod http2;
mod http2_backends;
mod http2_frames;
mod listing;
mod logs;
mod proxying;
mod resilience;
mod routing;
mod signing;
mod slow_clients;
mod syncing;
mod tls;
mod tls_backends;
mod tracing;
mod upstreams;
mod websocket;
