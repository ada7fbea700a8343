//! `countersign group update`

use clap::Args;
use countersign_proto::v1::{ApiGroup, UpdateApiGroupRequest};

use crate::args::{Globals, WriteArgs, mask};
use crate::failure::Failure;

/// Change an API group's name, domains or remark
///
/// Domains take effect at once, without publishing again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign group update shop --domain shop.example.com --domain shop.example.org
  countersign group update shop --no-domains
  countersign group update shop --name store")]
pub(crate) struct Update {
    /// Name or id
    #[arg(value_name = "GROUP")]
    group: String,

    /// The new name
    #[arg(long)]
    name: Option<String>,

    /// A domain; those given replace all that the group had
    #[arg(long = "domain", value_name = "DOMAIN", conflicts_with = "no_domains")]
    domains: Vec<String>,

    /// Take all domains away, so that the group answers on any host
    #[arg(long)]
    no_domains: bool,

    /// The new remark; empty for none
    #[arg(long, value_name = "TEXT")]
    remark: Option<String>,

    #[command(flatten)]
    write: WriteArgs,
}

pub(super) async fn run(args: Update, globals: &Globals) -> Result<(), Failure> {
    let given = [
        ("name", args.name.is_some()),
        ("domains", args.no_domains || !args.domains.is_empty()),
        ("remark", args.remark.is_some()),
    ];
    let request = UpdateApiGroupRequest {
        update_mask: mask(&given, "--name, --domain, --no-domains, --remark")?,
        api_group: Some(ApiGroup {
            id: args.group,
            name: args.name.unwrap_or_default(),
            domains: args.domains,
            remark: args.remark.unwrap_or_default(),
            ..Default::default()
        }),
        request_id: args.write.request_id,
        expected_revision: args.write.expected_revision,
        reason: args.write.reason,
    };
    let reply = globals.plane().await?.api_groups().update_api_group(request).await?.into_inner();
    globals.output().reply(&reply)?;
    args.write.wait.until_signed(globals, reply.revision, "").await
}
