//! `countersign log`: what is done to a log that no control plane has open.

mod new_epoch;

use clap::Subcommand;

use crate::args::Globals;
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    NewEpoch(new_epoch::NewEpoch),
}

pub(super) fn run(verb: &Verb, globals: &Globals) -> Result<(), Failure> {
    match verb {
        Verb::NewEpoch(args) => new_epoch::run(args, globals),
    }
}
