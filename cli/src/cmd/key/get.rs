//! `countersign key get`

use clap::Args;
use countersign_proto::v1::GetSignatureKeyRequest;

use crate::args::Globals;
use crate::failure::Failure;

/// Show one signature key; of its secret, the fingerprint
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign key get orders
  countersign key get orders -o json | jq -r .secret_fingerprint")]
pub(crate) struct Get {
    /// Name or id
    #[arg(value_name = "KEY")]
    key: String,
}

pub(super) async fn run(args: Get, globals: &Globals) -> Result<(), Failure> {
    let request = GetSignatureKeyRequest { signature_key: args.key };
    let reply =
        globals.plane().await?.signature_keys().get_signature_key(request).await?.into_inner();
    globals.output().reply(&reply)
}
