//! What a replica holds, as the messages that brought it: for the cache. A clone of persistent maps,
//! taken in no time whatever the table's size; it never changes with the replica.

use std::sync::Arc;

use bytes::Bytes;
use countersign_delivery::DeliveryKey;
use countersign_proto::v1;
use countersign_proto::v1::subscribe_response::Message as FromPlane;
use countersign_shared::digest::TableDigest;
use countersign_shared::id::EnvironmentId;
use prost::Message;

use super::{DeliveryKeys, Key, PROTOCOL_VERSION, Position};

/// Resources of one chunk, before the one that fills it; always a message of less than 1 MiB.
const CHUNK_BYTES_MAX: usize = 768 * 1024;

/// The resources of an environment, as they came: secrets in them are sealed.
pub(super) type Kept = imbl::HashMap<Key, Bytes>;

/// A complete table, and where in the log it stands.
#[derive(Debug, Clone)]
pub struct Contents {
    pub position: Position,
    pub digest: TableDigest,
    pub(super) environments: Vec<KeptEnvironment>,
}

#[derive(Debug, Clone)]
pub(super) struct KeptEnvironment {
    pub(super) id: EnvironmentId,
    pub(super) name: String,
    pub(super) delivery: Option<Arc<DeliveryKey>>,
    pub(super) resources: Kept,
}

impl Contents {
    /// What the secrets in it are opened with.
    pub fn delivery_keys(&self) -> DeliveryKeys {
        let keys = self.environments.iter();
        keys.filter_map(|of| Some((of.id, Arc::clone(of.delivery.as_ref()?)))).collect()
    }

    /// A stream that brings another replica to the same: a Welcome, chunks, and their end.
    pub fn messages(&self) -> impl Iterator<Item = v1::SubscribeResponse> {
        let served = self.environments.iter().map(|environment| v1::ServedEnvironment {
            id: environment.id.as_bytes().to_vec(),
            name: environment.name.clone(),
            ..v1::ServedEnvironment::default()
        });
        let welcome = v1::Welcome {
            log_id: self.position.log_id.clone(),
            epoch: self.position.epoch,
            protocol_version: PROTOCOL_VERSION,
            environments: served.collect(),
            ..v1::Welcome::default()
        };
        let end = v1::SnapshotEnd {
            revision: self.position.revision,
            hash: self.position.hash.clone(),
            digest: self.digest.as_bytes().to_vec(),
        };
        let chunks = self
            .environments
            .iter()
            .flat_map(|of| Chunks { environment: of.id, resources: of.resources.iter() });
        std::iter::once(FromPlane::Welcome(welcome))
            .chain(chunks.map(FromPlane::SnapshotChunk))
            .chain(std::iter::once(FromPlane::SnapshotEnd(end)))
            .map(|message| v1::SubscribeResponse { message: Some(message) })
    }
}

/// One environment in chunks.
struct Chunks<I> {
    environment: EnvironmentId,
    resources: I,
}

impl<'k, I: Iterator<Item = (&'k Key, &'k Bytes)>> Iterator for Chunks<I> {
    type Item = v1::SnapshotChunk;

    fn next(&mut self) -> Option<v1::SnapshotChunk> {
        let mut set = v1::ChangeSet::default();
        let mut bytes = 0;
        for (key, encoded) in self.resources.by_ref() {
            bytes += encoded.len();
            set.changes.push(v1::Change {
                kind: key.kind().into(),
                id: key.id().to_vec(),
                resource: Some(encoded.clone()),
            });
            if bytes >= CHUNK_BYTES_MAX {
                break;
            }
        }
        if set.changes.is_empty() {
            return None;
        }
        let environment_id = self.environment.as_bytes().to_vec();
        let change_set = set.encode_to_vec().into();
        let environments = vec![v1::EnvironmentChanges { environment_id, change_set }];
        Some(v1::SnapshotChunk { environments })
    }
}
