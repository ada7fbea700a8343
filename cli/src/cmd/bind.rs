//! `countersign bind`

use clap::Args;
use countersign_proto::v1::CreateBindingRequest;

use crate::args::{Globals, WriteArgs};
use crate::failure::Failure;

/// Bind a signature key to an API in an environment
///
/// From then on nodes sign every request to that API there. Takes effect at once, without
/// publishing again. The API must be published in the environment.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign bind orders --api shop/orders --env RELEASE
  countersign bind orders_2027 --api shop/orders --env RELEASE --replace")]
pub(crate) struct Bind {
    /// The signature key's name or id
    #[arg(value_name = "KEY")]
    key: String,

    /// The API: its name, GROUP/NAME or id
    #[arg(long)]
    api: String,

    /// The environment: its name or id
    #[arg(long, alias = "environment", value_name = "ENV")]
    env: String,

    /// Exchange a key that is bound already, in one event, with no unsigned moment between
    #[arg(long)]
    replace: bool,

    #[command(flatten)]
    write: WriteArgs,
}

pub(super) async fn run(args: Bind, globals: &Globals) -> Result<(), Failure> {
    let request = CreateBindingRequest {
        signature_key: args.key,
        api: args.api,
        environment: args.env.clone(),
        replace: args.replace,
        request_id: args.write.request_id,
        expected_revision: args.write.expected_revision,
        reason: args.write.reason,
    };
    let reply = globals.plane().await?.bindings().create_binding(request).await?.into_inner();
    globals.output().reply(&reply)?;
    args.write.wait.until_signed(globals, reply.revision, &args.env).await
}
