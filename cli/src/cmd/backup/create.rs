//! `countersign backup create`

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use countersign_control_plane::backup::{self, Contents};
use countersign_control_plane::log::VerifierKey;
use countersign_proto::v1::{CreateBackupRequest, CreateBackupResponse};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use serde_json::json;

use super::{NO_MASTER_KEY, open};
use crate::args::Globals;
use crate::failure::Failure;

/// How a file's name ends until all of it is there and read back.
const PARTIAL: &str = ".partial";
/// It holds ciphertexts, and every name and address there is.
const PRIVATE_FILE: u32 = 0o600;

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
    if args.to.symlink_metadata().is_ok() {
        return Err(Failure::failed(format!("{} is there already", args.to.display()))
            .advise("give another name, or move it away"));
    }
    let mut partial = args.to.clone().into_os_string();
    partial.push(PARTIAL);
    let partial = PathBuf::from(partial);
    let plane = globals.plane().await?;
    let mut replies = plane.backups().create_backup(CreateBackupRequest {}).await?.into_inner();
    let mut file = private(&partial)?;
    let bar = bar();
    while let Some(CreateBackupResponse { data, revision, revision_last }) =
        replies.message().await?
    {
        file.write_all(&data).map_err(|error| unwritten(&partial, &error))?;
        bar.set_length(revision_last);
        bar.set_position(revision);
    }
    file.sync_all().map_err(|error| unwritten(&partial, &error))?;
    bar.finish_and_clear();
    let contents = backup::verify(open(&partial)?, args.public_key.as_ref(), vec![])
        .map_err(|error| not_whole(&partial, &error))?;
    named(&partial, &args.to).map_err(|error| unwritten(&args.to, &error))?;
    let seconds = begun.elapsed().as_secs_f64();
    let value = json!({
        "file": args.to.display().to_string(),
        "log_id": contents.verified.log_id.to_string(),
        "epoch": contents.epoch,
        "revision": contents.verified.head.revision,
        "hash": contents.verified.head.hash.to_string(),
        "bytes": contents.bytes,
        "seconds": seconds,
        "master_key_included": false,
    });
    globals.output().value(&value, || told(&args.to, &contents, seconds))
}

fn told(file: &Path, contents: &Contents, seconds: f64) -> String {
    format!(
        "{}: log {} up to revision {}, {} in {seconds:.1} s\n{NO_MASTER_KEY}",
        file.display(),
        contents.verified.log_id,
        contents.verified.head.revision,
        HumanBytes(contents.bytes),
    )
}

/// On standard error, and only where a terminal is looking.
fn bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    let style = "{bar:30} revision {human_pos} of {human_len}, {elapsed}, {eta} to go";
    match ProgressStyle::with_template(style) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn private(path: &Path) -> Result<File, Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(PRIVATE_FILE);
    options.open(path).map_err(|error| unwritten(path, &error))
}

/// Gives the file its name, durably.
fn named(partial: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::rename(partial, to)?;
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::failed(format!("cannot write {}: {error}", path.display()))
}

fn not_whole(partial: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::failed(format!("what arrived is not a whole backup: {error}"))
        .advise(format!("try again; {} is of no use", partial.display()))
}
