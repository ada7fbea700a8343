//! A whole table in chunks of a size that any node takes.

use bytes::Bytes;
use countersign_proto::v1;
use countersign_shared::id::EnvironmentId;
use prost::Message;

/// One snapshot chunk, before the last resource that fills it: small, for each stream has a copy of
/// the one that it sends.
pub const CHUNK_BYTES_MAX: usize = 64 * 1024;

/// The resources of an environment in chunks; one of nothing for an environment without any.
pub fn chunks<E>(
    environment: EnvironmentId,
    resources: impl Iterator<Item = Result<v1::Change, E>>,
) -> Result<Vec<v1::SnapshotChunk>, E> {
    let mut chunks = Vec::new();
    let mut set = v1::ChangeSet::default();
    let mut bytes = 0;
    for change in resources {
        let change = change?;
        bytes += change.resource.as_ref().map_or(0, Bytes::len) + 32;
        set.changes.push(change);
        if bytes >= CHUNK_BYTES_MAX {
            chunks.push(chunk(environment, &std::mem::take(&mut set)));
            bytes = 0;
        }
    }
    chunks.push(chunk(environment, &set));
    Ok(chunks)
}

fn chunk(environment: EnvironmentId, set: &v1::ChangeSet) -> v1::SnapshotChunk {
    let change_set = Bytes::from(set.encode_to_vec());
    let environment_id = environment.as_bytes().to_vec();
    v1::SnapshotChunk { environments: vec![v1::EnvironmentChanges { environment_id, change_set }] }
}
