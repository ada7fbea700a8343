//! `countersign node`: the data-plane nodes that the control plane has seen since it started, and
//! what one of them routes.

mod get;
mod list;
mod routes;
mod watch;

use clap::Subcommand;

use crate::args::Globals;
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Get(get::Get),
    List(list::List),
    Routes(routes::Routes),
    Watch(watch::Watch),
}

pub(super) async fn run(verb: Verb, globals: &Globals) -> Result<(), Failure> {
    match verb {
        Verb::Get(args) => get::run(args, globals).await,
        Verb::List(args) => list::run(args, globals).await,
        Verb::Routes(args) => routes::run(args, globals).await,
        Verb::Watch(args) => watch::run(args, globals).await,
    }
}
