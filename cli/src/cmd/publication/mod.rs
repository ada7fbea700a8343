//! `countersign publication`: what is published where; made by `api publish`, undone by
//! `api offline`.

mod list;

use clap::Subcommand;

use crate::args::Globals;
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    List(list::List),
}

pub(super) async fn run(verb: Verb, globals: &Globals) -> Result<(), Failure> {
    match verb {
        Verb::List(args) => list::run(args, globals).await,
    }
}
