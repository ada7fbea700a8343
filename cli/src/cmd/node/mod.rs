//! `countersign node`: nodes that were enrolled, and those that the control plane has seen since it
//! started; how a node is let in and shut out; and what one of them routes.

mod get;
mod list;
mod revoke;
mod routes;
mod token;
mod watch;

use clap::Subcommand;

use crate::args::Globals;
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Get(get::Get),
    List(list::List),
    Revoke(revoke::Revoke),
    Routes(routes::Routes),
    /// Tokens by which nodes and relays get their first certificate
    #[command(subcommand)]
    Token(token::Verb),
    Watch(watch::Watch),
}

pub(super) async fn run(verb: Verb, globals: &Globals) -> Result<(), Failure> {
    match verb {
        Verb::Get(args) => get::run(args, globals).await,
        Verb::List(args) => list::run(args, globals).await,
        Verb::Revoke(args) => revoke::run(args, globals).await,
        Verb::Token(verb) => token::run(verb, globals).await,
        Verb::Routes(args) => routes::run(args, globals).await,
        Verb::Watch(args) => watch::run(args, globals).await,
    }
}
