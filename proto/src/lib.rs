//! The contract of Countersign: types and services generated from `proto/countersign`, and
//! the conversions between them and the vocabulary of `countersign-shared`.

/// `countersign.v1`: what clients and nodes speak.
#[allow(
    clippy::all,
    clippy::pedantic,
    missing_debug_implementations,
    rustdoc::all,
    reason = "generated"
)]
pub mod v1 {
    tonic::include_proto!("countersign.v1");
}

/// `countersign.store.v1`: what the control plane keeps on its own disk.
pub mod store {
    #[allow(clippy::all, clippy::pedantic, rustdoc::all, reason = "generated")]
    pub mod v1 {
        tonic::include_proto!("countersign.store.v1");
    }
}

pub mod convert;
mod redact;

/// The encoded `FileDescriptorSet` of the contract, for reflection and for JSON.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
