//! `countersign env update`

use clap::Args;
use countersign_proto::v1::{Environment, UpdateEnvironmentRequest};

use crate::args::{Globals, WriteArgs, mask};
use crate::failure::Failure;

/// Rename an environment, or change its remark
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign env update STAGING --name PREVIEW
  countersign env update STAGING --remark ''")]
pub(crate) struct Update {
    /// Name or id
    #[arg(value_name = "ENV")]
    environment: String,

    /// The new name
    #[arg(long)]
    name: Option<String>,

    /// The new remark; empty for none
    #[arg(long, value_name = "TEXT")]
    remark: Option<String>,

    #[command(flatten)]
    write: WriteArgs,
}

pub(super) async fn run(args: Update, globals: &Globals) -> Result<(), Failure> {
    let given = [("name", args.name.is_some()), ("remark", args.remark.is_some())];
    let request = UpdateEnvironmentRequest {
        update_mask: mask(&given, "--name, --remark")?,
        environment: Some(Environment {
            id: args.environment,
            name: args.name.unwrap_or_default(),
            remark: args.remark.unwrap_or_default(),
            ..Default::default()
        }),
        request_id: args.write.request_id,
        expected_revision: args.write.expected_revision,
        reason: args.write.reason,
    };
    let reply =
        globals.plane().await?.environments().update_environment(request).await?.into_inner();
    globals.output().reply(&reply)?;
    args.write.wait.until_signed(globals, reply.revision, "").await
}
