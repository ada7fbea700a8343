//! The demo of `countersign dev`: a group, an API that leads to the sample backend, and a
//! signature key that is bound to it, made once through the same calls that everyone has.
//! What a user changed or deleted since stays changed or deleted.

mod secret_file;

use std::net::SocketAddr;
use std::path::Path;

use countersign_proto::v1::{self, Api, ApiGroup, Backend, SignatureKey};
use countersign_shared::secret::Secret;

use crate::client::ControlPlane;
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
    /// Whether requests to the demo arrive signed with the demo's key.
    pub(crate) is_whole: bool,
    /// A node that has this revision signs for it.
    pub(crate) revision: u64,
}

/// The backend's copy of the secret, made up on the first run.
pub(crate) fn backend_secret(data_dir: &Path) -> Result<Secret, Failure> {
    secret_file::read_or_make(data_dir)
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
        return Ok(Demo { is_whole: true, revision });
    }
    match look(plane, backend).await {
        Ok((is_whole, revision)) => Ok(Demo { is_whole, revision }),
        Err(failure) if failure.is_not_found() => Ok(Demo { is_whole: false, revision: 0 }),
        Err(failure) => Err(failure),
    }
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
    };
    let api = plane.apis().create_api(api).await?.into_inner().api.unwrap_or_default().id;
    let publish = v1::PublishApiRequest {
        api: api.clone(),
        environment: ENVIRONMENT.to_owned(),
        request_id: "countersign-dev-demo-publish".to_owned(),
        expected_revision: None,
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
    };
    let key = plane.signature_keys().create_signature_key(key).await?.into_inner();
    let bind = v1::CreateBindingRequest {
        signature_key: key.signature_key.unwrap_or_default().id,
        api,
        environment: ENVIRONMENT.to_owned(),
        replace: false,
        request_id: BIND_REQUEST.to_owned(),
        expected_revision: None,
    };
    Ok(plane.bindings().create_binding(bind).await?.into_inner().revision)
}

/// Whether the demo still signs, and since which revision.
async fn look(plane: &ControlPlane, backend: SocketAddr) -> Result<(bool, u64), Failure> {
    let name = format!("{GROUP}/{API}");
    let api = plane.apis().get_api(v1::GetApiRequest { api: name }).await?.into_inner();
    let api = api.api.unwrap_or_default();
    let binding =
        v1::GetBindingRequest { api: api.id.clone(), environment: ENVIRONMENT.to_owned() };
    let binding = plane.bindings().get_binding(binding).await?.into_inner();
    let (mut revision, binding) = (binding.revision, binding.binding.unwrap_or_default());
    let key = v1::GetSignatureKeyRequest { signature_key: binding.signature_key };
    let key = plane.signature_keys().get_signature_key(key).await?.into_inner();
    let is_whole = binding.published && key.signature_key.is_some_and(|key| key.key == KEY);
    let targets = vec![backend.to_string()];
    if is_whole && api.backend.as_ref().is_some_and(|backend| backend.targets != targets) {
        revision = follow(plane, api.id, targets).await?;
    }
    Ok((is_whole, revision))
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
