//! `countersign backup`: a copy of the log and of the wrapped data keys, in one file.

mod create;
mod new_file;
mod salvage;
mod verify;

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use clap::Subcommand;

use crate::args::Globals;
use crate::failure::Failure;

/// What everybody who makes or restores one is told.
pub(super) const NO_MASTER_KEY: &str = "the master key is not in it: keep that one elsewhere, for \
                                        without it no secret in the backup can be read";

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Create(create::Create),
    Salvage(salvage::Salvage),
    Verify(verify::Verify),
}

pub(super) async fn run(verb: Verb, globals: &Globals) -> Result<(), Failure> {
    match verb {
        Verb::Create(args) => create::run(args, globals).await,
        Verb::Salvage(args) => salvage::run(args, globals).await,
        Verb::Verify(args) => verify::run(args, globals).await,
    }
}

pub(super) fn open(path: &Path) -> Result<BufReader<File>, Failure> {
    let opened = File::open(path)
        .map_err(|error| Failure::failed(format!("cannot open {}: {error}", path.display())))?;
    Ok(BufReader::new(opened))
}
