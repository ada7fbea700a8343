//! What a node says of itself, parsed, and where it may go on.

use countersign_proto::convert::InvalidField;
use countersign_proto::v1;
use countersign_shared::id::{EnvironmentId, LogId};
use countersign_shared::text::Actor;
use tonic::{Code, Status};

use super::PROTOCOL_VERSION;
use crate::api::{Api, status};
use crate::decide::find_environment;

/// What a node has said of itself, parsed.
pub(super) struct Hello {
    pub(super) environments: Vec<EnvironmentId>,
    /// The revision it can resume from: of this log, and with our hash.
    pub(super) resume: Option<u64>,
}

impl Hello {
    pub(super) fn parse(api: &Api, hello: &v1::Hello) -> Result<Self, Status> {
        let mut bad = Vec::new();
        for (field, text) in [("hello.node", &hello.node), ("hello.instance", &hello.instance)] {
            if let Err(error) = Actor::parse(text) {
                bad.push(InvalidField::new(field, error));
            }
        }
        if hello.environments.is_empty() {
            bad.push(InvalidField::new("hello.environments", "at least one"));
        }
        if !bad.is_empty() {
            return Err(status::invalid(bad));
        }
        if hello.protocol_version < PROTOCOL_VERSION {
            let message = format!(
                "this control plane speaks version {PROTOCOL_VERSION} of the protocol, the node only up to {}: upgrade the node",
                hello.protocol_version
            );
            return Err(status::status(Code::FailedPrecondition, "PROTOCOL_VERSION", message, []));
        }
        let view = api.engine.view();
        let find = |text: &String| Ok(find_environment(&view.state, text)?.fields.id);
        let environments: Result<_, _> = hello.environments.iter().map(find).collect();
        let environments = environments.map_err(status::of_rejection)?;
        Ok(Self { environments, resume: resume(api, hello)? })
    }
}

/// Where the node goes on. A node that has seen more of this log than there is, or something else
/// than there is, proves that the log was rolled back or rewritten: it is not served.
fn resume(api: &Api, hello: &v1::Hello) -> Result<Option<u64>, Status> {
    if hello.log_id.parse::<LogId>().ok() != Some(api.log_id) || hello.revision == 0 {
        return Ok(None);
    }
    let ours =
        api.history.reader.hash_at(hello.revision).map_err(|e| status::of_history(&e.into()))?;
    if ours.is_some_and(|hash| hash.as_bytes().as_slice() == hello.hash) {
        return Ok(Some(hello.revision));
    }
    let head = api.history.reader.head().revision;
    let message = format!(
        "node {} has seen revision {} of this log, which ends at {head} or differs there: the log was rolled back \
         or rewritten. Restore the newer one, or start the node afresh if this is meant",
        hello.node, hello.revision
    );
    tracing::error!(
        node = hello.node,
        revision = hello.revision,
        head,
        "LOG_ROLLED_BACK: a node has seen another history of this log"
    );
    let metadata = [("node_revision", hello.revision.to_string()), ("revision", head.to_string())];
    Err(status::status(Code::FailedPrecondition, "LOG_ROLLED_BACK", message, metadata))
}
