//! `countersign operator grant`

use clap::{Args, ValueEnum};
use countersign_proto::v1::{self, GrantAccessRequest, OperatorRole};

use crate::args::{Globals, WriteArgs};
use crate::failure::Failure;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Sees what is there
    Viewer,
    /// Sees what was, too, and who did it
    Auditor,
    /// Publishes and takes offline, binds and unbinds
    Operator,
    /// Creates, renames, rotates and deletes signature keys
    KeyAdmin,
    /// Does everything
    Admin,
}

/// Give an operator a role, everywhere or for some environments and groups
///
/// An operator is a name: that of a certificate, or of a token. What it may do is what all its grants
/// allow together.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign operator grant ann --role admin
  countersign operator grant bob --role operator --env STAGING --group shop
  countersign operator grant ci@example.com --role viewer")]
pub(crate) struct Grant {
    /// 1–128 visible characters, as a certificate or a token names the operator
    #[arg(value_name = "NAME")]
    operator: String,

    /// What it may do
    #[arg(long, value_enum)]
    role: Role,

    /// Only in this environment, by name or id; repeat for several
    #[arg(long = "env", alias = "environment", value_name = "ENV", value_delimiter = ',')]
    environments: Vec<String>,

    /// Only for the APIs of this group, by name or id; repeat for several
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,

    #[command(flatten)]
    write: WriteArgs,
}

pub(super) async fn run(args: Grant, globals: &Globals) -> Result<(), Failure> {
    let role = match args.role {
        Role::Viewer => OperatorRole::Viewer,
        Role::Auditor => OperatorRole::Auditor,
        Role::Operator => OperatorRole::Operator,
        Role::KeyAdmin => OperatorRole::KeyAdmin,
        Role::Admin => OperatorRole::Admin,
    };
    let request = GrantAccessRequest {
        grant: Some(v1::Grant {
            operator: args.operator,
            role: role.into(),
            environments: args.environments,
            api_groups: args.groups,
            ..v1::Grant::default()
        }),
        request_id: args.write.request_id,
        expected_revision: args.write.expected_revision,
        reason: args.write.reason,
    };
    let reply = globals.plane().await?.access().grant_access(request).await?.into_inner();
    globals.output().reply(&reply)?;
    args.write.wait.until_signed(globals, reply.revision, "").await
}
