//! The control plane of Countersign, the writer: it decides, logs, applies and streams every
//! change of signature keys and bindings. Follow an event through `api`, `decide`, `engine`,
//! `log`, `countersign_shared::state::State::apply`, `project`, `feed` and `api/sync`.

pub mod api;
mod clock;
pub mod command;
pub mod commits;
pub mod decide;
pub mod engine;
pub mod feed;
pub mod history;
pub mod keystore;
pub mod log;
pub mod metrics;
pub mod nodes;
pub mod project;
pub mod recover;
pub mod rejection;
pub mod snapshotter;
mod start;
mod status;
pub mod stream;

pub use decide::Limits;
pub use start::{Config, ControlPlane, StartError, start};
