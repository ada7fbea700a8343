//! `countersign key replace-secret`

use clap::Args;
use countersign_proto::v1::ReplaceSecretRequest;

use crate::args::{Globals, WriteArgs};
use crate::failure::Failure;
use crate::secret_source::{SecretArgs, tell_generated};

/// Give a signature key another secret
///
/// Takes effect at once on every node: the former secret signs nothing any more, so backends
/// should accept both before. The secret is read as by `key create`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign key replace-secret orders
  countersign key replace-secret orders --secret-file ./secret")]
pub(crate) struct ReplaceSecret {
    /// Name or id
    #[arg(value_name = "KEY")]
    key: String,

    #[command(flatten)]
    secret: SecretArgs,

    #[command(flatten)]
    write: WriteArgs,
}

pub(super) async fn run(args: ReplaceSecret, globals: &Globals) -> Result<(), Failure> {
    let plane = globals.plane().await?;
    let secret = args.secret.read()?;
    let request = ReplaceSecretRequest {
        signature_key: args.key,
        secret: secret.map(|secret| secret.expose().to_owned()).unwrap_or_default(),
        confirm_secret: String::new(),
        request_id: args.write.request_id,
        expected_revision: args.write.expected_revision,
        reason: args.write.reason,
    };
    let reply = plane.signature_keys().replace_secret(request).await?.into_inner();
    globals.output().reply(&reply)?;
    tell_generated(&reply.generated_secret);
    args.write.wait.until_signed(globals, reply.revision, "").await
}
