//! The verbs, one file each; a folder where they share a noun. Each file has the verb's
//! arguments, its help and its examples, and the calls it makes.

mod api;
mod audit;
mod backend;
mod backup;
mod bind;
mod binding;
mod ca;
mod completion;
mod control_plane;
mod data_plane;
mod dev;
mod env;
mod events;
mod explain;
mod group;
mod key;
mod log;
mod master_key;
mod node;
mod operator;
mod publication;
mod relay;
mod restore;
mod sign;
mod token;
mod unbind;
mod verify;
mod wait;
mod whoami;

use clap::Subcommand;

use crate::args::Globals;
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Dev(dev::Dev),
    ControlPlane(control_plane::ControlPlaneArgs),
    DataPlane(data_plane::DataPlaneArgs),
    Relay(relay::RelayArgs),
    Backend(backend::BackendArgs),
    /// Environments: where APIs are published and keys are bound
    #[command(subcommand, alias = "environment")]
    Env(env::Verb),
    /// API groups: a name, and the domains under which its APIs are called
    #[command(subcommand)]
    Group(group::Verb),
    /// APIs, and in which environments they are published
    #[command(subcommand)]
    Api(api::Verb),
    /// What is published where
    #[command(subcommand)]
    Publication(publication::Verb),
    /// Signature keys: a key and a secret with which nodes sign
    #[command(subcommand)]
    Key(key::Verb),
    Bind(bind::Bind),
    Unbind(unbind::Unbind),
    /// Which key signs for which API
    #[command(subcommand)]
    Binding(binding::Verb),
    /// The log of every change, which is the audit
    #[command(subcommand)]
    Events(events::Verb),
    /// Proof that the log is what it was, and what was when
    #[command(subcommand)]
    Audit(audit::Verb),
    /// Copies of a control plane's log and keystore, made while it runs
    #[command(subcommand)]
    Backup(backup::Verb),
    Restore(restore::Restore),
    /// The key that everything at rest is under
    #[command(subcommand)]
    MasterKey(master_key::Verb),
    /// A log that no control plane has open
    #[command(subcommand)]
    Log(log::Verb),
    /// Data-plane nodes, and the revision each one signs with
    #[command(subcommand)]
    Node(node::Verb),
    /// Operators: who may do what, and where
    #[command(subcommand)]
    Operator(operator::Verb),
    /// Bearer tokens: what operators show in the place of a certificate
    #[command(subcommand)]
    Token(token::Verb),
    #[command(name = "whoami")]
    WhoAmI(whoami::WhoAmI),
    /// A private CA, for those who have none: its certificate, and those that it gives
    #[command(subcommand)]
    Ca(ca::Verb),
    Wait(wait::Wait),
    Sign(sign::Sign),
    Verify(verify::Verify),
    Explain(explain::Explain),
    Completion(completion::Completion),
}

pub(crate) async fn run(command: Command, globals: &Globals) -> Result<(), Failure> {
    match command {
        Command::Dev(args) => dev::run(args).await,
        Command::ControlPlane(args) => control_plane::run(args).await,
        Command::DataPlane(args) => data_plane::run(args, globals).await,
        Command::Relay(args) => relay::run(args, globals).await,
        Command::Backend(args) => backend::run(args).await,
        Command::Env(verb) => env::run(verb, globals).await,
        Command::Group(verb) => group::run(verb, globals).await,
        Command::Api(verb) => api::run(verb, globals).await,
        Command::Publication(verb) => publication::run(verb, globals).await,
        Command::Key(verb) => key::run(verb, globals).await,
        Command::Bind(args) => bind::run(args, globals).await,
        Command::Unbind(args) => unbind::run(args, globals).await,
        Command::Binding(verb) => binding::run(verb, globals).await,
        Command::Events(verb) => events::run(verb, globals).await,
        Command::Audit(verb) => audit::run(verb, globals).await,
        Command::Backup(verb) => backup::run(verb, globals).await,
        Command::Restore(args) => restore::run(args, globals).await,
        Command::MasterKey(verb) => master_key::run(verb, globals).await,
        Command::Log(verb) => log::run(verb, globals).await,
        Command::Node(verb) => node::run(verb, globals).await,
        Command::Operator(verb) => operator::run(verb, globals).await,
        Command::Token(verb) => token::run(verb, globals).await,
        Command::WhoAmI(args) => whoami::run(args, globals).await,
        Command::Ca(verb) => ca::run(verb),
        Command::Wait(args) => wait::run(args, globals).await,
        Command::Sign(args) => sign::run(&args, globals),
        Command::Verify(args) => verify::run(&args, globals),
        Command::Explain(args) => explain::run(&args, globals),
        Command::Completion(args) => completion::run(&args),
    }
}
