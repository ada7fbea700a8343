//! What a replica holds, as the messages that brought it: for the cache. A clone of persistent maps,
//! taken in no time whatever the table's size; it never changes with the replica.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use countersign_proto::v1;
use countersign_proto::v1::subscribe_response::Message as FromPlane;
use countersign_shared::digest::TableDigest;
use countersign_shared::id::EnvironmentId;
use prost::Message;
use zeroize::Zeroizing;

use super::{Key, PROTOCOL_VERSION, Position};

/// Resources of one chunk; the control plane's chunks are as large.
const CHUNK_BYTES_MAX: usize = 768 * 1024;

/// A resource's bytes as they came, with the secret of a signer in them. Overwritten when dropped.
#[derive(Clone)]
pub struct Encoded(Arc<Zeroizing<Vec<u8>>>);

impl Encoded {
    pub(super) fn of(bytes: &Bytes) -> Self {
        Self(Arc::new(Zeroizing::new(bytes.to_vec())))
    }
}

impl AsRef<[u8]> for Encoded {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Encoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encoded(redacted)")
    }
}

/// The resources of an environment, as they came.
pub(super) type Kept = imbl::HashMap<Key, Encoded>;

/// A complete table, and where in the log it stands.
#[derive(Debug, Clone)]
pub struct Contents {
    pub position: Position,
    pub digest: TableDigest,
    pub(super) environments: Vec<(EnvironmentId, String, Kept)>,
}

impl Contents {
    /// A stream that brings another replica to the same: a Welcome, chunks, and their end.
    pub fn messages(&self) -> impl Iterator<Item = v1::SubscribeResponse> {
        let served = self.environments.iter().map(|(id, name, _)| v1::ServedEnvironment {
            id: id.as_bytes().to_vec(),
            name: name.clone(),
        });
        let welcome = v1::Welcome {
            log_id: self.position.log_id.clone(),
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
            .flat_map(|(id, _, kept)| Chunks { environment: *id, resources: kept.iter() });
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

impl<'k, I: Iterator<Item = (&'k Key, &'k Encoded)>> Iterator for Chunks<I> {
    type Item = v1::SnapshotChunk;

    fn next(&mut self) -> Option<v1::SnapshotChunk> {
        let mut set = v1::ChangeSet::default();
        let mut bytes = 0;
        for (key, encoded) in self.resources.by_ref() {
            bytes += encoded.as_ref().len();
            set.changes.push(v1::Change {
                kind: key.kind().into(),
                id: key.id().to_vec(),
                resource: Some(Bytes::from_owner(encoded.clone())),
            });
            if bytes >= CHUNK_BYTES_MAX {
                break;
            }
        }
        if set.changes.is_empty() {
            return None;
        }
        let mut encoded = Zeroizing::new(Vec::with_capacity(set.encoded_len()));
        // A vector takes whatever comes.
        set.encode(&mut *encoded).ok()?;
        let environment_id = self.environment.as_bytes().to_vec();
        let change_set = Bytes::from_owner(encoded);
        let environments = vec![v1::EnvironmentChanges { environment_id, change_set }];
        Some(v1::SnapshotChunk { environments })
    }
}
