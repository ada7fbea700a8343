//! Rules of APIs and their publication.

use std::sync::Arc;

use countersign_shared::api::{ApiDefinition, MatchMode};
use countersign_shared::event::{ApiFields, Event};
use countersign_shared::id::{ApiId, EnvironmentId, GroupId};
use countersign_shared::state::{Binding, State};
use countersign_shared::text::{ApiName, Remark};

use super::{Limits, find_api, find_environment, find_group, within_quota};
use crate::command::{DefinitionPatch, Reference};
use crate::rejection::Rejection;

pub(super) fn create(
    state: &State,
    limits: &Limits,
    id: ApiId,
    group: &Reference,
    name: &ApiName,
    remark: &Remark,
    definition: &Arc<ApiDefinition>,
) -> Result<Vec<Event>, Rejection> {
    let group = find_group(state, &group.0)?.fields.id;
    name_free(state, group, name)?;
    route_free(state, group, id, definition)?;
    within_quota(state.apis().len(), limits.apis_max, "APIs")?;
    let definition = Arc::clone(definition);
    Ok(vec![Event::ApiCreated(ApiFields {
        id,
        group,
        name: name.clone(),
        remark: remark.clone(),
        definition,
    })])
}

pub(super) fn update(
    state: &State,
    api: &Reference,
    name: Option<&ApiName>,
    remark: Option<&Remark>,
    patch: &DefinitionPatch,
) -> Result<Vec<Event>, Rejection> {
    let current = &find_api(state, &api.0)?.fields;
    let definition = patch.over(&current.definition).map_err(Rejection::InvalidFields)?;
    let next = ApiFields {
        id: current.id,
        group: current.group,
        name: name.unwrap_or(&current.name).clone(),
        remark: remark.unwrap_or(&current.remark).clone(),
        definition: Arc::new(definition),
    };
    if next.name != current.name {
        name_free(state, current.group, &next.name)?;
    }
    route_free(state, current.group, current.id, &next.definition)?;
    Ok(if next == *current { vec![] } else { vec![Event::ApiUpdated(next)] })
}

pub(super) fn delete(state: &State, api: &Reference, force: bool) -> Result<Vec<Event>, Rejection> {
    let fields = &find_api(state, &api.0)?.fields;
    let published: Vec<EnvironmentId> = state.published_in(fields.id).collect();
    let bound: Vec<(EnvironmentId, Binding)> = state.bindings_of_api(fields.id).collect();
    let name = || fields.name.to_string();
    if !force && !published.is_empty() {
        let names: Vec<String> = (published.iter())
            .filter_map(|env| Some(state.environments().get(env)?.fields.name.to_string()))
            .collect();
        return Err(Rejection::ApiStillPublished { name: name(), environments: names.join(", ") });
    }
    if !force && !bound.is_empty() {
        return Err(Rejection::ApiStillBound { name: name(), bindings: bound.len() });
    }
    let api = fields.id;
    let mut events: Vec<Event> = Vec::with_capacity(published.len() + bound.len() + 1);
    events.extend(published.iter().map(|env| Event::ApiTakenOffline { api, environment: *env }));
    events.extend(bound.iter().map(|(env, b)| Event::KeyUnbound {
        key: b.key,
        api,
        environment: *env,
    }));
    events.push(Event::ApiDeleted { id: api, group: fields.group, name: fields.name.clone() });
    Ok(events)
}

/// Publishing what is published already, unchanged, is no event.
pub(super) fn publish(
    state: &State,
    api: &Reference,
    environment: &Reference,
) -> Result<Vec<Event>, Rejection> {
    let fields = &find_api(state, &api.0)?.fields;
    let environment = find_environment(state, &environment.0)?.fields.id;
    let holder =
        state.index().route(environment, state.hosts_of(fields.group), &fields.definition.shape());
    if let Some(holder) = holder.filter(|holder| *holder != fields.id) {
        return Err(route_taken(state, holder, &fields.definition));
    }
    let unchanged = state
        .publications()
        .get(&(environment, fields.id))
        .is_some_and(|publication| publication.definition == fields.definition);
    if unchanged {
        return Ok(vec![]);
    }
    let definition = Arc::clone(&fields.definition);
    Ok(vec![Event::ApiPublished { api: fields.id, environment, definition }])
}

pub(super) fn take_offline(
    state: &State,
    api: &Reference,
    environment: &Reference,
) -> Result<Vec<Event>, Rejection> {
    let fields = &find_api(state, &api.0)?.fields;
    let environment = &find_environment(state, &environment.0)?.fields;
    if !state.publications().contains_key(&(environment.id, fields.id)) {
        return Err(Rejection::ApiNotPublished {
            api: fields.name.to_string(),
            environment: environment.name.to_string(),
        });
    }
    Ok(vec![Event::ApiTakenOffline { api: fields.id, environment: environment.id }])
}

pub(super) fn route_taken(state: &State, holder: ApiId, definition: &ApiDefinition) -> Rejection {
    let name = state.apis().get(&holder).map(|api| api.fields.name.to_string()).unwrap_or_default();
    let below = if definition.match_mode == MatchMode::Swa { " and below" } else { "" };
    let route = format!("{} {}{below}", definition.method.as_str(), definition.path);
    Rejection::RouteTaken { api: holder, name, route }
}

fn name_free(state: &State, group: GroupId, name: &ApiName) -> Result<(), Rejection> {
    match state.index().api_named(group, name) {
        None => Ok(()),
        Some(_) => Err(Rejection::NameTaken { kind: "API of the group", name: name.to_string() }),
    }
}

fn route_free(
    state: &State,
    group: GroupId,
    api: ApiId,
    definition: &ApiDefinition,
) -> Result<(), Rejection> {
    match state.index().api_with_shape(group, &definition.shape()) {
        Some(holder) if holder != api => Err(route_taken(state, holder, definition)),
        _ => Ok(()),
    }
}
