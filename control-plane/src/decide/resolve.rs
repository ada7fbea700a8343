//! From what a caller wrote to the resource that is meant: an id first, then a name.

use std::sync::Arc;

use countersign_shared::id::{ApiId, EnvironmentId, GroupId, KeyId};
use countersign_shared::key::SignatureKey;
use countersign_shared::state::{Api, Environment, Group, State};
use countersign_shared::text::{ApiName, EnvironmentName, GroupName, KeyName};

use crate::rejection::Rejection;

pub fn find_environment<'a>(
    state: &'a State,
    text: &str,
) -> Result<&'a Arc<Environment>, Rejection> {
    let by_id = text.parse::<EnvironmentId>().ok().and_then(|id| state.environments().get(&id));
    let by_name = || {
        let id = state.index().environment_named(&EnvironmentName::parse(text).ok()?)?;
        state.environments().get(&id)
    };
    by_id.or_else(by_name).ok_or_else(|| not_found("environment", text))
}

pub fn find_group<'a>(state: &'a State, text: &str) -> Result<&'a Arc<Group>, Rejection> {
    let by_id = text.parse::<GroupId>().ok().and_then(|id| state.groups().get(&id));
    let by_name = || state.groups().get(&state.index().group_named(&GroupName::parse(text).ok()?)?);
    by_id.or_else(by_name).ok_or_else(|| not_found("API group", text))
}

/// An id, `group/name`, or a name that only one group has.
pub fn find_api<'a>(state: &'a State, text: &str) -> Result<&'a Arc<Api>, Rejection> {
    if let Some(api) = text.parse::<ApiId>().ok().and_then(|id| state.apis().get(&id)) {
        return Ok(api);
    }
    if let Some((group, name)) = text.split_once('/') {
        let group = find_group(state, group)?.fields.id;
        let name = ApiName::parse(name).map_err(|_| not_found("API", text))?;
        let id = state.index().api_named(group, &name);
        return id.and_then(|id| state.apis().get(&id)).ok_or_else(|| not_found("API", text));
    }
    let name = ApiName::parse(text).map_err(|_| not_found("API", text))?;
    let mut named = state.index().apis_named(&name);
    let found =
        named.next().and_then(|id| state.apis().get(&id)).ok_or_else(|| not_found("API", text))?;
    match named.count() {
        0 => Ok(found),
        others => Err(Rejection::AmbiguousName { name: text.to_owned(), count: others + 1 }),
    }
}

pub fn find_key<'a>(state: &'a State, text: &str) -> Result<&'a Arc<SignatureKey>, Rejection> {
    let by_id = text.parse::<KeyId>().ok().and_then(|id| state.keys().get(&id));
    let by_name = || state.keys().get(&state.index().key_named(&KeyName::parse(text).ok()?)?);
    by_id.or_else(by_name).ok_or_else(|| not_found("signature key", text))
}

pub(super) fn not_found(kind: &'static str, reference: &str) -> Rejection {
    Rejection::NotFound { kind, reference: reference.chars().take(300).collect() }
}
