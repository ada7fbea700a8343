//! `countersign backup verify`

use std::path::{Path, PathBuf};

use clap::Args;
use countersign_control_plane::backup::{self, Contents};
use countersign_control_plane::log::VerifierKey;
use serde_json::json;

use super::super::audit::{derived_for, kept, not_verified};
use super::open;
use crate::args::Globals;
use crate::failure::Failure;

/// Verify that a backup is whole, and that it is the log it says
///
/// Checksums, chain, tree and signatures are verified, and whatever checkpoints were kept elsewhere. It
/// ends with 0, or with 1 and the first thing that is wrong and where.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign backup verify today.backup --public-key \"$KEY\"
  countersign backup verify today.backup --master-key-file master.key --checkpoint kept -o json")]
pub(crate) struct Verify {
    #[arg(value_name = "FILE", help = "The backup")]
    path: PathBuf,

    /// A file with a checkpoint that was kept elsewhere; again for each
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,

    /// The public key that `countersign audit key` printed
    #[arg(long, value_name = "KEY", required_unless_present = "master_key_file")]
    public_key: Option<VerifierKey>,

    /// The master key, from which the public key follows
    #[arg(long, value_name = "FILE", conflicts_with = "public_key")]
    master_key_file: Option<PathBuf>,
}

pub(super) async fn run(args: Verify, globals: &Globals) -> Result<(), Failure> {
    let output = globals.output();
    let verified = tokio::task::spawn_blocking(move || (verify(&args), args.path)).await;
    let (contents, path) = verified.map_err(|error| Failure::failed(error.to_string()))?;
    let contents = contents?;
    let (verified, head) = (&contents.verified, contents.verified.head);
    let value = json!({
        "log_id": verified.log_id.to_string(),
        "epoch": contents.epoch,
        "revision": head.revision,
        "hash": head.hash.to_string(),
        "root": verified.root.map(|root| root.to_string()),
        "checkpoints": verified.checkpoints,
        "made": at(contents.made_ms),
        "first_event": at(contents.first_ms),
        "last_event": at(contents.last_ms),
        "secrets": contents.secrets,
        "bytes": contents.bytes,
    });
    output.value(&value, || told(&path, &contents))
}

fn verify(args: &Verify) -> Result<Contents, Failure> {
    let named =
        |error: &dyn std::fmt::Display| not_verified(&format!("{}: {error}", args.path.display()));
    let key = match (&args.public_key, &args.master_key_file) {
        (Some(key), _) => key.clone(),
        (None, Some(master)) => {
            let (log_id, keyring) =
                backup::log_id_of(open(&args.path)?).map_err(|error| named(&error))?;
            derived_for(log_id, &args.path, &keyring, master)?
        }
        (None, None) => return Err(Failure::usage("give --public-key or --master-key-file")),
    };
    let shown = kept(&args.checkpoint, &key)?;
    backup::verify(open(&args.path)?, Some(&key), shown).map_err(|error| named(&error))
}

fn told(path: &Path, contents: &Contents) -> String {
    let (verified, head) = (&contents.verified, contents.verified.head);
    format!(
        "verified: {}\n  \
         revisions 1 to {} of log {}, epoch {}, made {}\n  \
         events from {} to {}; checkpoints met: {}\n  \
         {} bytes; secrets that live: {}, the data key of each is in it",
        path.display(),
        head.revision,
        verified.log_id,
        contents.epoch,
        at(contents.made_ms),
        at(contents.first_ms),
        at(contents.last_ms),
        verified.checkpoints,
        contents.bytes,
        contents.secrets,
    )
}

/// To the millisecond, so that `restore --at` finds it again.
fn at(time_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(time_ms).map_or_else(|_| "-".to_owned(), |it| it.to_string())
}
