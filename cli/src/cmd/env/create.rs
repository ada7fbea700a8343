//! `countersign env create`

use clap::Args;
use countersign_proto::v1::{CreateEnvironmentRequest, Environment};

use crate::args::{Globals, WriteArgs};
use crate::failure::Failure;

/// Make an environment
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign env create STAGING
  countersign env create STAGING --remark 'before release'")]
pub(crate) struct Create {
    /// 3–64 characters: a letter, then letters, digits and `_`
    name: String,

    /// At most 255 characters
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    remark: String,

    #[command(flatten)]
    write: WriteArgs,
}

pub(super) async fn run(args: Create, globals: &Globals) -> Result<(), Failure> {
    let request = CreateEnvironmentRequest {
        environment: Some(Environment {
            name: args.name,
            remark: args.remark,
            ..Default::default()
        }),
        request_id: args.write.request_id,
        expected_revision: args.write.expected_revision,
        reason: args.write.reason,
    };
    let reply =
        globals.plane().await?.environments().create_environment(request).await?.into_inner();
    globals.output().reply(&reply)?;
    args.write.wait.until_signed(globals, reply.revision, "").await
}
