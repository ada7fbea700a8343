//! What an update changes of a definition: each field that it names, and the others stay. Where
//! the outcome does not fit together, it says why; it never looks at other APIs.

use std::sync::Arc;

use countersign_proto::convert::InvalidField;
use countersign_shared::api::{
    ApiDefinition, ApiPath, Backend, BackendProtocol, BackendTarget, BodyPolicy, CaPem,
    HealthCheck, IdentityName, MatchMode, Method, Scheme, ServerName,
};
use countersign_shared::signing::target::QueryMode;

/// The fields of a definition that an update names.
#[derive(Debug, Default)]
pub struct DefinitionPatch {
    pub method: Option<Method>,
    pub path: Option<ApiPath>,
    pub match_mode: Option<MatchMode>,
    pub backend: BackendPatch,
    pub body_policy: Option<BodyPolicy>,
    pub query_mode: Option<QueryMode>,
    pub websocket: Option<bool>,
}

/// `Some(None)` takes away what was there.
#[derive(Debug, Default)]
pub struct BackendPatch {
    pub scheme: Option<Scheme>,
    pub targets: Option<Vec<BackendTarget>>,
    pub path: Option<Option<ApiPath>>,
    pub timeout_ms: Option<u32>,
    pub retries: Option<u32>,
    pub protocol: Option<BackendProtocol>,
    pub ca_pem: Option<Option<CaPem>>,
    pub server_name: Option<Option<ServerName>>,
    pub client_identity: Option<Option<IdentityName>>,
    pub connect_timeout_ms: Option<u32>,
    pub total_timeout_ms: Option<Option<u32>>,
    pub concurrency_max: Option<Option<u32>>,
    pub health_check: Option<Option<HealthCheck>>,
}

impl DefinitionPatch {
    /// The definition with the patch on it, or each field that does not fit the others.
    pub fn over(&self, current: &ApiDefinition) -> Result<ApiDefinition, Vec<InvalidField>> {
        let mut next = current.clone();
        put(&mut next.method, self.method.as_ref());
        put(&mut next.path, self.path.as_ref());
        put(&mut next.match_mode, self.match_mode.as_ref());
        self.backend.put_on(Arc::make_mut(&mut next.backend));
        put(&mut next.body_policy, self.body_policy.as_ref());
        put(&mut next.query_mode, self.query_mode.as_ref());
        put(&mut next.websocket, self.websocket.as_ref());
        let broken = next.check();
        if broken.is_empty() {
            return Ok(next);
        }
        Err(broken.into_iter().map(|(field, rule)| InvalidField::new(field, rule)).collect())
    }
}

impl BackendPatch {
    fn put_on(&self, backend: &mut Backend) {
        put(&mut backend.scheme, self.scheme.as_ref());
        put(&mut backend.targets, self.targets.as_ref());
        put(&mut backend.path, self.path.as_ref());
        put(&mut backend.timeout_ms, self.timeout_ms.as_ref());
        put(&mut backend.retries, self.retries.as_ref());
        put(&mut backend.protocol, self.protocol.as_ref());
        put(&mut backend.tls.ca_pem, self.ca_pem.as_ref());
        put(&mut backend.tls.server_name, self.server_name.as_ref());
        put(&mut backend.tls.client_identity, self.client_identity.as_ref());
        put(&mut backend.connect_timeout_ms, self.connect_timeout_ms.as_ref());
        put(&mut backend.total_timeout_ms, self.total_timeout_ms.as_ref());
        put(&mut backend.concurrency_max, self.concurrency_max.as_ref());
        put(&mut backend.health_check, self.health_check.as_ref());
    }
}

fn put<T: Clone>(field: &mut T, value: Option<&T>) {
    if let Some(value) = value {
        field.clone_from(value);
    }
}
