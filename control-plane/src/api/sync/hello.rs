//! What a node says of itself, parsed, and where it may go on.

use countersign_proto::convert::InvalidField;
use countersign_proto::v1;
use countersign_shared::id::EnvironmentId;
use countersign_shared::text::Actor;
use tonic::{Code, Status};

use crate::api::{Api, status};
use crate::decide::find_environment;
use crate::stream::{self, PROTOCOL_VERSION, PROTOCOL_VERSION_MIN, ResumeError};

/// What a node has said of itself, parsed.
pub(super) struct Hello {
    pub(super) environments: Vec<EnvironmentId>,
    /// The version that is spoken on the stream: the newest that both sides know.
    pub(super) protocol_version: u32,
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
        let protocol_version = spoken(hello.protocol_version)?;
        let view = api.engine.view();
        let find = |text: &String| Ok(find_environment(&view.state, text)?.fields.id);
        let environments: Result<_, _> = hello.environments.iter().map(find).collect();
        let environments = environments.map_err(status::of_rejection)?;
        Ok(Self { environments, protocol_version, resume: resume(api, hello)? })
    }
}

fn spoken(theirs: u32) -> Result<u32, Status> {
    stream::spoken(theirs).ok_or_else(|| {
        let message = format!(
            "this control plane speaks versions {PROTOCOL_VERSION_MIN} to {PROTOCOL_VERSION} of the protocol, \
             the node only up to {theirs}: upgrade the node"
        );
        let oldest = PROTOCOL_VERSION_MIN.to_string();
        let metadata = [("oldest", oldest), ("node", theirs.to_string())];
        status::status(Code::FailedPrecondition, "PROTOCOL_VERSION", message, metadata)
    })
}

/// Where the node goes on; one that proves that the log was rolled back is refused.
fn resume(api: &Api, hello: &v1::Hello) -> Result<Option<u64>, Status> {
    let head = match stream::resume(hello, api.log_id, &*api.history.reader) {
        Ok(resume) => return Ok(resume),
        Err(ResumeError::Read(error)) => return Err(status::of_history(&error.into())),
        Err(ResumeError::RolledBack { head }) => head,
    };
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
