//! How the parts of Countersign reach one another: listeners and connections under mutual TLS, who
//! is at the other end, and a private CA for those who have none. What a peer may do is decided
//! elsewhere.

pub mod ca;
mod certificate;
pub mod client;
mod files;
pub mod identity;
mod incoming;
pub mod node_ca;
mod refusals;
pub mod request;
mod server;

pub use certificate::{Held, PeerCertificate};
pub use client::ClientFiles;
pub use files::{CertificateFiles, InvalidFile};
pub use identity::{Identity, Role};
pub use incoming::{Connection, Incoming, Peer};
pub use server::{ClientCertificates, ServerFiles, Transport, TransportError};
