//! `countersign token`: what operators show in the place of a certificate.

mod create;
mod list;
mod revoke;

use clap::Subcommand;

use crate::args::Globals;
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Create(create::Create),
    Revoke(revoke::Revoke),
    List(list::List),
}

pub(super) async fn run(verb: Verb, globals: &Globals) -> Result<(), Failure> {
    match verb {
        Verb::Create(args) => create::run(args, globals).await,
        Verb::Revoke(args) => revoke::run(args, globals).await,
        Verb::List(args) => list::run(args, globals).await,
    }
}
