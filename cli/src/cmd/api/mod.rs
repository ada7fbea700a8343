//! `countersign api`: APIs, and in which environments they are published.

mod backend_flags;
mod backend_url;
mod choice;
mod create;
mod delete;
mod get;
mod list;
mod offline;
mod publish;
pub(super) mod show;
mod update;

use clap::Subcommand;

use crate::args::Globals;
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Create(create::Create),
    Get(get::Get),
    List(list::List),
    Update(update::Update),
    Delete(delete::Delete),
    Publish(publish::Publish),
    Offline(offline::Offline),
}

pub(super) async fn run(verb: Verb, globals: &Globals) -> Result<(), Failure> {
    match verb {
        Verb::Create(args) => create::run(args, globals).await,
        Verb::Get(args) => get::run(args, globals).await,
        Verb::List(args) => list::run(args, globals).await,
        Verb::Update(args) => update::run(args, globals).await,
        Verb::Delete(args) => delete::run(args, globals).await,
        Verb::Publish(args) => publish::run(args, globals).await,
        Verb::Offline(args) => offline::run(args, globals).await,
    }
}
