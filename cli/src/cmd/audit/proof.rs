//! `countersign audit proof`

use std::path::PathBuf;

use clap::Args;
use countersign_control_plane::log::{
    ChainHash, Checkpoint, Head, TreeHash, VerifierKey, verify_consistency, verify_inclusion,
};
use countersign_proto::v1::{
    GetCheckpointRequest, GetConsistencyProofRequest, GetInclusionProofRequest,
};
use data_encoding::BASE64;
use serde_json::json;

use super::verify::{broken, opened, unreadable};
use crate::args::Globals;
use crate::client::ControlPlane;
use crate::failure::Failure;

/// Prove, without reading the whole log, that a record is in it, or that it goes on from a checkpoint
///
/// The proof is verified here, against a checkpoint that the public key signed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign audit proof 4711 --public-key \"$KEY\"
  countersign audit proof --since checkpoint-2026-11-23 --public-key \"$KEY\" -o json")]
pub(crate) struct Proof {
    /// The record at this revision is in the log
    #[arg(value_name = "REVISION", value_parser = clap::value_parser!(u64).range(1..))]
    #[arg(required_unless_present = "since")]
    revision: Option<u64>,

    /// The log goes on from the checkpoint in this file
    #[arg(long, value_name = "FILE", conflicts_with = "revision")]
    since: Option<PathBuf>,

    /// Of the log as it was at this revision; left out: the newest
    #[arg(long, value_name = "REVISION", default_value_t = 0, hide_default_value = true)]
    at: u64,

    /// The public key that `countersign audit key` printed
    #[arg(long, value_name = "KEY")]
    public_key: Option<VerifierKey>,
}

pub(super) async fn run(args: Proof, globals: &Globals) -> Result<(), Failure> {
    let plane = globals.plane().await?;
    let key = super::key::trusted(&plane, args.public_key.as_ref()).await?;
    match (&args.since, args.revision) {
        (Some(file), _) => {
            let old = opened(file, &key)?.checkpoint;
            consistency(&plane, &key, old, args.at, globals).await
        }
        (None, revision) => inclusion(&plane, &key, revision.unwrap_or(1), args.at, globals).await,
    }
}

async fn inclusion(
    plane: &ControlPlane,
    key: &VerifierKey,
    revision: u64,
    at: u64,
    globals: &Globals,
) -> Result<(), Failure> {
    let request = GetInclusionProofRequest { revision, checkpoint_revision: at };
    let proof = plane.audit().get_inclusion_proof(request).await?.into_inner();
    let record = proof.record.unwrap_or_default();
    let (size, root) = signed(&proof.checkpoint, key)?;
    let before = ChainHash::from_bytes(hash(&proof.hash_before)?);
    let head = Head { revision: revision - 1, hash: before }.then(&record.event);
    let hashes = hashes(&proof.hashes)?;
    if !verify_inclusion(revision - 1, TreeHash::leaf(head.hash), size, root, &hashes) {
        return Err(broken(&format!(
            "the record at revision {revision} is not in the log that the checkpoint of {size} shows"
        )));
    }
    let value = json!({
        "revision": revision,
        "record": BASE64.encode(&record.event),
        "hash_before": BASE64.encode(&proof.hash_before),
        "leaf": TreeHash::leaf(head.hash).to_string(),
        "hashes": texts(&hashes),
        "checkpoint": proof.checkpoint,
    });
    globals.output().value(&value, || {
        format!("proved: the record at revision {revision} is in the log of {size} records\n  root {root}")
    })
}

async fn consistency(
    plane: &ControlPlane,
    key: &VerifierKey,
    old: Checkpoint,
    at: u64,
    globals: &Globals,
) -> Result<(), Failure> {
    let old_root = old.root.ok_or_else(|| {
        Failure::failed("the checkpoint is of before the tree: there is no root in it")
            .advise("verify it with `countersign audit verify --checkpoint FILE`")
    })?;
    let old_size = old.head.revision;
    let newest = plane.audit().get_checkpoint(GetCheckpointRequest::default()).await?.into_inner();
    if newest.revision < old_size {
        let ends = newest.revision;
        return Err(broken(&format!(
            "the control plane's log ends at revision {ends}, the checkpoint is of {old_size}"
        )));
    }
    let request = GetConsistencyProofRequest { old_revision: old_size, revision: at };
    let proof = plane.audit().get_consistency_proof(request).await?.into_inner();
    let (size, root) = signed(&proof.checkpoint, key)?;
    let hashes = hashes(&proof.hashes)?;
    if !verify_consistency((old_size, old_root), (size, root), &hashes) {
        return Err(broken(&format!(
            "the log of {size} records does not go on from the checkpoint of {old_size}"
        )));
    }
    let value = json!({
        "old_revision": old_size,
        "revision": size,
        "hashes": texts(&hashes),
        "checkpoint": proof.checkpoint,
    });
    globals.output().value(&value, || {
        format!("proved: the log of {size} records goes on from that of {old_size}\n  root {root}")
    })
}

fn signed(note: &str, key: &VerifierKey) -> Result<(u64, TreeHash), Failure> {
    let checkpoint = Checkpoint::open(note, key)
        .map_err(|error| broken(&format!("the control plane's checkpoint: {error}")))?;
    let root = checkpoint.root.ok_or_else(unreadable)?;
    Ok((checkpoint.head.revision, root))
}

fn hashes(all: &[Vec<u8>]) -> Result<Vec<TreeHash>, Failure> {
    all.iter().map(|bytes| hash(bytes).map(TreeHash::from_bytes)).collect()
}

fn hash(bytes: &[u8]) -> Result<[u8; 32], Failure> {
    bytes.try_into().map_err(|_| unreadable())
}

fn texts(hashes: &[TreeHash]) -> Vec<String> {
    hashes.iter().map(ToString::to_string).collect()
}
