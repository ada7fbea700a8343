//! `countersign group create`

use clap::Args;
use countersign_proto::v1::{ApiGroup, CreateApiGroupRequest};

use crate::args::{Globals, WriteArgs};
use crate::failure::Failure;

/// Make an API group
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign group create shop
  countersign group create shop --domain shop.example.com --domain www.example.com")]
pub(crate) struct Create {
    /// 3–255 characters: a letter or digit, then letters, digits, space and `-_.:()`
    name: String,

    /// A host name under which the group's APIs are called, without port; repeat for several.
    /// A group without domains answers on any host
    #[arg(long = "domain", value_name = "DOMAIN")]
    domains: Vec<String>,

    /// At most 255 characters
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    remark: String,

    #[command(flatten)]
    write: WriteArgs,
}

pub(super) async fn run(args: Create, globals: &Globals) -> Result<(), Failure> {
    let request = CreateApiGroupRequest {
        api_group: Some(ApiGroup {
            name: args.name,
            domains: args.domains,
            remark: args.remark,
            ..Default::default()
        }),
        request_id: args.write.request_id,
        expected_revision: args.write.expected_revision,
        reason: args.write.reason,
    };
    let reply = globals.plane().await?.api_groups().create_api_group(request).await?.into_inner();
    globals.output().reply(&reply)?;
    args.write.wait.until_signed(globals, reply.revision, "").await
}
