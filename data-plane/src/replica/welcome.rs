//! What a Welcome says of the stream that it begins, and why it may not be gone along with.

use std::sync::Arc;

use countersign_delivery::DeliveryKey;
use countersign_proto::v1;
use countersign_shared::id::EnvironmentId;

use super::{DeliveryKeys, EnvironmentReplica, PROTOCOL_VERSION, PROTOCOL_VERSION_MIN};

/// A Welcome that cannot be gone along with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unwelcome {
    #[error(
        "the control plane speaks version {0} of the protocol, this node versions \
         {PROTOCOL_VERSION_MIN} to {PROTOCOL_VERSION}"
    )]
    ProtocolVersion(u32),
    #[error("the control plane named an environment whose id has not 16 bytes")]
    EnvironmentId,
    #[error("the control plane went on with deltas for other environments than this node holds")]
    OtherEnvironments,
    #[error("the control plane went on with deltas of log {theirs}, this node holds log {ours}")]
    OtherLog { ours: String, theirs: String },
    #[error(
        "the control plane has log {theirs}, this node signs with log {ours}: if that is meant, start \
         the node with --accept-log {theirs}"
    )]
    ForeignLog { ours: String, theirs: String },
    #[error("the control plane named a log whose id is none")]
    LogId,
    #[error(
        "the control plane has log {theirs}, this relay serves log {ours}: if that is meant, start the \
         relay anew, which then takes what it finds"
    )]
    ForeignRelayedLog { ours: String, theirs: String },
    #[error("the delivery key of the environment {0} was not sealed for this node")]
    DeliveryKey(String),
    #[error("no delivery key came for the environment {0}, and this node has none")]
    NoDeliveryKey(String),
}

/// What the Welcome said.
#[derive(Debug, Clone, Default)]
pub(super) struct Stream {
    pub(super) log_id: String,
    pub(super) epoch: u64,
    pub(super) environments: Vec<Served>,
}

/// An environment, and what opens its secrets.
#[derive(Debug, Clone)]
pub(super) struct Served {
    pub(super) id: EnvironmentId,
    pub(super) name: String,
    pub(super) delivery: Option<Arc<DeliveryKey>>,
}

impl Stream {
    pub(super) fn of(welcome: &v1::Welcome, keys: &DeliveryKeys) -> Result<Self, Unwelcome> {
        let served = |served: &v1::ServedEnvironment| {
            let id = EnvironmentId::try_from(&*served.id).map_err(|_| Unwelcome::EnvironmentId)?;
            Ok(Served { id, name: served.name.clone(), delivery: keys.get(&id).cloned() })
        };
        let environments = welcome.environments.iter().map(served).collect::<Result<_, _>>()?;
        Ok(Self { log_id: welcome.log_id.clone(), epoch: welcome.epoch, environments })
    }

    /// Keys that came open secrets from here on; where none came, those that are held do.
    pub(super) fn share_keys(&mut self, held: &mut [EnvironmentReplica]) {
        for served in &mut self.environments {
            let Some(held) = held.iter_mut().find(|held| held.id() == served.id) else { continue };
            served.delivery = served.delivery.take().or_else(|| held.delivery().cloned());
            held.deliver_with(served.delivery.clone());
        }
    }
}
