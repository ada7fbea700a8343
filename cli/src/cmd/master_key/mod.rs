//! `countersign master-key`: the key that everything at rest is under.

mod get;
mod new;
mod rotate;

use clap::Subcommand;

use crate::args::Globals;
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    New(new::New),
    Get(get::Get),
    Rotate(rotate::Rotate),
}

pub(super) async fn run(verb: Verb, globals: &Globals) -> Result<(), Failure> {
    match verb {
        Verb::New(args) => new::run(&args, globals),
        Verb::Get(args) => get::run(args, globals).await,
        Verb::Rotate(args) => rotate::run(args, globals).await,
    }
}
