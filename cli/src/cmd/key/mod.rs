//! `countersign key`: signature keys.

mod create;
mod delete;
mod get;
mod key_type;
mod list;
mod replace_secret;
mod update;

use clap::Subcommand;

use crate::args::Globals;
use crate::failure::Failure;
pub(super) use key_type::KeyType;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Create(create::Create),
    Get(get::Get),
    List(list::List),
    Update(update::Update),
    ReplaceSecret(replace_secret::ReplaceSecret),
    Delete(delete::Delete),
}

pub(super) async fn run(verb: Verb, globals: &Globals) -> Result<(), Failure> {
    match verb {
        Verb::Create(args) => create::run(args, globals).await,
        Verb::Get(args) => get::run(args, globals).await,
        Verb::List(args) => list::run(args, globals).await,
        Verb::Update(args) => update::run(args, globals).await,
        Verb::ReplaceSecret(args) => replace_secret::run(args, globals).await,
        Verb::Delete(args) => delete::run(args, globals).await,
    }
}
