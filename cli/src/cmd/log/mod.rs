//! `countersign log`: what is done to a log that no control plane has open.

mod migrate;
mod new_epoch;

use clap::Subcommand;

use crate::args::Globals;
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Migrate(Box<migrate::Migrate>),
    NewEpoch(new_epoch::NewEpoch),
}

pub(super) async fn run(verb: Verb, globals: &Globals) -> Result<(), Failure> {
    match verb {
        Verb::Migrate(args) => migrate::run(*args, globals).await,
        Verb::NewEpoch(args) => new_epoch::run(&args, globals),
    }
}
