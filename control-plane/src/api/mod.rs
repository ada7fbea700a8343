//! The management API over gRPC, on one listener with the nodes' streams: parses at the edge, hands commands to the
//! engine, answers from immutable views. tonic is named here and nowhere else in this crate.

mod access;
mod api_fields;
mod apis;
mod audit;
mod backups;
mod bindings;
mod console;
mod enrolment;
mod environments;
mod events;
mod forward;
mod fresh;
mod groups;
mod guard;
mod key_order;
mod keys;
mod lapse;
mod lasting;
mod master_keys;
mod nodes;
mod page;
mod payload;
mod permissions;
mod principal;
mod server;
mod status;
mod trust;
mod verification;
mod views;
mod write;

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use countersign_feed::commits::Commits;
use countersign_feed::nodes::{NodeRegistry, SILENT_INTERVALS_MAX};
use tokio::sync::watch;

use crate::admission::Admission;
use crate::clock;
use crate::engine::EngineHandle;
use crate::history::History;
use crate::keystore::{KeystoreImage, MasterKeySource, Sealer};
use crate::node_certificates::NodeCertificates;

pub use audit::Auditing;
pub use console::serve_console;
pub use forward::Replicas;
pub use lasting::CALL_TIME_MAX;
pub use server::serve;
pub use verification::Calls;

/// What every service reads from.
#[derive(Debug)]
pub struct Parts {
    pub engine: EngineHandle,
    pub history: History,
    pub sealer: Sealer,
    pub auditing: Auditing,
    /// Of signatures that were explained.
    pub explanations: Calls,
    pub admission: Admission,
    /// How long a call may take whose answer does not go on.
    pub call_time_max: Duration,
    /// What certificates and tokens are held to.
    pub now_ms: fn() -> i64,
    /// None: nobody else has this log.
    pub replicas: Option<Arc<Replicas>>,
    pub data_dir: PathBuf,
    pub keystore: KeystoreImage,
    /// Where the next master key is, when it is asked for.
    pub next_master_key: Option<MasterKeySource>,
    pub epoch: u64,
    pub nodes: Arc<NodeRegistry>,
    pub commits: Arc<Commits>,
    pub(crate) node_certificates: NodeCertificates,
    pub bookmark_interval_ms: u32,
    /// Turns true when the server begins to stop: streams end then.
    pub stopping: watch::Receiver<bool>,
}

/// The one type that implements all services.
#[derive(Debug, Clone)]
pub struct Api(Arc<Parts>);

impl Api {
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// A node that was last heard before this moment is stale.
    fn heard_since_ms(&self) -> i64 {
        clock::now_ms() - SILENT_INTERVALS_MAX * i64::from(self.bookmark_interval_ms)
    }
}

impl Deref for Api {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// Waits for the server to begin to stop.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // A sender that is gone means the same.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}
