//! `countersign audit`: proof that the log is what it was, and what was when.

mod attempts;
mod checkpoint;
mod diff;
mod export;
mod key;
mod moment;
mod proof;
mod state;
mod verify;
mod who;

use clap::Subcommand;

pub(super) use key::derived_for;
pub(super) use verify::{broken as not_verified, kept};

use crate::args::Globals;
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Verify(verify::Verify),
    Checkpoint(checkpoint::Print),
    Key(key::Key),
    Proof(proof::Proof),
    State(state::State),
    Diff(diff::Diff),
    Show(who::Show),
    Who(who::Who),
    Export(export::Export),
    Attempts(attempts::List),
}

pub(super) async fn run(verb: Verb, globals: &Globals) -> Result<(), Failure> {
    match verb {
        Verb::Verify(args) => verify::run(args, globals).await,
        Verb::Checkpoint(args) => checkpoint::run(args, globals).await,
        Verb::Key(args) => key::run(args, globals).await,
        Verb::Proof(args) => proof::run(args, globals).await,
        Verb::State(args) => state::run(args, globals).await,
        Verb::Diff(args) => diff::run(args, globals).await,
        Verb::Show(args) => who::show(args, globals).await,
        Verb::Who(args) => who::who(args, globals).await,
        Verb::Attempts(args) => attempts::run(args, globals).await,
        Verb::Export(args) => export::run(args, globals).await,
    }
}
