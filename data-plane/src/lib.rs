//! The data plane: one node. It subscribes to environments, holds what it signs with in a
//! table that is swapped whole, and is a reverse proxy that signs every request to a bound
//! API in memory. It never decides anything, and never asks the control plane during a request:
//! without it, the node goes on with its last good table. It writes nothing to a disk but that table,
//! sealed, and only where the operator gives it a file and a key (`cache`), and its certificate where it
//! gets it by itself (`enrolment`).
//!
//! A change of a binding comes in through `sync`, is checked and kept by [`replica`], becomes
//! a part of the [`table`], and from then on `proxy::handle` signs with it.

mod cache;
mod clock;
mod config;
mod enrolment;
pub mod follower;
mod network;
mod node;
pub mod proxy;
pub mod relay;
pub mod replica;
mod status;
mod sync;
pub mod table;
pub mod telemetry;

pub use cache::{Cache, CacheKey};
pub use config::{ClientLimits, ClientTimes, Config, InvalidConfig, ProxyTls};
pub use enrolment::Enrolment;
pub use network::{InvalidNetwork, Network};
pub use node::{Node, RunError, run, start};
pub use proxy::{CertificateFiles, Resolve, Resolving, SystemResolver, UpstreamSettings};
