//! Why a command was not carried out: one variant for each thing a caller can do differently.
//! `api/status.rs` alone turns these into gRPC statuses.

use countersign_proto::convert::InvalidField;
use countersign_shared::access::Right;
use countersign_shared::id::{ApiId, GrantId, KeyId};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    #[error("invalid fields: {}", join(.0))]
    InvalidFields(Vec<InvalidField>),
    #[error("there is no {kind} `{reference}`; name it by id or by name")]
    NotFound { kind: &'static str, reference: String },
    #[error("no signature key is bound to API `{api}` in environment `{environment}`")]
    NotBound { api: String, environment: String },
    #[error("{count} groups have an API named `{name}`: say `group/{name}` or give its id")]
    AmbiguousName { name: String, count: usize },
    #[error("the name `{name}` is taken by another {kind}")]
    NameTaken { kind: &'static str, name: String },
    #[error("the domain `{domain}` belongs to group `{group}`")]
    DomainTaken { domain: String, group: String },
    #[error("the key `{key}` is taken by signature key `{name}`")]
    KeyTaken { key: String, name: String },
    #[error(
        "API `{name}` answers {route} already; change method, path or match mode, or give one of the groups a domain of its own"
    )]
    RouteTaken { api: ApiId, name: String, route: String },
    #[error("there are {limit} {what} already, and no more are allowed here")]
    QuotaExceeded { what: &'static str, limit: u64 },
    #[error("RELEASE exists from the start and keeps its name")]
    EnvironmentPermanent,
    #[error(
        "environment `{name}` is in use (published APIs: {publications}, bindings: {bindings}): take them offline and unbind them first"
    )]
    EnvironmentInUse { name: String, publications: usize, bindings: usize },
    #[error("group `{name}` is not empty (APIs: {apis}): delete them first")]
    GroupNotEmpty { name: String, apis: usize },
    #[error("API `{name}` is published in {environments}: take it offline first, or force")]
    ApiStillPublished { name: String, environments: String },
    #[error("API `{name}` is still bound (environments: {bindings}): unbind it first, or force")]
    ApiStillBound { name: String, bindings: usize },
    #[error("API `{api}` is not published in environment `{environment}`: publish it first")]
    ApiNotPublished { api: String, environment: String },
    #[error(
        "API `{api}` is bound to signature key `{key_name}` in environment `{environment}`: unbind that, or replace it"
    )]
    ApiAlreadyBound { api: String, environment: String, key: KeyId, key_name: String },
    #[error("signature key `{name}` is still bound (APIs: {bindings}): unbind it first, or force")]
    KeyStillBound { name: String, bindings: u32 },
    #[error(
        "this would make {events} events at once, at most {events_max} are allowed: unbind in smaller steps first"
    )]
    TooManyEvents { events: usize, events_max: usize },
    #[error("the log is at revision {found}, not at {expected}: read again and decide again")]
    RevisionMismatch { expected: u64, found: u64 },
    #[error("request id `{request_id}` was used for another request: take a new one")]
    RequestIdReused { request_id: String },
    #[error("this token is not known here: make one with `countersign node token create`")]
    NodeTokenUnknown,
    #[error("the token has expired: make another with `countersign node token create`")]
    NodeTokenExpired,
    #[error(
        "the token has been used: each is good for one node, which is revoked with `countersign node revoke`"
    )]
    NodeTokenSpent,
    #[error("the token is not good for the name `{node}`: take the name that it was made for")]
    NodeNameRefused { node: String },
    #[error(
        "the name `{node}` is or was somebody's: take another, or make a token for it with \
         `countersign node token create --node {node}`"
    )]
    NodeNameTaken { node: String },
    #[error("this key was enrolled before: make a new one")]
    NodeKeyUsed,
    #[error(
        "node {node} is revoked: let it make a new key, and enrol it with a token that names it"
    )]
    NodeRevoked { node: String },
    #[error("the operator has this role in this scope already: grant {grant}")]
    GrantExists { grant: GrantId },
    #[error("`{operator}` has no right to {right} {scope}: an admin can grant it")]
    NotPermitted { operator: String, right: Right, scope: String },
    #[error("{0}")]
    Unimplemented(&'static str),
}

fn join(fields: &[InvalidField]) -> String {
    fields.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
