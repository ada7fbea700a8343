//! `countersign token list`

use clap::Args;
use countersign_proto::v1::{ListTokensRequest, Token};

use crate::args::Globals;
use crate::failure::Failure;
use crate::output::time;

const COLUMNS: &[&str] = &["TOKEN", "OPERATOR", "EXPIRES", "LAST USED", "FROM", "REMARK"];

/// List tokens, when each was used last and from where
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign token list
  countersign token list ann -o json")]
pub(crate) struct List {
    /// Only this operator's tokens
    #[arg(value_name = "NAME", default_value = "", hide_default_value = true)]
    operator: String,
}

pub(super) async fn run(args: List, globals: &Globals) -> Result<(), Failure> {
    let request = ListTokensRequest { operator: args.operator };
    let reply = globals.plane().await?.access().list_tokens(request).await?.into_inner();
    let mut list = globals.output().list(COLUMNS);
    for token in &reply.tokens {
        list.push(token, row)?;
    }
    list.finish()
}

fn row(token: &Token) -> Vec<String> {
    let or_dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    vec![
        token.id.clone(),
        token.operator.clone(),
        time(token.expires.as_ref()),
        time(token.last_used.as_ref()),
        or_dash(&token.last_address),
        or_dash(&token.remark),
    ]
}
