//! Resources as callers see them: of the state, with names beside ids, without secrets.

use countersign_proto::convert::{
    backend_to_proto, body_policy_to_proto, definition_to_proto, key_type_to_proto,
    match_mode_to_proto, method_to_proto, query_mode_to_proto, timestamp,
};
use countersign_proto::v1;
use countersign_shared::id::{ApiId, EnvironmentId, GroupId, KeyId};
use countersign_shared::state::{Place, State};

pub(super) fn environment(state: &State, id: EnvironmentId) -> Option<v1::Environment> {
    let environment = state.environments().get(&id)?;
    Some(v1::Environment {
        id: id.to_string(),
        name: environment.fields.name.to_string(),
        remark: environment.fields.remark.to_string(),
        create_time: Some(timestamp(environment.created.time_ms)),
        update_time: Some(timestamp(environment.updated.time_ms)),
        create_revision: environment.created.revision,
        update_revision: environment.updated.revision,
    })
}

pub(super) fn group(state: &State, id: GroupId) -> Option<v1::ApiGroup> {
    let group = state.groups().get(&id)?;
    Some(v1::ApiGroup {
        id: id.to_string(),
        name: group.fields.name.to_string(),
        domains: group.fields.domains.iter().map(ToString::to_string).collect(),
        remark: group.fields.remark.to_string(),
        create_time: Some(timestamp(group.created.time_ms)),
        update_time: Some(timestamp(group.updated.time_ms)),
        create_revision: group.created.revision,
        update_revision: group.updated.revision,
    })
}

pub(super) fn api(state: &State, id: ApiId) -> Option<v1::Api> {
    let api = state.apis().get(&id)?;
    let definition = &api.fields.definition;
    Some(v1::Api {
        id: id.to_string(),
        api_group: api.fields.group.to_string(),
        name: api.fields.name.to_string(),
        remark: api.fields.remark.to_string(),
        method: method_to_proto(definition.method).into(),
        path: definition.path.to_string(),
        match_mode: match_mode_to_proto(definition.match_mode).into(),
        backend: Some(backend_to_proto(&definition.backend)),
        body_policy: body_policy_to_proto(definition.body_policy).into(),
        query_mode: query_mode_to_proto(definition.query_mode).into(),
        websocket: definition.websocket,
        create_time: Some(timestamp(api.created.time_ms)),
        update_time: Some(timestamp(api.updated.time_ms)),
        create_revision: api.created.revision,
        update_revision: api.updated.revision,
        api_group_name: group_name_of(state, id),
        published_in: state
            .published_in(id)
            .map(|environment| environment_name(state, environment))
            .collect(),
    })
}

pub(super) fn publication(state: &State, place: Place) -> Option<v1::Publication> {
    let (environment, api) = place;
    let publication = state.publications().get(&place)?;
    let key = state.bindings().get(&place).and_then(|binding| state.keys().get(&binding.key));
    Some(v1::Publication {
        api: api.to_string(),
        environment: environment.to_string(),
        api_name: api_name(state, api),
        api_group_name: group_name_of(state, api),
        environment_name: environment_name(state, environment),
        definition: Some(definition_to_proto(&publication.definition)),
        publish_time: Some(timestamp(publication.published.time_ms)),
        publish_revision: publication.published.revision,
        signature_key: key.map(|key| key.id.to_string()).unwrap_or_default(),
        signature_key_name: key.map(|key| key.name.to_string()).unwrap_or_default(),
    })
}

pub(super) fn key(state: &State, id: KeyId) -> Option<v1::SignatureKey> {
    let key = state.keys().get(&id)?;
    Some(v1::SignatureKey {
        id: id.to_string(),
        name: key.name.to_string(),
        r#type: key_type_to_proto(key.key_type).into(),
        key: key.key.to_string(),
        secret_fingerprint: key.secret.sealed.fingerprint.to_string(),
        secret_version: key.secret.number,
        create_time: Some(timestamp(key.created.time_ms)),
        update_time: Some(timestamp(key.updated.time_ms)),
        create_revision: key.created.revision,
        update_revision: key.updated.revision,
        binding_count: state.index().binding_count(id),
    })
}

pub(super) fn binding(state: &State, place: Place) -> Option<v1::Binding> {
    let (environment, api) = place;
    let binding = state.bindings().get(&place)?;
    Some(v1::Binding {
        signature_key: binding.key.to_string(),
        api: api.to_string(),
        environment: environment.to_string(),
        signature_key_name: state
            .keys()
            .get(&binding.key)
            .map(|key| key.name.to_string())
            .unwrap_or_default(),
        api_name: api_name(state, api),
        api_group_name: group_name_of(state, api),
        environment_name: environment_name(state, environment),
        bind_time: Some(timestamp(binding.bound.time_ms)),
        bind_revision: binding.bound.revision,
        published: state.publications().contains_key(&place),
    })
}

fn environment_name(state: &State, id: EnvironmentId) -> String {
    state
        .environments()
        .get(&id)
        .map(|environment| environment.fields.name.to_string())
        .unwrap_or_default()
}

fn api_name(state: &State, id: ApiId) -> String {
    state.apis().get(&id).map(|api| api.fields.name.to_string()).unwrap_or_default()
}

fn group_name_of(state: &State, api: ApiId) -> String {
    let group = state.apis().get(&api).and_then(|api| state.groups().get(&api.fields.group));
    group.map(|group| group.fields.name.to_string()).unwrap_or_default()
}
