//! Checkpoints and proofs, made from the tree that the log keeps.

use countersign_proto::convert::InvalidField;
use countersign_proto::v1;
use tonic::Status;

use crate::api::{Api, status};
use crate::history::HistoryError;
use crate::log::{Head, StoredRecord, Tree, TreeHash};

pub(super) fn checkpoint(
    api: &Api,
    revision: u64,
) -> Result<v1::GetCheckpointResponse, HistoryError> {
    let (tree, revision) = tree_at(api, revision)?;
    let checkpoint = note(api, &tree, revision)?;
    let public_key = api.auditing.key.verifier().to_string();
    Ok(v1::GetCheckpointResponse { checkpoint, revision, public_key })
}

/// Which record, in the log at which revision; 0 is the newest.
pub(super) struct Inclusion {
    revision: u64,
    at: u64,
}

impl Inclusion {
    pub(super) fn parse(request: &v1::GetInclusionProofRequest) -> Result<Self, Status> {
        let (revision, at) = (request.revision, request.checkpoint_revision);
        if revision == 0 || (at > 0 && revision > at) {
            let rule = "1 to checkpoint_revision: a log has no records beyond its revision";
            return Err(status::invalid(vec![InvalidField::new("revision", rule)]));
        }
        Ok(Self { revision, at })
    }
}

pub(super) fn inclusion(
    api: &Api,
    &Inclusion { revision, at }: &Inclusion,
) -> Result<v1::GetInclusionProofResponse, HistoryError> {
    let (tree, at) = tree_at(api, at)?;
    let reader = &*api.history.reader;
    let to_come = || HistoryError::ToCome { revision, head: at };
    let hashes = tree.proofs(|block| reader.leaves(block)).inclusion(revision - 1, at)?;
    let hashes = hashes.ok_or_else(to_come)?;
    let record = reader.read(revision, 1)?.pop().ok_or_else(to_come)?;
    let before = reader.hash_at(revision - 1)?.ok_or_else(to_come)?;
    Ok(v1::GetInclusionProofResponse {
        record: Some(record_to_proto(&record)),
        hash_before: before.as_bytes().to_vec(),
        hashes: to_bytes(&hashes),
        checkpoint: note(api, &tree, at)?,
    })
}

/// From which revision to which; 0 is the newest.
pub(super) struct Consistency {
    old: u64,
    at: u64,
}

impl Consistency {
    pub(super) fn parse(request: &v1::GetConsistencyProofRequest) -> Result<Self, Status> {
        let (old, at) = (request.old_revision, request.revision);
        if at > 0 && old > at {
            let rule = "not after `revision`: a log goes on from its past";
            return Err(status::invalid(vec![InvalidField::new("old_revision", rule)]));
        }
        Ok(Self { old, at })
    }
}

pub(super) fn consistency(
    api: &Api,
    &Consistency { old, at }: &Consistency,
) -> Result<v1::GetConsistencyProofResponse, HistoryError> {
    let (tree, at) = tree_at(api, at)?;
    let reader = &*api.history.reader;
    let hashes = tree.proofs(|block| reader.leaves(block)).consistency(old, at)?;
    let hashes = hashes.ok_or(HistoryError::ToCome { revision: old, head: at })?;
    let checkpoint = note(api, &tree, at)?;
    Ok(v1::GetConsistencyProofResponse { hashes: to_bytes(&hashes), checkpoint })
}

pub(super) fn record_to_proto(record: &StoredRecord) -> v1::Record {
    v1::Record {
        revision: record.revision,
        hash: record.hash.as_bytes().to_vec(),
        event: record.bytes.to_vec(),
    }
}

/// The tree, and the revision that is meant: 0 is the newest.
fn tree_at(api: &Api, revision: u64) -> Result<(Tree, u64), HistoryError> {
    let tree = api.history.reader.tree();
    let head = tree.size();
    match revision {
        0 => Ok((tree, head)),
        _ if revision > head => Err(HistoryError::ToCome { revision, head }),
        _ => Ok((tree, revision)),
    }
}

/// The signed note of the log at a revision.
fn note(api: &Api, tree: &Tree, revision: u64) -> Result<String, HistoryError> {
    let reader = &*api.history.reader;
    let to_come = || HistoryError::ToCome { revision, head: tree.size() };
    let root = tree.proofs(|block| reader.leaves(block)).root(revision)?.ok_or_else(to_come)?;
    let hash = reader.hash_at(revision)?.ok_or_else(to_come)?;
    Ok(api.auditing.key.sign(Head { revision, hash }, root))
}

fn to_bytes(hashes: &[TreeHash]) -> Vec<Vec<u8>> {
    hashes.iter().map(|hash| hash.as_bytes().to_vec()).collect()
}
