//! What the suites that cross crates stand on: real planes in this process or in processes of
//! their own, a backend that writes down what it saw, and clients that send exactly what they
//! are told. It drives and observes; what must hold is said by the suites.
//!
//! [`Plane`] and [`node()`] run in this process, [`ControlPlaneProcess`] and [`NodeProcess`] are the
//! `countersign` binary, [`Management`] calls either over gRPC, [`Cli`] calls it as a shell would.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on panics"
)]

mod address;
pub mod authority;
mod backend;
mod cli;
mod client;
mod clock;
mod etcd;
mod key;
mod management;
mod node;
mod patience;
mod plane;
mod process;
mod processes;
mod refused;
mod relay;

pub use address::free_address;
pub use backend::{Backend, Seen, reply};
pub use cli::{Cli, Said};
pub use client::{Answer, Client, get, request};
pub use etcd::Etcd;
pub use key::{HmacClaim, Key};
pub use management::Management;
pub use node::{node, node_with};
pub use patience::{PATIENCE, eventually, soon};
pub use plane::Plane;
pub use process::{Process, built};
pub use processes::{ControlPlaneProcess, NodeProcess};
pub use refused::{Refused, refused};
pub use relay::{RelayProcess, relay, relay_with};
