//! `countersign operator list`

use clap::Args;
use countersign_proto::v1::{Grant, ListGrantsRequest};

use crate::args::Globals;
use crate::failure::Failure;
use crate::output::{enum_name, time};

const COLUMNS: &[&str] = &["OPERATOR", "ROLE", "ENVIRONMENTS", "GROUPS", "GRANTED", "GRANT"];

/// List who was granted which role, and where
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign operator list
  countersign operator list ann -o json")]
pub(crate) struct List {
    /// Only this operator's grants
    #[arg(value_name = "NAME", default_value = "", hide_default_value = true)]
    operator: String,
}

pub(super) async fn run(args: List, globals: &Globals) -> Result<(), Failure> {
    let request = ListGrantsRequest { operator: args.operator };
    let reply = globals.plane().await?.access().list_grants(request).await?.into_inner();
    let mut list = globals.output().list(COLUMNS);
    for grant in &reply.grants {
        list.push(grant, row)?;
    }
    list.finish()
}

/// A grant in one line, for whom it says who it is.
pub(in crate::cmd) fn described(grant: &Grant) -> String {
    let environments = scope(&grant.environments, &grant.environment_names);
    let groups = scope(&grant.api_groups, &grant.api_group_names);
    format!("{} in environments: {environments}; groups: {groups}", role(grant))
}

fn row(grant: &Grant) -> Vec<String> {
    vec![
        grant.operator.clone(),
        role(grant),
        scope(&grant.environments, &grant.environment_names),
        scope(&grant.api_groups, &grant.api_group_names),
        time(grant.granted.as_ref()),
        grant.id.clone(),
    ]
}

fn role(grant: &Grant) -> String {
    enum_name(grant.role().as_str_name()).to_lowercase().replace('_', "-")
}

/// Names where there are some; what is gone has its id alone.
fn scope(ids: &[String], names: &[String]) -> String {
    if ids.is_empty() {
        return "all".to_owned();
    }
    let named = ids.iter().zip(names).map(|(id, name)| if name.is_empty() { id } else { name });
    named.map(String::as_str).collect::<Vec<_>>().join(", ")
}
