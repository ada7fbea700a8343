//! `countersign events`: the log of every change, which is the audit.

mod list;
pub(super) mod payload;
mod tail;

use clap::Subcommand;

use crate::args::Globals;
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    List(list::List),
    Tail(tail::Tail),
}

pub(super) async fn run(verb: Verb, globals: &Globals) -> Result<(), Failure> {
    match verb {
        Verb::List(args) => list::run(args, globals).await,
        Verb::Tail(args) => tail::run(args, globals).await,
    }
}
