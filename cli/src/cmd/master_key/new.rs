//! `countersign master-key new`

use std::path::PathBuf;

use clap::Args;
use countersign_control_plane::keystore::MasterKey;

use crate::args::Globals;
use crate::failure::Failure;

/// Make a master key: 64 hex digits in a file that only its owner can read
///
/// Run it on the control plane's machine, as its user. Nothing is overwritten.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign master-key new /etc/countersign/master.key.next")]
pub(crate) struct New {
    #[arg(value_name = "FILE", help = "Where to")]
    path: PathBuf,
}

pub(super) fn run(args: &New, globals: &Globals) -> Result<(), Failure> {
    let path = &args.path;
    if path.symlink_metadata().is_ok() {
        return Err(Failure::failed(format!("{} is there already", path.display()))
            .advise("give another path: a master key that is overwritten opens nothing any more"));
    }
    MasterKey::load_or_create(path).map_err(|error| Failure::failed(error.to_string()))?;
    globals.output().value(&serde_json::json!({ "file": path }), || {
        format!("{}: a new master key; keep a copy of it elsewhere", path.display())
    })
}
