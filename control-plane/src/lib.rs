//! The control plane of Countersign, the writer: it decides, logs, applies and streams every
//! change of signature keys and bindings. Follow an event through `api`, `decide`, `engine`,
//! `log`, `countersign_shared::state::State::apply`, `project` and `publisher`; from there on nodes' streams
//! carry it, which are `countersign_feed`'s.

pub mod admission;
pub mod api;
pub mod attempts;
pub mod audit;
pub mod backup;
mod bearer;
mod bootstrap;
mod clock;
pub mod command;
pub mod decide;
pub mod engine;
pub mod history;
pub mod keystore;
pub mod log;
pub mod metrics;
pub mod migrate;
mod minute;
mod node_certificates;
mod opening;
mod place;
pub mod project;
pub mod publisher;
pub mod recover;
pub mod rejection;
pub mod snapshotter;
pub mod source;
mod start;
mod status;
mod system;

pub use bootstrap::FILE as BOOTSTRAP_TOKEN_FILE;
pub use countersign_feed::scope::{Rule as ScopeRule, Scope};
pub use countersign_feed::turns::AtOnce;
pub use decide::Limits;
pub use node_certificates::NodeCertificateConfig;
pub use start::{CALLS_PER_SECOND, Config, ControlPlane, StartError, start};
