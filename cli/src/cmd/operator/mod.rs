//! `countersign operator`: who may do what.

mod grant;
mod list;
mod revoke;

use clap::Subcommand;
pub(super) use list::described;

use crate::args::Globals;
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Grant(grant::Grant),
    Revoke(revoke::Revoke),
    List(list::List),
}

pub(super) async fn run(verb: Verb, globals: &Globals) -> Result<(), Failure> {
    match verb {
        Verb::Grant(args) => grant::run(args, globals).await,
        Verb::Revoke(args) => revoke::run(args, globals).await,
        Verb::List(args) => list::run(args, globals).await,
    }
}
