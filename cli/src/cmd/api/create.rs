//! `countersign api create`

use clap::Args;
use countersign_proto::v1::{self, Api, CreateApiRequest};

use super::backend_flags::BackendFlags;
use super::backend_url::BackendUrl;
use super::choice::{BodyPolicy, MatchMode, Method, QueryMode};
use crate::args::{Globals, WriteArgs};
use crate::failure::Failure;

/// Make an API in a group
///
/// Nodes serve it once it is published: countersign api publish API --env ENV
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign api create orders --group shop --method GET --path '/orders/{id}' \\
      --backend http://127.0.0.1:9000
  countersign api create files --group shop --method ANY --path /files --match SWA \\
      --backend http://10.0.0.1:9000 http://10.0.0.2:9000 --backend-path /v2/files \\
      --body-policy auto
  countersign api create ledger --group shop --method POST --path /bank.Ledger/Post \\
      --backend https://ledger:8443 --backend-protocol http2 --backend-ca ca.pem \\
      --backend-identity gateway --body-policy unsigned --health-path /healthz")]
pub(crate) struct Create {
    /// 3–255 characters: a letter or digit, then letters, digits, space and `-_.:()`
    name: String,

    /// The group that it belongs to: its name or id
    #[arg(long)]
    group: String,

    /// GET, POST, PUT, DELETE, HEAD, PATCH, OPTIONS, or ANY for those that no other API names
    #[arg(long, value_enum, ignore_case = true, hide_possible_values = true)]
    method: Method,

    /// Begins with `/`; whole segments may be `{param}`
    #[arg(long)]
    path: String,

    /// NORMAL: the whole path. SWA: a prefix of whole segments, the rest is appended
    #[arg(long = "match", value_enum, ignore_case = true, value_name = "NORMAL|SWA")]
    #[arg(default_value = "NORMAL", hide_possible_values = true)]
    match_mode: MatchMode,

    /// Where requests go: `http://HOST[:PORT]` or `https://HOST[:PORT]`; of several, the one with
    /// less to do
    #[arg(long, value_name = "URL", required = true, num_args = 1..)]
    backend: Vec<BackendUrl>,

    #[command(flatten)]
    how: BackendFlags,

    /// What becomes of a body: required (signed), auto (signed up to the limit), unsigned
    #[arg(long, value_enum, ignore_case = true, value_name = "required|auto|unsigned")]
    #[arg(default_value = "required", hide_possible_values = true)]
    body_policy: BodyPolicy,

    /// Whether the query is normalised before it is signed, or forwarded raw
    #[arg(long, value_enum, ignore_case = true, value_name = "normalize|raw")]
    #[arg(default_value = "normalize", hide_possible_values = true)]
    query_mode: QueryMode,

    /// Let clients upgrade a connection to a WebSocket; the handshake is signed
    #[arg(long)]
    websocket: bool,

    /// At most 255 characters
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    remark: String,

    #[command(flatten)]
    write: WriteArgs,
}

pub(super) async fn run(args: Create, globals: &Globals) -> Result<(), Failure> {
    let request = CreateApiRequest {
        api: Some(Api {
            api_group: args.group,
            name: args.name,
            remark: args.remark,
            method: v1::Method::from(args.method).into(),
            path: args.path,
            match_mode: v1::MatchMode::from(args.match_mode).into(),
            backend: Some(args.how.backend(args.backend)?),
            body_policy: v1::BodyPolicy::from(args.body_policy).into(),
            query_mode: v1::QueryMode::from(args.query_mode).into(),
            websocket: args.websocket,
            ..Default::default()
        }),
        request_id: args.write.request_id,
        expected_revision: args.write.expected_revision,
        reason: args.write.reason,
    };
    let reply = globals.plane().await?.apis().create_api(request).await?.into_inner();
    globals.output().reply(&reply)?;
    args.write.wait.until_signed(globals, reply.revision, "").await
}
