//! Who fills the feed, as the streams see it: one log, where it stands, and the tables that are
//! served from it. The one seam between the streams and whatever stands behind them.

use std::sync::Arc;

use countersign_proto::v1;
use countersign_shared::chain::Head;
use countersign_shared::id::{EnvironmentId, LogId};
use countersign_shared::node::KnownNode;
use tokio::sync::watch;

use crate::ring::{Digests, Feed};

/// Where the log stands, and the digests of all tables there.
#[derive(Debug, Clone)]
pub struct Tip {
    pub head: Head,
    pub digests: Arc<Digests>,
}

/// An environment that a node may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedEnvironment {
    pub id: EnvironmentId,
    pub name: String,
}

/// What is served. All of it answers at once and without waiting, but for `snapshot` and
/// `delivery_keys`.
pub trait Source: Send + Sync + 'static {
    /// All tables at one revision, which stay what they are while the log goes on.
    type View: AsRef<Tip> + Send + Sync;

    /// Whether there is anything to be served yet.
    fn is_there(&self) -> Result<(), Refused> {
        Ok(())
    }

    fn log_id(&self) -> LogId;

    /// How often the log was declared to go on from a restored copy. Who forwards what it received says
    /// what it was told.
    fn epoch(&self) -> u64 {
        0
    }

    /// The newest tables. The feed may be a moment ahead of it, and is never behind it.
    fn view(&self) -> Arc<Self::View>;

    /// Changes with each revision. Whoever wakes by it finds view and feed up to date.
    fn revision(&self) -> watch::Receiver<u64>;

    fn feed(&self) -> &Feed;

    /// What is known here of the node or relay of this name; of one that has a certificate from elsewhere
    /// nothing.
    fn known_node(&self, _view: &Self::View, _name: &str) -> Option<Arc<KnownNode>> {
        None
    }

    /// Changes with each node that is enrolled or revoked. Where nobody ever is, it has ended.
    fn admissions(&self) -> watch::Receiver<u64> {
        watch::channel(0).1
    }

    /// The environment of this id or name.
    fn environment(&self, view: &Self::View, text: &str) -> Result<ServedEnvironment, Unserved>;

    /// Where a node may go on: the revision that it says it has, if that is of this log and has the
    /// hash that the log has there; `None` for one that begins anew.
    fn resume(&self, hello: &v1::Hello) -> Result<Option<u64>, Refused>;

    /// The whole table of an environment, in chunks of `snapshot::chunks`. Called on a thread that
    /// may block.
    fn snapshot(
        &self,
        view: &Self::View,
        environment: EnvironmentId,
    ) -> Result<Vec<v1::SnapshotChunk>, NoSnapshot>;

    /// What the secrets of some environments are opened with, sealed to one process of a node, in the
    /// order of the environments.
    fn delivery_keys(
        &self,
        asked: v1::DeliverKeysRequest,
    ) -> impl Future<Output = Result<Vec<Vec<u8>>, NoKeys>> + Send;
}

/// Why an environment is not served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no environment `{reference}`; name it by id or by name")]
pub struct Unserved {
    pub reference: String,
}

impl Unserved {
    /// Keeps as much of what was asked for as is told.
    pub fn new(reference: &str) -> Self {
        Self { reference: reference.chars().take(300).collect() }
    }
}

/// Why a node is not served.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It has seen more of this log than there is, or something else: the log was rolled back or
    /// written anew.
    #[error("the log ends at {head}, or differs from what the node has seen of it")]
    RolledBack { head: u64 },
    /// It has seen more of this log than has come here so far.
    #[error("the newest revision here is {head}, which will change")]
    Behind { head: u64 },
    /// Nothing has come here so far.
    #[error("there is no snapshot here yet")]
    NotYet,
    /// The log that is served cannot be read.
    #[error("the log cannot be read: {0}")]
    Damaged(String),
}

/// Why there is no snapshot, without secrets.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NoSnapshot(pub String);

/// Why there are no delivery keys.
#[derive(Debug, thiserror::Error)]
pub enum NoKeys {
    #[error("a public key of X25519, 32 bytes")]
    PublicKey,
    #[error(transparent)]
    Unserved(#[from] Unserved),
    /// Whoever has them does not give them to this node, and says why.
    #[error("{0}")]
    NotAllowed(String),
    /// Whoever has them cannot be asked now.
    #[error("the control plane cannot be asked for delivery keys: {0}")]
    Unreachable(String),
}
