//! The data plane: one node. It subscribes to environments, holds what it signs with in a
//! table that is swapped whole, and is a reverse proxy that signs every request to a bound
//! API in memory. It never decides anything, never writes to a disk, and never asks the
//! control plane during a request: without it, the node goes on with its last good table.
//!
//! A change of a binding comes in through `sync`, is checked and kept by [`replica`], becomes
//! a part of the [`table`], and from then on `proxy::handle` signs with it.

mod clock;
mod config;
pub mod follower;
mod network;
mod node;
pub mod proxy;
pub mod replica;
mod status;
mod sync;
pub mod table;
pub mod telemetry;

pub use config::{ClientLimits, ClientTimes, Config, InvalidConfig, ProxyTls};
pub use network::{InvalidNetwork, Network};
pub use node::{Node, RunError, run, start};
pub use proxy::{CertificateFiles, Resolve, Resolving, SystemResolver, UpstreamSettings};
