//! `countersign audit key`, and the keys that other verbs of the audit take.

use std::path::{Path, PathBuf};

use clap::Args;
use countersign_control_plane::keystore::{KeystoreError, MasterKey, checkpoint_seed, seed_of};
use countersign_control_plane::log::{CheckpointKey, StillLog, VerifierKey};
use countersign_proto::v1::GetCheckpointRequest;
use countersign_shared::id::LogId;
use zeroize::Zeroizing;

use super::verify::unreadable;
use crate::args::Globals;
use crate::client::ControlPlane;
use crate::failure::Failure;

/// Print the public key that verifies the log's checkpoints
///
/// Run it once on the control plane's machine, with --data-dir, and give its line to whoever
/// verifies: with it nobody needs the master key, nor has to believe the control plane.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign audit key --data-dir /var/lib/countersign
  countersign audit key                      as the control plane says it, for a first look")]
pub(crate) struct Key {
    /// The data directory whose log it is of; left out: the control plane is asked
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// A file with the master key, instead of the one in the data directory
    #[arg(long, value_name = "FILE", requires = "data_dir")]
    master_key_file: Option<PathBuf>,
}

pub(super) async fn run(args: Key, globals: &Globals) -> Result<(), Failure> {
    let key = match &args.data_dir {
        Some(directory) => derived(directory, args.master_key_file.as_deref())?,
        None => told(&globals.plane().await?).await?,
    };
    let key = key.to_string();
    globals.output().value(&serde_json::json!({ "public_key": key }), || key.clone())
}

/// The key that is given, or else the one that the control plane says, which is told.
pub(super) async fn trusted(
    plane: &ControlPlane,
    given: Option<&VerifierKey>,
) -> Result<VerifierKey, Failure> {
    if let Some(given) = given {
        return Ok(given.clone());
    }
    eprintln!("note: the public key is the control plane's own word; --public-key takes yours");
    told(plane).await
}

async fn told(plane: &ControlPlane) -> Result<VerifierKey, Failure> {
    let reply = plane.audit().get_checkpoint(GetCheckpointRequest::default()).await?.into_inner();
    reply.public_key.parse().map_err(|_| unreadable())
}

/// The public key of the log in a data directory, from its master key.
pub(super) fn derived(directory: &Path, master: Option<&Path>) -> Result<VerifierKey, Failure> {
    let failed = |error: String| Failure::failed(error);
    let log_id = StillLog::id_at(directory).map_err(|error| failed(error.to_string()))?;
    let own = directory.join("master.key");
    verifier_of(log_id, master.unwrap_or(&own), |master| checkpoint_seed(directory, master, log_id))
}

/// The public key of a log, from the keyring of a copy of it and the master key.
pub(in super::super) fn derived_for(
    log_id: LogId,
    copy: &Path,
    keyring: &[u8],
    master: &Path,
) -> Result<VerifierKey, Failure> {
    verifier_of(log_id, master, |master| seed_of(copy, keyring, master, log_id))
}

fn verifier_of(
    log_id: LogId,
    master: &Path,
    seed: impl FnOnce(&MasterKey) -> Result<Zeroizing<[u8; 32]>, KeystoreError>,
) -> Result<VerifierKey, Failure> {
    let failed = |error: String| Failure::failed(error);
    let master = MasterKey::load(master).map_err(|error| {
        failed(error.to_string()).advise(
            "name the master key with --master-key-file, or give the public key with --public-key",
        )
    })?;
    let seed = seed(&master).map_err(|error| failed(error.to_string()))?;
    Ok(CheckpointKey::from_seed(&seed, log_id).verifier().clone())
}
