//! `countersign key create`

use clap::Args;
use countersign_proto::v1::{self, CreateSignatureKeyRequest, SignatureKey};

use super::key_type::KeyType;
use crate::args::{Globals, WriteArgs};
use crate::failure::Failure;
use crate::secret_source::{SecretArgs, tell_generated};

/// Make a signature key
///
/// On a terminal the secret is asked for twice, without echo; an empty answer has it generated.
/// Elsewhere it is generated unless --secret-stdin or --secret-file gives it. A generated secret
/// is shown this once; nothing gives it back later.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign key create orders --type hmac
  countersign key create orders --type hmac --key orders-2026 --secret-file ./secret
  pass show gateway/orders | countersign key create orders --type basic --key orders --secret-stdin
  countersign key create orders --type hmac -o json </dev/null | jq -r .generated_secret")]
pub(crate) struct Create {
    /// 3–64 letters, digits and `_`, first a letter; CJK letters too
    name: String,

    /// hmac signs each request; basic puts key and secret on it
    #[arg(long = "type", value_enum, ignore_case = true, value_name = "hmac|basic")]
    #[arg(hide_possible_values = true)]
    key_type: KeyType,

    /// hmac 8–32, basic 4–32 letters, digits, `_` and `-`; left out: generated
    #[arg(long, default_value = "", hide_default_value = true)]
    key: String,

    #[command(flatten)]
    secret: SecretArgs,

    #[command(flatten)]
    write: WriteArgs,
}

pub(super) async fn run(args: Create, globals: &Globals) -> Result<(), Failure> {
    let plane = globals.plane().await?;
    let secret = args.secret.read()?;
    let request = CreateSignatureKeyRequest {
        signature_key: Some(SignatureKey {
            name: args.name,
            r#type: v1::SignatureKeyType::from(args.key_type).into(),
            key: args.key,
            ..Default::default()
        }),
        secret: secret.map(|secret| secret.expose().to_owned()).unwrap_or_default(),
        confirm_secret: String::new(),
        request_id: args.write.request_id,
        expected_revision: args.write.expected_revision,
        reason: args.write.reason,
    };
    let reply = plane.signature_keys().create_signature_key(request).await?.into_inner();
    globals.output().reply(&reply)?;
    tell_generated(&reply.generated_secret);
    args.write.wait.until_signed(globals, reply.revision, "").await
}
