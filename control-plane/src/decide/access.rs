//! Rules of grants and tokens.

use countersign_proto::convert::InvalidField;
use countersign_shared::access::{Grant, Role, Scope, TokenFields};
use countersign_shared::event::Event;
use countersign_shared::id::{GrantId, OperatorTokenId};
use countersign_shared::state::State;
use countersign_shared::text::Actor;

use super::resolve::not_found;
use super::{find_environment, find_group, within_quota};
use crate::command::{GrantedScope, Reference, WhichGrants};
use crate::rejection::Rejection;

/// For all operators together.
pub const GRANTS_MAX: u64 = 1_000;
pub const TOKENS_MAX: u64 = 1_000;

pub(super) fn grant(
    state: &State,
    id: GrantId,
    operator: &Actor,
    role: Role,
    scope: &GrantedScope,
) -> Result<Vec<Event>, Rejection> {
    let environments = Scope::of(all(&scope.environments, |text| {
        find_environment(state, text).map(|it| it.fields.id)
    })?);
    let groups =
        Scope::of(all(&scope.groups, |text| find_group(state, text).map(|it| it.fields.id))?);
    if !(role.may_be_scoped() || (environments.is_all() && groups.is_all())) {
        let rule = format!("{role} is granted for all environments and groups, or not at all");
        return Err(Rejection::InvalidFields(vec![InvalidField::new("grant.role", rule)]));
    }
    let grant = Grant { id, operator: operator.clone(), role, environments, groups };
    let same = |held: &&Grant| Grant { id, ..(*held).clone() } == grant;
    if let Some(held) = state.access().grants_of(operator).find(same) {
        return Err(Rejection::GrantExists { grant: held.id });
    }
    within_quota(state.access().grants().len(), GRANTS_MAX, "grants")?;
    Ok(vec![Event::AccessGranted(grant)])
}

fn all<T>(
    references: &[Reference],
    find: impl Fn(&str) -> Result<T, Rejection>,
) -> Result<Vec<T>, Rejection> {
    references.iter().map(|reference| find(&reference.0)).collect()
}

pub(super) fn revoke(state: &State, which: &WhichGrants) -> Result<Vec<Event>, Rejection> {
    let revoked =
        |grant: &Grant| Event::AccessRevoked { id: grant.id, operator: grant.operator.clone() };
    match which {
        WhichGrants::One(id) => match state.access().grants().get(id) {
            Some(granted) => Ok(vec![revoked(&granted.grant)]),
            None => Err(not_found("grant", &id.to_string())),
        },
        WhichGrants::AllOf(operator) => {
            let events: Vec<Event> = state.access().grants_of(operator).map(revoked).collect();
            if events.is_empty() {
                return Err(not_found("operator with a grant", operator.as_str()));
            }
            Ok(events)
        }
    }
}

pub(super) fn create_token(state: &State, fields: &TokenFields) -> Result<Vec<Event>, Rejection> {
    within_quota(state.access().tokens().len(), TOKENS_MAX, "tokens")?;
    Ok(vec![Event::TokenCreated(fields.clone())])
}

pub(super) fn revoke_token(state: &State, id: OperatorTokenId) -> Result<Vec<Event>, Rejection> {
    match state.access().tokens().get(&id) {
        Some(token) => {
            Ok(vec![Event::TokenRevoked { id, operator: token.fields.operator.clone() }])
        }
        None => Err(not_found("token", &id.to_string())),
    }
}
