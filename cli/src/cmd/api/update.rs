//! `countersign api update`

use clap::Args;
use countersign_proto::v1::{self, Api, UpdateApiRequest};

use super::backend_flags::{self, BackendFlags};
use super::backend_url::BackendUrl;
use super::choice::{BodyPolicy, MatchMode, Method, QueryMode};
use crate::args::{Globals, WriteArgs, mask};
use crate::failure::Failure;

const FLAGS: &str = "--name, --method, --path, --match, --body-policy, --query-mode, --websocket, \
    --remark";

/// Change an API's definition
///
/// Nodes serve the changed definition once it is published again. What is not given stays.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign api update shop/orders --timeout-ms 30000
  countersign api update shop/orders --backend http://10.0.0.3:9000 --backend-path ''
  countersign api publish shop/orders --env RELEASE     brings it into force")]
pub(crate) struct Update {
    /// Name, GROUP/NAME or id
    #[arg(value_name = "API")]
    api: String,

    /// The new name
    #[arg(long)]
    name: Option<String>,

    /// GET, POST, PUT, DELETE, HEAD, PATCH, OPTIONS or ANY
    #[arg(long, value_enum, ignore_case = true, hide_possible_values = true)]
    method: Option<Method>,

    /// Begins with `/`; whole segments may be `{param}`
    #[arg(long)]
    path: Option<String>,

    /// NORMAL: the whole path. SWA: a prefix of whole segments
    #[arg(long = "match", value_enum, ignore_case = true, value_name = "NORMAL|SWA")]
    #[arg(hide_possible_values = true)]
    match_mode: Option<MatchMode>,

    /// Where requests go: `http[s]://HOST[:PORT]`; those given replace all that the API had
    #[arg(long, value_name = "URL", num_args = 1..)]
    backend: Vec<BackendUrl>,

    #[command(flatten)]
    how: BackendFlags,

    /// What becomes of a body
    #[arg(long, value_enum, ignore_case = true, value_name = "required|auto|unsigned")]
    #[arg(hide_possible_values = true)]
    body_policy: Option<BodyPolicy>,

    /// Whether the query is normalised before it is signed, or forwarded raw
    #[arg(long, value_enum, ignore_case = true, value_name = "normalize|raw")]
    #[arg(hide_possible_values = true)]
    query_mode: Option<QueryMode>,

    /// Whether clients may upgrade a connection to a WebSocket
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "true|false")]
    #[arg(hide_possible_values = true)]
    websocket: Option<bool>,

    /// The new remark; empty for none
    #[arg(long, value_name = "TEXT")]
    remark: Option<String>,

    #[command(flatten)]
    write: WriteArgs,
}

pub(super) async fn run(args: Update, globals: &Globals) -> Result<(), Failure> {
    let wait = args.write.wait;
    let reply = globals.plane().await?.apis().update_api(request(args)?).await?.into_inner();
    globals.output().reply(&reply)?;
    wait.until_signed(globals, reply.revision, "").await
}

fn request(args: Update) -> Result<UpdateApiRequest, Failure> {
    let has_backend = !args.backend.is_empty();
    let mut given = vec![
        ("name", args.name.is_some()),
        ("remark", args.remark.is_some()),
        ("method", args.method.is_some()),
        ("path", args.path.is_some()),
        ("match_mode", args.match_mode.is_some()),
        ("backend.scheme", has_backend),
        ("backend.targets", has_backend),
        ("body_policy", args.body_policy.is_some()),
        ("query_mode", args.query_mode.is_some()),
        ("websocket", args.websocket.is_some()),
    ];
    given.extend(args.how.given());
    let update_mask = mask(&given, &format!("{FLAGS}, {}", backend_flags::FLAGS))?;
    Ok(UpdateApiRequest {
        api: Some(Api {
            id: args.api,
            name: args.name.unwrap_or_default(),
            remark: args.remark.unwrap_or_default(),
            method: args.method.map(v1::Method::from).unwrap_or_default().into(),
            path: args.path.unwrap_or_default(),
            match_mode: args.match_mode.map(v1::MatchMode::from).unwrap_or_default().into(),
            backend: Some(args.how.backend(args.backend)?),
            body_policy: args.body_policy.map(v1::BodyPolicy::from).unwrap_or_default().into(),
            query_mode: args.query_mode.map(v1::QueryMode::from).unwrap_or_default().into(),
            websocket: args.websocket.unwrap_or_default(),
            ..Default::default()
        }),
        update_mask,
        request_id: args.write.request_id,
        expected_revision: args.write.expected_revision,
        reason: args.write.reason,
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        update: Update,
    }

    fn requested(line: &str) -> Result<UpdateApiRequest, Failure> {
        request(Line::parse_from(line.split(' ')).update)
    }

    #[test]
    fn the_mask_is_built_from_the_flags_given() {
        let line = "update shop/orders --backend http://a:1 http://b:2 --timeout-ms 0 --match swa";
        let request = requested(line).unwrap();
        assert_eq!(
            request.update_mask.unwrap().paths,
            ["match_mode", "backend.scheme", "backend.targets", "backend.timeout_ms"]
        );
        let api = request.api.unwrap();
        assert_eq!((api.id.as_str(), api.match_mode()), ("shop/orders", v1::MatchMode::Swa));
        assert_eq!(api.backend.unwrap().targets, ["a:1", "b:2"]);
    }

    #[test]
    fn a_part_of_tls_and_a_check_are_named_by_themselves() {
        let line = "update a --backend-server-name= --health-path /up --websocket --retries 1";
        let request = requested(line).unwrap();
        let named = request.update_mask.unwrap().paths;
        let expected =
            ["websocket", "backend.retries", "backend.tls.server_name", "backend.health_check"];
        assert_eq!(named, expected);
        assert!(request.api.unwrap().websocket);
        assert!(!requested("update a --websocket false").unwrap().api.unwrap().websocket);
    }

    #[test]
    fn an_update_of_nothing_is_wrong_usage() {
        assert!(matches!(requested("update shop/orders"), Err(Failure::Usage(_))));
    }
}
