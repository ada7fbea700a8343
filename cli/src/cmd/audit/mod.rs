//! `countersign audit`: proof that the log is what it was, and what was when.

mod checkpoint;
mod export;
mod key;
mod verify;

use clap::Subcommand;

use crate::args::Globals;
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Verify(verify::Verify),
    Checkpoint(checkpoint::Print),
    Key(key::Key),
    Export(export::Export),
}

pub(super) async fn run(verb: Verb, globals: &Globals) -> Result<(), Failure> {
    match verb {
        Verb::Verify(args) => verify::run(args, globals).await,
        Verb::Checkpoint(args) => checkpoint::run(args, globals).await,
        Verb::Key(args) => key::run(args, globals).await,
        Verb::Export(args) => export::run(args, globals).await,
    }
}
