//! `countersign audit verify`

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use clap::Args;
use countersign_control_plane::audit::{Shown, Verification, Verified, verify_directory};
use countersign_control_plane::backup;
use countersign_control_plane::log::{ChainHash, Checkpoint, VerifierKey};
use countersign_proto::v1::{GetCheckpointRequest, ReadRecordsRequest};
use serde_json::json;

use super::key;
use crate::args::Globals;
use crate::client::ControlPlane;
use crate::export;
use crate::failure::Failure;

/// Verify that the log is what it was: chain, tree and checkpoints
///
/// Without a path the log of the running control plane is read and verified here. A path is a data
/// directory that no process uses, a copy of one, an export, or a backup. The first thing that is wrong is
/// told with the revision at which it is. Nothing is written.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign audit verify --checkpoint checkpoint-2026-11-23 --public-key \"$KEY\"
  countersign audit verify /backup/countersign --master-key-file /etc/countersign/master.key
  countersign audit verify log.jsonl --public-key \"$KEY\" --checkpoint newest-checkpoint")]
pub(crate) struct Verify {
    /// A data directory, an export or a backup; left out: the running control plane
    #[arg(value_name = "PATH")]
    path: Option<PathBuf>,

    /// A file with a checkpoint that was kept elsewhere; again for each
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,

    /// The public key that `countersign audit key` printed
    #[arg(long, value_name = "KEY")]
    public_key: Option<VerifierKey>,

    /// The master key, from which the public key follows, for a data directory
    #[arg(long, value_name = "FILE", conflicts_with = "public_key")]
    master_key_file: Option<PathBuf>,
}

pub(super) async fn run(args: Verify, globals: &Globals) -> Result<(), Failure> {
    let (verified, what) = match args.path.clone() {
        None => {
            (live(&args, &globals.plane().await?).await?, "the running control plane".to_owned())
        }
        Some(path) => {
            let read = tokio::task::spawn_blocking(move || (still(&args, &path), path)).await;
            let (verified, path) = read.map_err(|error| Failure::failed(error.to_string()))?;
            (verified?, path.display().to_string())
        }
    };
    let value = json!({
        "log_id": verified.log_id.to_string(),
        "revision_from": verified.after + 1,
        "revision": verified.head.revision,
        "hash": verified.head.hash.to_string(),
        "root": verified.root.map(|root| root.to_string()),
        "checkpoints": verified.checkpoints,
        "signed_revision": verified.agreed,
    });
    globals.output().value(&value, || told(&verified, &what))
}

fn told(verified: &Verified, what: &str) -> String {
    let (from, to, signed) = (verified.after + 1, verified.head.revision, verified.agreed);
    let mut lines = vec![
        format!("verified: revisions {from} to {to} of log {}", verified.log_id),
        format!("  in {what}"),
        format!("  signed up to {signed}; checkpoints met: {}", verified.checkpoints),
    ];
    lines.extend(verified.root.map(|root| format!("  root {root}")));
    if signed < to {
        let unsigned = to - signed;
        lines.push(format!(
            "  the last {unsigned} follow in the chain, but no checkpoint is of them"
        ));
    }
    lines.join("\n")
}

/// Reads the whole log of a running control plane, and holds it to its checkpoint and to others.
async fn live(args: &Verify, plane: &ControlPlane) -> Result<Verified, Failure> {
    let newest = plane.audit().get_checkpoint(GetCheckpointRequest::default()).await?.into_inner();
    let key = key::trusted(plane, args.public_key.as_ref()).await?;
    let mut shown = kept(&args.checkpoint, &key)?;
    let by = "the control plane's checkpoint".to_owned();
    let checkpoint = Checkpoint::open(&newest.checkpoint, &key)
        .map_err(|error| broken(&format!("{by}: {error}")))?;
    shown.push(Shown { by, checkpoint });
    let to =
        newest.revision.max(shown.iter().map(|it| it.checkpoint.head.revision).max().unwrap_or(0));
    if to > newest.revision {
        return Err(broken(&format!(
            "the control plane's log ends at revision {}, but a checkpoint that was kept is of {to}: \
             its end was cut off",
            newest.revision
        )));
    }
    let mut verification =
        Verification::of_log(checkpoint.log_id, shown).map_err(|finding| broken(&finding))?;
    let request = ReadRecordsRequest { revision_from: 1, revision_to: to, follow: false };
    let mut records = plane.audit().read_records(request).await?.into_inner();
    while let Some(message) = records.message().await? {
        for record in message.records {
            let hash =
                record.hash.as_slice().try_into().map_err(|_| broken(&"a hash is not one"))?;
            let hash = ChainHash::from_bytes(hash);
            let next = verification.record(record.revision, hash, &record.event);
            next.map_err(|finding| broken(&finding))?;
        }
    }
    verification.finish(0).map_err(|finding| broken(&finding))
}

fn still(args: &Verify, path: &Path) -> Result<Verified, Failure> {
    if path.is_dir() {
        let key = match &args.public_key {
            Some(key) => key.clone(),
            None => key::derived(path, args.master_key_file.as_deref())?,
        };
        let shown = kept(&args.checkpoint, &key)?;
        return verify_directory(path, &key, shown).map_err(|error| broken(&error));
    }
    let key = args.public_key.clone().ok_or_else(|| {
        Failure::usage("a file is verified with --public-key, which `countersign audit key` prints")
    })?;
    let shown = kept(&args.checkpoint, &key)?;
    let file = File::open(path)
        .map_err(|error| Failure::failed(format!("cannot open {}: {error}", path.display())))?;
    let mut file = BufReader::new(file);
    let named = |error: &dyn std::fmt::Display| broken(&format!("{}: {error}", path.display()));
    if backup::is_backup(file.fill_buf().map_err(|error| named(&error))?) {
        let contents = backup::verify(file, Some(&key), shown);
        return contents.map(|contents| contents.verified).map_err(|error| named(&error));
    }
    export::verify(file, &key, shown).map_err(|error| named(&error))
}

/// The checkpoints in files, each signed by the key.
pub(in super::super) fn kept(files: &[PathBuf], key: &VerifierKey) -> Result<Vec<Shown>, Failure> {
    files.iter().map(|file| opened(file, key)).collect()
}

pub(super) fn opened(file: &Path, key: &VerifierKey) -> Result<Shown, Failure> {
    let by = file.display().to_string();
    let note = std::fs::read_to_string(file)
        .map_err(|error| Failure::failed(format!("cannot read {by}: {error}")))?;
    let checkpoint =
        Checkpoint::open(&note, key).map_err(|error| broken(&format!("{by}: {error}")))?;
    Ok(Shown { by, checkpoint })
}

pub(super) fn unreadable() -> Failure {
    Failure::failed("the control plane's answer cannot be read")
        .advise("control plane and command line should be of the same version")
}

pub(in super::super) fn broken(what: &dyn std::fmt::Display) -> Failure {
    Failure::failed(format!("NOT VERIFIED: {what}")).advise(
        "keep this log as evidence, compare it with a backup or an export by the same command, and \
         go on from the newest one that verifies; docs/audit.md has the steps",
    )
}
