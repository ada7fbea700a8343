//! Tokens of nodes and enrolled nodes, as events and snapshots have them, and back.

use std::sync::Arc;

use countersign_shared::id::TokenId;
use countersign_shared::node::{
    Enrolment, NodeRole, NodeScope, NodeTokenFields, PublicKeyDigest, TokenHash,
};
use countersign_shared::stamp::Stamp;
use countersign_shared::text::NodeName;

use super::parts::{id, text};
use super::{InvalidField, time_ms, timestamp};
use crate::v1;

pub(super) fn token_to_proto(fields: &NodeTokenFields) -> v1::NodeTokenCreated {
    v1::NodeTokenCreated {
        id: fields.id.to_string(),
        hash: fields.hash.0.to_vec(),
        relay: fields.role == NodeRole::Relay,
        node: fields.node.as_ref().map(ToString::to_string).unwrap_or_default(),
        environments: scope_to_proto(&fields.scope),
        expire_time: Some(timestamp(fields.expires_ms)),
    }
}

pub(super) fn token_from_proto(m: &v1::NodeTokenCreated) -> Result<NodeTokenFields, InvalidField> {
    let expires =
        m.expire_time.as_ref().ok_or_else(|| InvalidField::new("expire_time", "missing"))?;
    let node = match m.node.as_str() {
        "" => None,
        name => Some(text("node", NodeName::parse(name))?),
    };
    Ok(NodeTokenFields {
        id: id("id", &m.id)?,
        hash: TokenHash(digest("hash", &m.hash)?),
        role: role(m.relay),
        node,
        scope: scope_from_proto(&m.environments)?,
        expires_ms: time_ms("expire_time", expires)?,
    })
}

pub(super) fn enrolled_to_proto(
    node: &NodeName,
    role: NodeRole,
    token: TokenId,
    scope: &NodeScope,
    key: PublicKeyDigest,
) -> v1::NodeEnrolled {
    v1::NodeEnrolled {
        node: node.to_string(),
        relay: role == NodeRole::Relay,
        token: token.to_string(),
        environments: scope_to_proto(scope),
        public_key_digest: key.0.to_vec(),
    }
}

pub(super) fn enrolled_from_proto(
    m: &v1::NodeEnrolled,
    enrolled: Stamp,
) -> Result<(NodeName, Enrolment), InvalidField> {
    let enrolment = Enrolment {
        role: role(m.relay),
        token: id("token", &m.token)?,
        scope: scope_from_proto(&m.environments)?,
        key: PublicKeyDigest(digest("public_key_digest", &m.public_key_digest)?),
        enrolled,
    };
    Ok((text("node", NodeName::parse(&m.node))?, enrolment))
}

pub(super) fn digest(field: &str, bytes: &[u8]) -> Result<[u8; 32], InvalidField> {
    bytes.try_into().map_err(|_| InvalidField::new(field, "not 32 bytes"))
}

fn role(is_relay: bool) -> NodeRole {
    if is_relay { NodeRole::Relay } else { NodeRole::Node }
}

/// A scope of no environments cannot be made, so that none of them means all.
fn scope_to_proto(scope: &NodeScope) -> Vec<String> {
    scope.named().iter().map(ToString::to_string).collect()
}

fn scope_from_proto(ids: &[String]) -> Result<NodeScope, InvalidField> {
    let ids = ids.iter().map(|text| id("environments", text)).collect::<Result<Arc<[_]>, _>>()?;
    Ok(if ids.is_empty() { NodeScope::All } else { NodeScope::Only(ids) })
}
