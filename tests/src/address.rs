//! Addresses to listen on that stay free between a stop and the next start. Each process of the
//! suites has a loopback address of its own, and ports below those that the system gives to
//! outgoing connections, so that neither another suite nor a client's socket takes one.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU16, Ordering};

const PORT_FIRST: u16 = 20_000;
/// Where the system begins to number outgoing connections.
const PORT_END: u16 = 32_768;

/// An address that nobody listens on, and nobody else will.
pub fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(PORT_FIRST);
    let port = NEXT.fetch_add(1, Ordering::Relaxed);
    assert!(port < PORT_END, "one process has used all its {} ports", PORT_END - PORT_FIRST);
    let [_, a, b, c] = std::process::id().to_be_bytes();
    // 127.64.0.0/10: away from 127.0.0.1, where everything else on this machine listens.
    SocketAddr::from((Ipv4Addr::new(127, 64 | a, b, c), port))
}
