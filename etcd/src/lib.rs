//! A small client of etcd: reads, transactions, leases and a watch, on whichever member answers. It
//! tries again what is safe to try again, and knows nothing of what is kept there.

mod client;
mod error;
pub mod request;

/// The messages, as etcd has them.
pub mod pb {
    #![allow(clippy::pedantic, missing_docs, missing_debug_implementations)]
    tonic::include_proto!("etcdserverpb");
}

pub use client::{Access, Client, Credentials, Lease, Watching};
pub use error::Error;
