//! Rules of tokens, enrolment and revocation.

use std::sync::Arc;

use countersign_shared::event::Event;
use countersign_shared::id::TokenId;
use countersign_shared::node::{NodeScope, NodeTokenFields, PublicKeyDigest, TokenHash};
use countersign_shared::state::{State, TOKEN_REMEMBERED_MS};
use countersign_shared::text::NodeName;

use super::{Limits, find_environment, within_quota};
use crate::command::Reference;
use crate::rejection::Rejection;

/// What a token lets its node ask for.
pub(super) fn scope(
    state: &State,
    environments: Option<&[Reference]>,
) -> Result<NodeScope, Rejection> {
    let Some(environments) = environments else { return Ok(NodeScope::All) };
    let id = |text: &Reference| Ok(find_environment(state, &text.0)?.fields.id);
    let mut ids = environments.iter().map(id).collect::<Result<Vec<_>, Rejection>>()?;
    ids.sort_unstable();
    ids.dedup();
    Ok(NodeScope::Only(Arc::from(ids)))
}

pub(super) fn create_token(
    state: &State,
    limits: &Limits,
    fields: NodeTokenFields,
    now_ms: i64,
) -> Result<Vec<Event>, Rejection> {
    let tokens = state.nodes().tokens().values();
    let is_kept = |expires_ms: i64| expires_ms.saturating_add(TOKEN_REMEMBERED_MS) >= now_ms;
    let kept = tokens.filter(|token| is_kept(token.fields.expires_ms)).count();
    within_quota(kept, limits.node_tokens_max, "node tokens")?;
    Ok(vec![Event::NodeTokenCreated(fields)])
}

pub(super) fn revoke_token(state: &State, id: TokenId) -> Result<Vec<Event>, Rejection> {
    let token = state.nodes().tokens().get(&id);
    let reference = id.to_string();
    let token = token.ok_or(Rejection::NotFound { kind: "node token", reference })?;
    if token.spent.is_some() {
        return Err(Rejection::NodeTokenSpent);
    }
    Ok(vec![Event::NodeTokenRevoked { id }])
}

/// A token is good for one key, once, in its time, under its name. A name that somebody has or had is
/// given by a token that says so alone, and a key is nobody's twice.
pub(super) fn enrol(
    state: &State,
    limits: &Limits,
    hash: TokenHash,
    (node, key): (&NodeName, PublicKeyDigest),
    is_seen: bool,
    now_ms: i64,
) -> Result<Vec<Event>, Rejection> {
    let nodes = state.nodes();
    let token = nodes.token_of(hash).ok_or(Rejection::NodeTokenUnknown)?;
    if let Some((by, _)) = &token.spent {
        let known = nodes.known().get(by);
        let enrolment = known.and_then(|known| known.enrolment.as_ref());
        let is_same =
            by == node && enrolment.is_some_and(|it| it.token == token.fields.id && it.key == key);
        return match known {
            // Its answer may have been lost.
            Some(known) if is_same && known.revoked.is_none() => {
                within(token.fields.expires_ms, now_ms)
            }
            Some(_) if is_same => Err(Rejection::NodeRevoked { node: node.to_string() }),
            _ => Err(Rejection::NodeTokenSpent),
        };
    }
    within(token.fields.expires_ms, now_ms)?;
    let is_named = match &token.fields.node {
        Some(name) if name != node => {
            return Err(Rejection::NodeNameRefused { node: node.to_string() });
        }
        name => name.is_some(),
    };
    if nodes.keys().contains_key(&key) {
        return Err(Rejection::NodeKeyUsed);
    }
    let known = nodes.known().get(node);
    let is_later = |revoked_at: u64| token.created.revision > revoked_at;
    let is_free = match known {
        Some(known) => is_named && known.revoked.is_none_or(|revoked| is_later(revoked.revision)),
        None => is_named || !is_seen,
    };
    if !is_free {
        return Err(Rejection::NodeNameTaken { node: node.to_string() });
    }
    if known.is_none() {
        within_quota(nodes.known().len(), limits.nodes_max, "nodes")?;
    }
    let NodeTokenFields { id, role, scope, .. } = &token.fields;
    Ok(vec![Event::NodeEnrolled {
        node: node.clone(),
        role: *role,
        token: *id,
        scope: scope.clone(),
        key,
    }])
}

fn within(expires_ms: i64, now_ms: i64) -> Result<Vec<Event>, Rejection> {
    if now_ms < expires_ms { Ok(vec![]) } else { Err(Rejection::NodeTokenExpired) }
}

pub(super) fn revoke(
    state: &State,
    limits: &Limits,
    node: &NodeName,
    is_seen: bool,
) -> Result<Vec<Event>, Rejection> {
    let known = state.nodes().known();
    match known.get(node) {
        Some(known) if known.revoked.is_some() => Ok(vec![]),
        Some(_) => Ok(vec![Event::NodeRevoked { node: node.clone() }]),
        None if is_seen => {
            within_quota(known.len(), limits.nodes_max, "nodes")?;
            Ok(vec![Event::NodeRevoked { node: node.clone() }])
        }
        None => Err(Rejection::NotFound { kind: "node", reference: node.to_string() }),
    }
}
