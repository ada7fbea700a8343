//! The definition of an API. Parsing tells of all bad fields at once.

use std::sync::Arc;

use countersign_shared::api::{ApiDefinition, ApiPath, BodyPolicy, MatchMode, Method};
use countersign_shared::signing::target::QueryMode;

use super::{Collect, InvalidField, backend_from_proto, backend_to_proto};
use crate::v1;

pub fn definition_to_proto(definition: &ApiDefinition) -> v1::ApiDefinition {
    v1::ApiDefinition {
        method: method_to_proto(definition.method).into(),
        path: definition.path.as_str().to_owned(),
        match_mode: match_mode_to_proto(definition.match_mode).into(),
        backend: Some(backend_to_proto(&definition.backend)),
        body_policy: body_policy_to_proto(definition.body_policy).into(),
        query_mode: query_mode_to_proto(definition.query_mode).into(),
        websocket: definition.websocket,
    }
}

pub fn definition_from_proto(
    message: &v1::ApiDefinition,
) -> Result<ApiDefinition, Vec<InvalidField>> {
    let mut bad = Vec::new();
    let method = method_from_proto(message.method).collect_into(&mut bad);
    let path = ApiPath::parse(&message.path)
        .map_err(|e| InvalidField::new("path", e))
        .collect_into(&mut bad);
    let match_mode = match_mode_from_proto(message.match_mode).collect_into(&mut bad);
    let backend = match &message.backend {
        Some(backend) => backend_from_proto(backend).collect_into(&mut bad),
        None => Err(InvalidField::new("backend", "required: where the API's requests go"))
            .collect_into(&mut bad),
    };
    let body_policy = body_policy_from_proto(message.body_policy).collect_into(&mut bad);
    let query_mode = query_mode_from_proto(message.query_mode).collect_into(&mut bad);
    let (
        Some(method),
        Some(path),
        Some(match_mode),
        Some(backend),
        Some(body_policy),
        Some(query_mode),
    ) = (method, path, match_mode, backend, body_policy, query_mode)
    else {
        return Err(bad);
    };
    let (backend, websocket) = (Arc::new(backend), message.websocket);
    let definition =
        ApiDefinition { method, path, match_mode, backend, body_policy, query_mode, websocket };
    let broken: Vec<_> = definition
        .check()
        .into_iter()
        .map(|(field, rule)| InvalidField::new(field, rule))
        .collect();
    if broken.is_empty() { Ok(definition) } else { Err(broken) }
}

pub fn method_to_proto(method: Method) -> v1::Method {
    match method {
        Method::Get => v1::Method::Get,
        Method::Post => v1::Method::Post,
        Method::Put => v1::Method::Put,
        Method::Delete => v1::Method::Delete,
        Method::Head => v1::Method::Head,
        Method::Patch => v1::Method::Patch,
        Method::Options => v1::Method::Options,
        Method::Any => v1::Method::Any,
    }
}

pub fn method_from_proto(method: i32) -> Result<Method, InvalidField> {
    Ok(match v1::Method::try_from(method) {
        Ok(v1::Method::Get) => Method::Get,
        Ok(v1::Method::Post) => Method::Post,
        Ok(v1::Method::Put) => Method::Put,
        Ok(v1::Method::Delete) => Method::Delete,
        Ok(v1::Method::Head) => Method::Head,
        Ok(v1::Method::Patch) => Method::Patch,
        Ok(v1::Method::Options) => Method::Options,
        Ok(v1::Method::Any) => Method::Any,
        Ok(v1::Method::Unspecified) | Err(_) => {
            return Err(InvalidField::new(
                "method",
                "one of GET POST PUT DELETE HEAD PATCH OPTIONS ANY",
            ));
        }
    })
}

pub fn match_mode_to_proto(mode: MatchMode) -> v1::MatchMode {
    match mode {
        MatchMode::Normal => v1::MatchMode::Normal,
        MatchMode::Swa => v1::MatchMode::Swa,
    }
}

pub fn match_mode_from_proto(mode: i32) -> Result<MatchMode, InvalidField> {
    match v1::MatchMode::try_from(mode) {
        Ok(v1::MatchMode::Unspecified | v1::MatchMode::Normal) => Ok(MatchMode::Normal),
        Ok(v1::MatchMode::Swa) => Ok(MatchMode::Swa),
        Err(_) => Err(InvalidField::new("match_mode", "NORMAL or SWA")),
    }
}

pub fn body_policy_to_proto(policy: BodyPolicy) -> v1::BodyPolicy {
    match policy {
        BodyPolicy::Required => v1::BodyPolicy::Required,
        BodyPolicy::Auto => v1::BodyPolicy::Auto,
        BodyPolicy::Unsigned => v1::BodyPolicy::Unsigned,
    }
}

pub fn body_policy_from_proto(policy: i32) -> Result<BodyPolicy, InvalidField> {
    match v1::BodyPolicy::try_from(policy) {
        Ok(v1::BodyPolicy::Unspecified | v1::BodyPolicy::Required) => Ok(BodyPolicy::Required),
        Ok(v1::BodyPolicy::Auto) => Ok(BodyPolicy::Auto),
        Ok(v1::BodyPolicy::Unsigned) => Ok(BodyPolicy::Unsigned),
        Err(_) => Err(InvalidField::new("body_policy", "REQUIRED, AUTO or UNSIGNED")),
    }
}

pub fn query_mode_to_proto(mode: QueryMode) -> v1::QueryMode {
    match mode {
        QueryMode::Normalize => v1::QueryMode::Normalize,
        QueryMode::Raw => v1::QueryMode::Raw,
    }
}

pub fn query_mode_from_proto(mode: i32) -> Result<QueryMode, InvalidField> {
    match v1::QueryMode::try_from(mode) {
        Ok(v1::QueryMode::Unspecified | v1::QueryMode::Normalize) => Ok(QueryMode::Normalize),
        Ok(v1::QueryMode::Raw) => Ok(QueryMode::Raw),
        Err(_) => Err(InvalidField::new("query_mode", "NORMALIZE or RAW")),
    }
}
