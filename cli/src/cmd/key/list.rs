//! `countersign key list`

use clap::Args;
use countersign_proto::v1::{self, ListSignatureKeysRequest, SignatureKey};

use super::key_type::KeyType;
use crate::args::{BoundFilter, Globals};
use crate::failure::Failure;
use crate::output::enum_name;
use crate::paging::PageArgs;

const COLUMNS: &[&str] = &["NAME", "TYPE", "KEY", "SECRET", "BOUND"];

/// List signature keys
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign key list
  countersign key list --type hmac --unbound
  countersign key list -o json | jq -r '.[] | select(.binding_count == 0).name'")]
pub(crate) struct List {
    /// Only those whose name contains this
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    name_contains: String,

    /// Only the one of exactly this name
    #[arg(long, default_value = "", hide_default_value = true)]
    name: String,

    /// Only those of this type
    #[arg(long = "type", value_enum, ignore_case = true, value_name = "hmac|basic")]
    #[arg(hide_possible_values = true)]
    key_type: Option<KeyType>,

    #[command(flatten)]
    bound: BoundFilter,

    #[command(flatten)]
    page: PageArgs,
}

pub(super) async fn run(args: List, globals: &Globals) -> Result<(), Failure> {
    let mut keys = globals.plane().await?.signature_keys();
    let mut list = globals.output().list(COLUMNS);
    let fetch = async |page_size, page_token| {
        let request = ListSignatureKeysRequest {
            page_size,
            page_token,
            name_contains: args.name_contains.clone(),
            name: args.name.clone(),
            r#type: args.key_type.map(v1::SignatureKeyType::from).unwrap_or_default().into(),
            bound: args.bound.wanted(),
            order_by: String::new(),
            count: false,
        };
        let reply = keys.list_signature_keys(request).await?.into_inner();
        Ok((reply.signature_keys, reply.next_page_token))
    };
    args.page.each(fetch, async |key| list.push(&key, row)).await?;
    list.finish()
}

fn row(key: &SignatureKey) -> Vec<String> {
    vec![
        key.name.clone(),
        enum_name(key.r#type().as_str_name()).to_owned(),
        key.key.clone(),
        format!("{} v{}", key.secret_fingerprint, key.secret_version),
        key.binding_count.to_string(),
    ]
}
