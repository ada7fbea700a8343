//! The demo of `countersign dev`: a group, an API that leads to the sample backend, and a
//! signature key that is bound to it, made once through the same calls that everyone has.
//! What a user changed or deleted since stays changed or deleted.

pub(crate) mod secret_file;

use std::net::SocketAddr;
use std::path::Path;

use countersign_proto::v1::{self, Api, ApiGroup, Backend, SignatureKey};
use countersign_shared::secret::Secret;

use crate::client::{ControlPlane, Response};
use crate::failure::Failure;

/// Names of what is made; the request ids make each step happen once, however often it is tried.
const GROUP: &str = "demo";
const API: &str = "demo";
const KEY_NAME: &str = "demo";
const ENVIRONMENT: &str = "RELEASE";
const BIND_REQUEST: &str = "countersign-dev-demo-bind";

/// The key of the signature, which tells the backend whose secret to verify with.
pub(crate) const KEY: &str = "countersign-demo";
/// The API's path; what follows it is appended.
pub(crate) const PATH: &str = "/demo";

/// The demo as it stands at this start.
#[derive(Debug)]
pub(crate) struct Demo {
    pub(crate) standing: Standing,
    /// A node that has this revision signs for it.
    pub(crate) revision: u64,
}

/// The backend's copy of the secret, made up on the first run.
pub(crate) fn backend_secret(data_dir: &Path) -> Result<Secret, Failure> {
    secret_file::read_or_make(data_dir)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Requests arrive signed with the demo's key.
    Signs,
    /// The API is there, but it is offline, or not bound to the demo's key.
    Unsigned,
    /// Signed with the demo's key, but the backend has another secret for it.
    OtherSecret,
    /// The API was deleted or renamed.
    Gone,
}

/// Makes the demo on the first run; on a later one looks whether it is still there, and follows
/// the backend to where it listens now.
pub(crate) async fn prepare(
    plane: &ControlPlane,
    data_dir: &Path,
    backend: SocketAddr,
) -> Result<Demo, Failure> {
    if !was_made(plane).await? {
        let secret = backend_secret(data_dir)?;
        let revision = make(plane, &secret, backend).await?;
        return Ok(Demo { standing: Standing::Signs, revision });
    }
    look(plane, data_dir, backend).await
}

/// Whether its last step is in the log.
async fn was_made(plane: &ControlPlane) -> Result<bool, Failure> {
    let mut page_token = String::new();
    loop {
        let request = v1::ListEventsRequest {
            page_size: 1,
            page_token,
            request_id: BIND_REQUEST.to_owned(),
            ..Default::default()
        };
        let reply = plane.events().list_events(request).await?.into_inner();
        if !reply.events.is_empty() || reply.next_page_token.is_empty() {
            return Ok(!reply.events.is_empty());
        }
        page_token = reply.next_page_token;
    }
}

/// Every step, each with its request id: a run that was cut off goes on where it ended.
async fn make(plane: &ControlPlane, secret: &Secret, backend: SocketAddr) -> Result<u64, Failure> {
    let group = v1::CreateApiGroupRequest {
        api_group: Some(ApiGroup {
            name: GROUP.to_owned(),
            remark: "made by countersign dev".to_owned(),
            ..Default::default()
        }),
        request_id: "countersign-dev-demo-group".to_owned(),
        expected_revision: None,
        reason: String::new(),
    };
    let group = plane.api_groups().create_api_group(group).await?.into_inner();
    let api = v1::CreateApiRequest {
        api: Some(Api {
            api_group: group.api_group.unwrap_or_default().id,
            name: API.to_owned(),
            method: v1::Method::Any.into(),
            path: PATH.to_owned(),
            match_mode: v1::MatchMode::Swa.into(),
            backend: Some(Backend {
                scheme: "http".to_owned(),
                targets: vec![backend.to_string()],
                ..Default::default()
            }),
            ..Default::default()
        }),
        request_id: "countersign-dev-demo-api".to_owned(),
        expected_revision: None,
        reason: String::new(),
    };
    let api = plane.apis().create_api(api).await?.into_inner().api.unwrap_or_default().id;
    let publish = v1::PublishApiRequest {
        api: api.clone(),
        environment: ENVIRONMENT.to_owned(),
        request_id: "countersign-dev-demo-publish".to_owned(),
        expected_revision: None,
        reason: String::new(),
    };
    plane.apis().publish_api(publish).await?;
    let key = v1::CreateSignatureKeyRequest {
        signature_key: Some(SignatureKey {
            name: KEY_NAME.to_owned(),
            r#type: v1::SignatureKeyType::Hmac.into(),
            key: KEY.to_owned(),
            ..Default::default()
        }),
        secret: secret.expose().to_owned(),
        confirm_secret: String::new(),
        request_id: "countersign-dev-demo-key".to_owned(),
        expected_revision: None,
        reason: String::new(),
    };
    let key = plane.signature_keys().create_signature_key(key).await?.into_inner();
    let bind = v1::CreateBindingRequest {
        signature_key: key.signature_key.unwrap_or_default().id,
        api,
        environment: ENVIRONMENT.to_owned(),
        replace: false,
        request_id: BIND_REQUEST.to_owned(),
        expected_revision: None,
        reason: String::new(),
    };
    Ok(plane.bindings().create_binding(bind).await?.into_inner().revision)
}

/// What became of the demo since. Its API is led to where the sample backend listens now.
async fn look(plane: &ControlPlane, data_dir: &Path, backend: SocketAddr) -> Result<Demo, Failure> {
    let api = v1::GetApiRequest { api: format!("{GROUP}/{API}") };
    let Some(api) = found(plane.apis().get_api(api).await)? else {
        return Ok(Demo { standing: Standing::Gone, revision: 0 });
    };
    let mut revision = api.revision;
    let api = api.api.unwrap_or_default();
    let targets = vec![backend.to_string()];
    let is_published = api.published_in.iter().any(|name| name == ENVIRONMENT);
    if is_published && api.backend.is_some_and(|backend| backend.targets != targets) {
        revision = follow(plane, api.id.clone(), targets).await?;
    }
    let binding = v1::GetBindingRequest { api: api.id, environment: ENVIRONMENT.to_owned() };
    let binding = found(plane.bindings().get_binding(binding).await)?.and_then(|it| it.binding);
    let key = match binding.filter(|_| is_published) {
        Some(binding) => {
            let key = v1::GetSignatureKeyRequest { signature_key: binding.signature_key };
            found(plane.signature_keys().get_signature_key(key).await)?
                .and_then(|it| it.signature_key)
        }
        None => None,
    };
    let standing = match key.filter(|key| key.key == KEY) {
        None => Standing::Unsigned,
        Some(key) => {
            let fingerprint = backend_secret(data_dir)?.fingerprint().to_string();
            let is_ours = key.secret_fingerprint == fingerprint;
            if is_ours { Standing::Signs } else { Standing::OtherSecret }
        }
    };
    Ok(Demo { standing, revision })
}

/// A reply, or nothing where there is no such resource.
fn found<T, E: Into<Failure>>(reply: Result<Response<T>, E>) -> Result<Option<T>, Failure> {
    match reply.map_err(Into::into) {
        Ok(reply) => Ok(Some(reply.into_inner())),
        Err(failure) if failure.is_not_found() => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Leads the API to where the sample backend listens now.
async fn follow(plane: &ControlPlane, id: String, targets: Vec<String>) -> Result<u64, Failure> {
    let update = v1::UpdateApiRequest {
        api: Some(Api {
            id: id.clone(),
            backend: Some(Backend { targets, ..Default::default() }),
            ..Default::default()
        }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["backend.targets".to_owned()] }),
        ..Default::default()
    };
    plane.apis().update_api(update).await?;
    let publish = v1::PublishApiRequest {
        api: id,
        environment: ENVIRONMENT.to_owned(),
        ..Default::default()
    };
    Ok(plane.apis().publish_api(publish).await?.into_inner().revision)
}
