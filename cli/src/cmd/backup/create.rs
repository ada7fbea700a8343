//! `countersign backup create`

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use countersign_control_plane::backup::Contents;
use countersign_control_plane::log::VerifierKey;
use countersign_proto::v1::{CreateBackupRequest, CreateBackupResponse};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::NO_MASTER_KEY;
use super::new_file::NewFile;
use crate::args::Globals;
use crate::failure::Failure;

/// Copy the log and the wrapped data keys of a running control plane into a file
///
/// Writes go on meanwhile; the backup is of exactly one revision. The master key is not in it: keep
/// that one elsewhere, for without it no secret in the backup can be read. The file gets its name when
/// all of it is on the disk, read back and checked.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign backup create --to countersign-$(date +%F).backup
  countersign backup create --to /backup/today --control-plane https://10.0.0.1:7400 -o json")]
pub(crate) struct Create {
    /// The file to write, which must not be there yet
    #[arg(long, value_name = "FILE")]
    to: PathBuf,

    /// Also verify the signatures in it, with the key that `countersign audit key` printed
    #[arg(long, value_name = "KEY")]
    public_key: Option<VerifierKey>,
}

pub(super) async fn run(args: Create, globals: &Globals) -> Result<(), Failure> {
    let begun = Instant::now();
    NewFile::is_free(&args.to)?;
    let plane = globals.plane().await?;
    let mut replies = plane.backups().create_backup(CreateBackupRequest {}).await?.into_inner();
    let mut file = NewFile::create(&args.to)?;
    let bar = bar();
    while let Some(CreateBackupResponse { data, revision, revision_last }) =
        replies.message().await?
    {
        file.write(&data)?;
        bar.set_length(revision_last);
        bar.set_position(revision);
    }
    bar.finish_and_clear();
    let contents = file.finish(args.public_key.as_ref())?;
    let seconds = begun.elapsed().as_secs_f64();
    let value = value(&args.to, &contents, seconds);
    globals.output().value(&value, || told(&args.to, &contents, seconds))
}

pub(super) fn value(file: &Path, contents: &Contents, seconds: f64) -> Value {
    json!({
        "file": file.display().to_string(),
        "log_id": contents.verified.log_id.to_string(),
        "epoch": contents.epoch,
        "revision": contents.verified.head.revision,
        "hash": contents.verified.head.hash.to_string(),
        "bytes": contents.bytes,
        "seconds": seconds,
        "master_key_included": false,
    })
}

pub(super) fn told(file: &Path, contents: &Contents, seconds: f64) -> String {
    format!(
        "{}: log {} up to revision {}, {} in {seconds:.1} s\n{NO_MASTER_KEY}",
        file.display(),
        contents.verified.log_id,
        contents.verified.head.revision,
        HumanBytes(contents.bytes),
    )
}

/// On standard error, and only where a terminal is looking.
pub(super) fn bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    let style = "{bar:30} revision {human_pos} of {human_len}, {elapsed}, {eta} to go";
    match ProgressStyle::with_template(style) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
