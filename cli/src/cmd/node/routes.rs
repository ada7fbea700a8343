//! `countersign node routes`

use std::fmt::Write as _;

use clap::Args;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::args::Globals;
use crate::failure::Failure;
use crate::node_status::NodeStatus;
use crate::paging::PageArgs;

const COLUMNS: &[&str] =
    &["ENVIRONMENT", "DOMAINS", "METHOD", "PATH", "MATCH", "TARGETS", "KEY", "SECRET", "API ID"];

/// List what a node routes and signs: its table as it stands, asked of the node itself
///
/// Of secrets it shows fingerprints, the same as `key get`, and of keys their text.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign node routes
  countersign node routes --node-status http://10.0.0.7:8081 --env RELEASE --unsigned
  countersign node routes --contains /orders -o json | jq '.[].backend.targets'")]
pub(crate) struct Routes {
    /// The node's status listener
    #[arg(long, value_name = "URL", env = "COUNTERSIGN_NODE_STATUS", hide_env_values = true)]
    #[arg(default_value = "http://127.0.0.1:8081")]
    node_status: String,

    /// Only those of this environment: its name
    #[arg(long, alias = "environment", value_name = "ENV")]
    #[arg(default_value = "", hide_default_value = true)]
    env: String,

    /// Only those whose path or domain contains this
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    contains: String,

    /// Only those of this method, which may be ANY
    #[arg(long, value_name = "METHOD", default_value = "", hide_default_value = true)]
    method: String,

    /// Only those that are signed with this key
    #[arg(long, value_name = "KEY", default_value = "", hide_default_value = true)]
    key: String,

    /// Only those that are signed
    #[arg(long, conflicts_with = "unsigned")]
    signed: bool,

    /// Only those that are not signed
    #[arg(long)]
    unsigned: bool,

    #[command(flatten)]
    page: PageArgs,
}

#[derive(Debug, Deserialize)]
struct Page {
    routes: Vec<Map<String, Value>>,
    next_page_token: String,
}

pub(super) async fn run(args: Routes, globals: &Globals) -> Result<(), Failure> {
    let node = NodeStatus::at(&args.node_status)?;
    let query = args.query();
    let mut list = globals.output().list(COLUMNS);
    let fetch = async |page_size: i32, page_token: String| {
        let path = format!("/routes?page_size={page_size}&page_token={page_token}{query}");
        let page: Page = node.get(&path).await?;
        Ok((page.routes, page.next_page_token))
    };
    args.page.each(fetch, async |route| list.element(&route, row)).await?;
    list.finish()
}

impl Routes {
    /// The filters that were given, each after a `&`.
    fn query(&self) -> String {
        let bound = match (self.signed, self.unsigned) {
            (true, _) => "true",
            (_, true) => "false",
            _ => "",
        };
        let mut query = String::new();
        for (name, value) in [
            ("environment", self.env.as_str()),
            ("contains", &self.contains),
            ("method", &self.method),
            ("key", &self.key),
            ("bound", bound),
        ] {
            if !value.is_empty() {
                let _ = write!(query, "&{name}=");
                value.bytes().for_each(|byte| escape(&mut query, byte));
            }
        }
        query
    }
}

/// Whatever could mean something in a query is written as its number.
fn escape(query: &mut String, byte: u8) {
    if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
        query.push(char::from(byte));
    } else {
        let _ = write!(query, "%{byte:02X}");
    }
}

fn row(route: &Map<String, Value>) -> Vec<String> {
    let text = |value: Option<&Value>| match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(all)) => {
            all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
        }
        _ => String::new(),
    };
    let inner = |outer: &str, name: &str| text(route.get(outer).and_then(|outer| outer.get(name)));
    let or = |text: String, otherwise: &str| if text.is_empty() { otherwise.into() } else { text };
    vec![
        text(route.get("environment")),
        or(text(route.get("domains")), "*"),
        text(route.get("method")),
        text(route.get("path")),
        text(route.get("match_mode")),
        inner("backend", "targets"),
        or(inner("signature_key", "key"), "-"),
        or(inner("signature_key", "secret_fingerprint"), "-"),
        text(route.get("api_id")),
    ]
}
