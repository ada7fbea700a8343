//! The fields of an API's definition as a write brings them: the whole of it, or those that a
//! mask names. It owns what an update may name.

use countersign_proto::convert::{
    Collect, InvalidField, backend_from_proto, body_policy_from_proto, definition_from_proto,
    match_mode_from_proto, method_from_proto, query_mode_from_proto,
};
use countersign_proto::v1;
use countersign_shared::api::{ApiDefinition, ApiPath, Backend};

use super::trust;
use super::write::{Mask, Write};
use crate::command::{BackendPatch, DefinitionPatch};

/// What an update may name.
pub(super) const UPDATABLE: [&str; 23] = [
    "name",
    "remark",
    "method",
    "path",
    "match_mode",
    "backend",
    "backend.scheme",
    "backend.targets",
    "backend.path",
    "backend.timeout_ms",
    "backend.retries",
    "backend.protocol",
    "backend.tls",
    "backend.tls.ca_pem",
    "backend.tls.server_name",
    "backend.tls.client_identity",
    "backend.connect_timeout_ms",
    "backend.total_timeout_ms",
    "backend.concurrency_max",
    "backend.health_check",
    "body_policy",
    "query_mode",
    "websocket",
];

/// The whole definition.
pub(super) fn definition(write: &mut Write, asked: &v1::Api) -> Option<ApiDefinition> {
    let parsed = definition_from_proto(&v1::ApiDefinition {
        method: asked.method,
        path: asked.path.clone(),
        match_mode: asked.match_mode,
        backend: asked.backend.clone(),
        body_policy: asked.body_policy,
        query_mode: asked.query_mode,
        websocket: asked.websocket,
    });
    let definition = within_api(parsed).collect_into(&mut write.bad)?;
    trusted(write, &definition.backend)?;
    Some(definition)
}

/// The fields of the definition that the mask names.
pub(super) fn patch(write: &mut Write, mask: &Mask, asked: &v1::Api) -> DefinitionPatch {
    let backend = asked.backend.clone().unwrap_or_default();
    let backend =
        if mask.has_within("backend") { parse_backend(write, mask, backend) } else { None };
    DefinitionPatch {
        backend: backend.map(|backend| backend_patch(mask, &backend)).unwrap_or_default(),
        method: write.take_field(mask, "method", || method_from_proto(asked.method)),
        path: write.take_if(mask.has("path"), "api.path", || ApiPath::parse(&asked.path)),
        match_mode: write
            .take_field(mask, "match_mode", || match_mode_from_proto(asked.match_mode)),
        body_policy: write
            .take_field(mask, "body_policy", || body_policy_from_proto(asked.body_policy)),
        query_mode: write
            .take_field(mask, "query_mode", || query_mode_from_proto(asked.query_mode)),
        websocket: mask.has("websocket").then_some(asked.websocket),
    }
}

fn backend_patch(mask: &Mask, backend: &Backend) -> BackendPatch {
    fn part<T: Clone>(mask: &Mask, field: &str, value: &T) -> Option<T> {
        mask.covers(field).then(|| value.clone())
    }
    let tls = &backend.tls;
    BackendPatch {
        scheme: part(mask, "backend.scheme", &backend.scheme),
        targets: part(mask, "backend.targets", &backend.targets),
        path: part(mask, "backend.path", &backend.path),
        timeout_ms: part(mask, "backend.timeout_ms", &backend.timeout_ms),
        retries: part(mask, "backend.retries", &backend.retries),
        protocol: part(mask, "backend.protocol", &backend.protocol),
        ca_pem: part(mask, "backend.tls.ca_pem", &tls.ca_pem),
        server_name: part(mask, "backend.tls.server_name", &tls.server_name),
        client_identity: part(mask, "backend.tls.client_identity", &tls.client_identity),
        connect_timeout_ms: part(mask, "backend.connect_timeout_ms", &backend.connect_timeout_ms),
        total_timeout_ms: part(mask, "backend.total_timeout_ms", &backend.total_timeout_ms),
        concurrency_max: part(mask, "backend.concurrency_max", &backend.concurrency_max),
        health_check: part(mask, "backend.health_check", &backend.health_check),
    }
}

/// Parses the whole backend, with something harmless in the fields that the mask does not name.
fn parse_backend(write: &mut Write, mask: &Mask, asked: v1::Backend) -> Option<Backend> {
    let mut parsed = v1::Backend {
        scheme: "http".into(),
        targets: vec!["unnamed".into()],
        ..Default::default()
    };
    keep(mask, "backend.scheme", &mut parsed.scheme, asked.scheme);
    keep(mask, "backend.targets", &mut parsed.targets, asked.targets);
    keep(mask, "backend.path", &mut parsed.path, asked.path);
    keep(mask, "backend.timeout_ms", &mut parsed.timeout_ms, asked.timeout_ms);
    keep(mask, "backend.retries", &mut parsed.retries, asked.retries);
    keep(mask, "backend.protocol", &mut parsed.protocol, asked.protocol);
    let (tls, mut kept) = (asked.tls.unwrap_or_default(), v1::BackendTls::default());
    keep(mask, "backend.tls.ca_pem", &mut kept.ca_pem, tls.ca_pem);
    keep(mask, "backend.tls.server_name", &mut kept.server_name, tls.server_name);
    keep(mask, "backend.tls.client_identity", &mut kept.client_identity, tls.client_identity);
    parsed.tls = Some(kept);
    let connect_timeout_ms = &mut parsed.connect_timeout_ms;
    keep(mask, "backend.connect_timeout_ms", connect_timeout_ms, asked.connect_timeout_ms);
    keep(mask, "backend.total_timeout_ms", &mut parsed.total_timeout_ms, asked.total_timeout_ms);
    keep(mask, "backend.concurrency_max", &mut parsed.concurrency_max, asked.concurrency_max);
    keep(mask, "backend.health_check", &mut parsed.health_check, asked.health_check);
    let backend = within_api(backend_from_proto(&parsed)).collect_into(&mut write.bad)?;
    trusted(write, &backend)?;
    Some(backend)
}

fn keep<T>(mask: &Mask, field: &str, kept: &mut T, asked: T) {
    if mask.covers(field) {
        *kept = asked;
    }
}

/// The backend, provided that certificates can be read out of its PEM.
fn trusted(write: &mut Write, backend: &Backend) -> Option<()> {
    match &backend.tls.ca_pem {
        Some(pem) => write.take("api.backend.tls.ca_pem", trust::check(pem)),
        None => Some(()),
    }
}

fn within_api<T>(parsed: Result<T, Vec<InvalidField>>) -> Result<T, Vec<InvalidField>> {
    parsed.map_err(|bad| bad.into_iter().map(|field| field.within("api")).collect())
}
