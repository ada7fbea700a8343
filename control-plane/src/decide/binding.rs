//! Rules of bindings: one signature key per API per environment.

use countersign_shared::event::Event;
use countersign_shared::state::State;

use super::{Limits, find_api, find_environment, find_key, within_quota};
use crate::command::Reference;
use crate::rejection::Rejection;

pub(super) fn bind(
    state: &State,
    limits: &Limits,
    key: &Reference,
    api: &Reference,
    environment: &Reference,
    replace: bool,
) -> Result<Vec<Event>, Rejection> {
    let key = find_key(state, &key.0)?.id;
    let api = &find_api(state, &api.0)?.fields;
    let environment = &find_environment(state, &environment.0)?.fields;
    let place = (environment.id, api.id);
    if !state.publications().contains_key(&place) {
        return Err(Rejection::ApiNotPublished {
            api: api.name.to_string(),
            environment: environment.name.to_string(),
        });
    }
    let Some(bound) = state.bindings().get(&place) else {
        within_quota(state.bindings().len(), limits.bindings_max, "bindings")?;
        return Ok(vec![Event::KeyBound { key, api: api.id, environment: environment.id }]);
    };
    if !replace {
        return Err(Rejection::ApiAlreadyBound {
            api: api.name.to_string(),
            environment: environment.name.to_string(),
            key: bound.key,
            key_name: state.keys().get(&bound.key).map(|k| k.name.to_string()).unwrap_or_default(),
        });
    }
    if bound.key == key {
        return Ok(vec![]);
    }
    Ok(vec![Event::KeyRebound {
        key,
        former_key: bound.key,
        api: api.id,
        environment: environment.id,
    }])
}

pub(super) fn unbind(
    state: &State,
    api: &Reference,
    environment: &Reference,
) -> Result<Vec<Event>, Rejection> {
    let api = &find_api(state, &api.0)?.fields;
    let environment = &find_environment(state, &environment.0)?.fields;
    match state.bindings().get(&(environment.id, api.id)) {
        Some(bound) => {
            Ok(vec![Event::KeyUnbound { key: bound.key, api: api.id, environment: environment.id }])
        }
        None => Err(Rejection::NotBound {
            api: api.name.to_string(),
            environment: environment.name.to_string(),
        }),
    }
}
