//! What a node says of itself, parsed, and where it may go on.

use countersign_proto::convert::InvalidField;
use countersign_proto::v1;
use countersign_shared::id::EnvironmentId;
use countersign_shared::node::{Enrolment, NodeScope};
use countersign_shared::text::Actor;
use countersign_transport::{Identity, Role};
use tonic::{Code, Status};

use super::forbidden::Guard;
use super::status;
use crate::source::{Refused, ServedEnvironment, Source, Unserved};
use crate::stream::{PROTOCOL_VERSION, PROTOCOL_VERSION_MIN, spoken};

/// What a node has said of itself, parsed.
pub(super) struct Hello {
    pub(super) served: Vec<ServedEnvironment>,
    /// The version that is spoken on the stream: the newest that both sides know.
    pub(super) protocol_version: u32,
    /// The revision it can resume from: of this log, and with our hash.
    pub(super) resume: Option<u64>,
}

impl Hello {
    pub(super) fn parse(
        source: &impl Source,
        guard: &Guard,
        hello: &v1::Hello,
    ) -> Result<Self, Status> {
        source.is_there().map_err(|why| refused(hello, why))?;
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
        let protocol_version = agreed(hello.protocol_version)?;
        let view = source.view();
        let find = |text: &String| find(source, guard, &view, (&hello.node, text));
        let served = hello.environments.iter().map(find).collect::<Result<_, _>>()?;
        let resume = source.resume(hello).map_err(|why| refused(hello, why))?;
        Ok(Self { served, protocol_version, resume })
    }
}

/// The environment that a node asks for. One that is not for it is refused, be it there or not.
pub(super) fn find<S: Source>(
    source: &S,
    guard: &Guard,
    view: &S::View,
    (node, text): (&str, &str),
) -> Result<ServedEnvironment, Status> {
    let found = source.environment(view, text);
    let id = found.as_ref().map(|found| found.id.to_string());
    let names: &[&str] = match (&found, &id) {
        (Ok(found), Ok(id)) => &[id, &found.name],
        _ => &[text],
    };
    let known = source.known_node(view, node);
    match known.as_ref().and_then(|known| known.enrolment.as_ref()) {
        None => guard.check(node, names)?,
        Some(Enrolment { scope, .. }) => {
            let allows = match &found {
                Ok(found) => scope.allows(found.id),
                Err(_) => *scope == NodeScope::All,
            };
            guard.check_enrolled(node, names, allows, || {
                let name = |id: &EnvironmentId| {
                    let id = id.to_string();
                    source.environment(view, &id).map_or(id, |found| found.name)
                };
                scope.named().iter().map(name).collect::<Vec<_>>().join(",")
            })?;
        }
    }
    found.map_err(unserved)
}

/// A node is who its certificate says, and only a relay's makes a relay. Without one, in clear text,
/// it is who it says.
pub(super) fn check_identity(identity: Option<&Identity>, hello: &v1::Hello) -> Result<(), Status> {
    let Some(identity) = identity else { return Ok(()) };
    let role = if hello.relay { Role::Relay } else { Role::Node };
    if identity.role == role && identity.name == hello.node {
        return Ok(());
    }
    Err(another(identity, role, &hello.node))
}

/// A node asks for keys of its own; a relay does for the nodes behind it.
pub(super) fn check_asker(
    identity: Option<&Identity>,
    asked: &v1::DeliverKeysRequest,
) -> Result<(), Status> {
    let Some(identity) = identity else { return Ok(()) };
    match identity.role {
        Role::Relay => Ok(()),
        Role::Node if identity.name == asked.node => Ok(()),
        Role::Node | Role::Operator => Err(another(identity, Role::Node, &asked.node)),
    }
}

fn another(identity: &Identity, role: Role, said: &str) -> Status {
    let said: String = said.chars().take(300).collect();
    let flag = if role == Role::Relay { "--name" } else { "--node" };
    let message = format!(
        "the {role} calls itself `{said}`, and its certificate names {identity}: start the {role} \
         with the name of its certificate ({flag}), which has the SAN URI:countersign://{role}/NAME"
    );
    tracing::warn!(%identity, node = said, "NODE_IDENTITY: a node with the certificate of another");
    let metadata = [("node", said), ("identity", identity.to_string())];
    status::status(Code::PermissionDenied, "NODE_IDENTITY", message, metadata)
}

fn agreed(theirs: u32) -> Result<u32, Status> {
    spoken(theirs).ok_or_else(|| {
        let message = format!(
            "this control plane speaks versions {PROTOCOL_VERSION_MIN} to {PROTOCOL_VERSION} of the protocol, \
             the node only up to {theirs}: upgrade the node"
        );
        let oldest = PROTOCOL_VERSION_MIN.to_string();
        let metadata = [("oldest", oldest), ("node", theirs.to_string())];
        status::status(Code::FailedPrecondition, "PROTOCOL_VERSION", message, metadata)
    })
}

pub(super) fn unserved(unserved: Unserved) -> Status {
    let message = unserved.to_string();
    let metadata = [("kind", "environment".to_owned()), ("reference", unserved.reference)];
    status::status(Code::NotFound, "NOT_FOUND", message, metadata)
}

/// A node that proves that the log was rolled back is not served, and told of once, here.
fn refused(hello: &v1::Hello, why: Refused) -> Status {
    let head = match why {
        Refused::RolledBack { head } => head,
        Refused::Behind { .. } | Refused::NotYet => {
            let reason = if matches!(why, Refused::NotYet) { "NOT_READY" } else { "BEHIND" };
            return status::status(Code::Unavailable, reason, why.to_string(), []);
        }
        Refused::Damaged(error) => {
            tracing::error!(error, "the log cannot be read");
            return status::status(Code::DataLoss, "LOG_DAMAGED", error, []);
        }
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
    status::status(Code::FailedPrecondition, "LOG_ROLLED_BACK", message, metadata)
}
