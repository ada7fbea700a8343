//! `countersign backup salvage`

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use countersign_control_plane::backup::{Contents, Salvage as Salvaged};
use countersign_control_plane::keystore::MasterKey;
use countersign_control_plane::log::OWN_MASTER_KEY;
use serde_json::json;

use super::create::{bar, told, value};
use super::new_file::NewFile;
use crate::args::Globals;
use crate::failure::Failure;

/// Make a backup of what can still be read of a data directory
///
/// For a directory on which no control plane starts any more, when there is no newer backup. Its sealed
/// segments and its store are read, each as far as it goes, and verified against every checkpoint there
/// is; nothing is written to it. It says how many revisions are lost, and what could not be read. Then
/// `countersign restore` makes a new directory of the file.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign backup salvage --data-dir /var/lib/countersign --to salvaged.backup
  countersign restore --from salvaged.backup --to /var/lib/countersign-new")]
pub(crate) struct Salvage {
    /// The data directory, which no process may be using
    #[arg(long, value_name = "DIR", env = "COUNTERSIGN_DATA_DIR", hide_env_values = true)]
    data_dir: PathBuf,

    /// The file to write, which must not be there yet
    #[arg(long, value_name = "FILE")]
    to: PathBuf,

    /// A file with the master key, instead of the one in the data directory
    #[arg(long, value_name = "FILE")]
    master_key_file: Option<PathBuf>,
}

pub(super) async fn run(args: Salvage, globals: &Globals) -> Result<(), Failure> {
    let begun = Instant::now();
    let to = args.to.clone();
    let done = tokio::task::spawn_blocking(move || salvage(&args)).await;
    let (salvaged, contents) = done.map_err(|error| Failure::failed(error.to_string()))??;
    let seconds = begun.elapsed().as_secs_f64();
    let mut value = value(&to, &contents, seconds);
    if let Some(fields) = value.as_object_mut() {
        fields.insert("lost_revisions".to_owned(), salvaged.lost().into());
        fields.insert("obstacles".to_owned(), json!(salvaged.obstacles()));
    }
    globals.output().value(&value, || {
        let mut lines = vec![told(&to, &contents, seconds)];
        lines.push(match salvaged.lost() {
            0 => "no revision that a checkpoint shows is lost".to_owned(),
            lost => format!("lost: {lost} revisions after it, which a checkpoint shows"),
        });
        lines.extend(salvaged.obstacles().iter().map(|it| format!("not read: {it}")));
        lines.join("\n")
    })
}

fn salvage(args: &Salvage) -> Result<(Salvaged, Contents), Failure> {
    NewFile::is_free(&args.to)?;
    let own = args.data_dir.join(OWN_MASTER_KEY);
    let master = args.master_key_file.as_deref().unwrap_or(&own);
    let master = MasterKey::load(master).map_err(|error| {
        Failure::failed(error.to_string()).advise("name the master key with --master-key-file")
    })?;
    let failed = |error: &dyn std::error::Error| Failure::failed(error.to_string());
    let salvaged = Salvaged::read(&args.data_dir, &master).map_err(|error| failed(&error))?;
    let mut file = NewFile::create(&args.to)?;
    let (bar, mut written) = (bar(), Ok(()));
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let made = salvaged.write(now_ms, |data, revision, last| {
        written = file.write(&data);
        bar.set_length(last);
        bar.set_position(revision);
        written.is_ok()
    });
    bar.finish_and_clear();
    written?;
    made.map_err(|error| failed(&error))?;
    let contents = file.finish(None)?;
    Ok((salvaged, contents))
}
