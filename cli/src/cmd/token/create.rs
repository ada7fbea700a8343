//! `countersign token create`

use clap::Args;
use countersign_proto::v1::CreateTokenRequest;

use crate::args::{Globals, WriteArgs};
use crate::failure::Failure;
use crate::moment::Lifetime;

/// Make a bearer token for an operator, which is shown this once
///
/// It may do what the operator was granted (`countersign operator grant`). Give it to the command line
/// with --token-file, or to the console at its login.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign token create ann
  countersign token create ci --ttl 30d --remark 'nightly publication'
  (umask 077; countersign token create ann -o json | jq -r .bearer > ann.token)")]
pub(crate) struct Create {
    /// Whose it is
    #[arg(value_name = "NAME")]
    operator: String,

    /// How long it is good for: at least 60s, at most 366d
    #[arg(long, value_name = "TIME", default_value = "90d")]
    ttl: Lifetime,

    /// What it is for: at most 255 characters
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    remark: String,

    #[command(flatten)]
    write: WriteArgs,
}

pub(super) async fn run(args: Create, globals: &Globals) -> Result<(), Failure> {
    let request = CreateTokenRequest {
        operator: args.operator,
        // What is shorter than a second is none, and what is too short or too long is refused.
        ttl_seconds: i64::try_from(args.ttl.0.as_secs().max(1)).unwrap_or(i64::MAX),
        remark: args.remark,
        request_id: args.write.request_id,
        expected_revision: args.write.expected_revision,
        reason: args.write.reason,
    };
    let reply = globals.plane().await?.access().create_token(request).await?.into_inner();
    globals.output().reply(&reply)?;
    args.write.wait.until_signed(globals, reply.revision, "").await
}
