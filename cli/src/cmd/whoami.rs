//! `countersign whoami`

use clap::Args;
use countersign_proto::v1::{WhoAmIRequest, WhoAmIResponse};
use serde_json::Value;

use crate::args::Globals;
use crate::cmd::operator::described;
use crate::failure::Failure;
use crate::json;
use crate::output::time;

/// Tell who the control plane takes you for, and what you may do
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign whoami
  countersign whoami --token-file ann.token -o json | jq -r '.rights[]'")]
pub(crate) struct WhoAmI {}

pub(super) async fn run(_: WhoAmI, globals: &Globals) -> Result<(), Failure> {
    let reply = globals.plane().await?.access().who_am_i(WhoAmIRequest {}).await?.into_inner();
    let value = Value::Object(json::object(&reply)?);
    globals.output().value(&value, || told(&reply))
}

fn told(me: &WhoAmIResponse) -> String {
    let until = match &me.expires {
        Some(_) => format!(", until {}", time(me.expires.as_ref())),
        None => String::new(),
    };
    let rights = if me.rights.is_empty() { "nothing".to_owned() } else { me.rights.join(", ") };
    let mut lines = vec![format!("{} by {}{until}", me.operator, me.by), format!("may {rights}")];
    lines.extend(me.grants.iter().map(described));
    lines.join("\n") + "\n"
}
