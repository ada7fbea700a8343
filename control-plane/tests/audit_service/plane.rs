//! A control plane in a directory of its own, random writes to it, and what it says afterwards.

use countersign_control_plane::{Config, ControlPlane, start};
use countersign_proto::v1;
use countersign_proto::v1::api_groups_client::ApiGroupsClient;
use countersign_proto::v1::apis_client::ApisClient;
use countersign_proto::v1::audit_client::AuditClient;
use countersign_proto::v1::bindings_client::BindingsClient;
use countersign_proto::v1::environments_client::EnvironmentsClient;
use countersign_proto::v1::get_state_request::At;
use countersign_proto::v1::resource::Kind;
use countersign_proto::v1::signature_keys_client::SignatureKeysClient;
use tonic::transport::Channel;

/// Numbers that are the same in every run.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % limit as u64) as usize
    }
}

pub(crate) struct Plane {
    server: ControlPlane,
    pub(crate) channel: Channel,
    _data_dir: tempfile::TempDir,
}

impl Plane {
    pub(crate) async fn start() -> Self {
        let data_dir = tempfile::tempdir().unwrap();
        let config = Config {
            data_dir: data_dir.path().to_owned(),
            listen: "127.0.0.1:0".parse().unwrap(),
            status_listen: None,
            ..Config::default()
        };
        let server = start(config).await.unwrap();
        let address = format!("http://{}", server.grpc_address());
        let channel = Channel::from_shared(address).unwrap().connect().await.unwrap();
        Self { server, channel, _data_dir: data_dir }
    }

    pub(crate) fn audit(&self) -> AuditClient<Channel> {
        AuditClient::new(self.channel.clone())
    }

    pub(crate) fn revision(&self) -> u64 {
        *self.server.revision().borrow()
    }

    /// One write of any kind, which may be refused: that is a write as well.
    pub(crate) async fn write(&self, random: &mut Numbers) {
        let place = |random: &mut Numbers| format!("shop/api_{}", random.below(6));
        let environment = |random: &mut Numbers| {
            ["RELEASE".to_owned(), format!("STAGE_{}", random.below(3))][random.below(2)].clone()
        };
        let key = |random: &mut Numbers| format!("key_{}", random.below(4));
        let reason = format!("step {}", random.below(1000));
        let channel = || self.channel.clone();
        let (mut apis, mut keys) =
            (ApisClient::new(channel()), SignatureKeysClient::new(channel()));
        let mut environments = EnvironmentsClient::new(channel());
        let mut bindings = BindingsClient::new(channel());
        let mut groups = ApiGroupsClient::new(channel());
        // What is refused changes nothing; the state afterwards is what counts.
        match random.below(12) {
            0 => {
                let group = v1::ApiGroup { name: "shop".into(), ..Default::default() };
                let request = v1::CreateApiGroupRequest {
                    api_group: Some(group),
                    reason,
                    ..Default::default()
                };
                let _ = groups.create_api_group(request).await;
            }
            1 | 2 => {
                let backend = v1::Backend {
                    scheme: "http".into(),
                    targets: vec!["127.0.0.1:9000".into()],
                    ..Default::default()
                };
                let name = format!("api_{}", random.below(6));
                let api = v1::Api {
                    api_group: "shop".into(),
                    path: format!("/{name}"),
                    name,
                    method: v1::Method::Get.into(),
                    match_mode: v1::MatchMode::Normal.into(),
                    backend: Some(backend),
                    ..Default::default()
                };
                let _ = apis
                    .create_api(v1::CreateApiRequest {
                        api: Some(api),
                        reason,
                        ..Default::default()
                    })
                    .await;
            }
            3 => {
                let name = format!("STAGE_{}", random.below(3));
                let environment = Some(v1::Environment { name, ..Default::default() });
                let request =
                    v1::CreateEnvironmentRequest { environment, reason, ..Default::default() };
                let _ = environments.create_environment(request).await;
            }
            4 => {
                let asked = v1::Environment {
                    id: environment(random),
                    remark: reason.clone(),
                    ..Default::default()
                };
                let update_mask = Some(prost_types::FieldMask { paths: vec!["remark".into()] });
                let request = v1::UpdateEnvironmentRequest {
                    environment: Some(asked),
                    update_mask,
                    reason,
                    ..Default::default()
                };
                let _ = environments.update_environment(request).await;
            }
            5 => {
                let signature_key = Some(v1::SignatureKey {
                    name: key(random),
                    r#type: v1::SignatureKeyType::Hmac.into(),
                    ..Default::default()
                });
                let request =
                    v1::CreateSignatureKeyRequest { signature_key, reason, ..Default::default() };
                let _ = keys.create_signature_key(request).await;
            }
            6 => {
                let request = v1::ReplaceSecretRequest {
                    signature_key: key(random),
                    reason,
                    ..Default::default()
                };
                let _ = keys.replace_secret(request).await;
            }
            7 => {
                let request = v1::DeleteSignatureKeyRequest {
                    signature_key: key(random),
                    force: random.below(2) == 0,
                    reason,
                    ..Default::default()
                };
                let _ = keys.delete_signature_key(request).await;
            }
            8 | 9 => {
                let request = v1::PublishApiRequest {
                    api: place(random),
                    environment: environment(random),
                    reason,
                    ..Default::default()
                };
                let _ = apis.publish_api(request).await;
            }
            10 => {
                let request = v1::CreateBindingRequest {
                    signature_key: key(random),
                    api: place(random),
                    environment: environment(random),
                    replace: random.below(2) == 0,
                    reason,
                    ..Default::default()
                };
                let _ = bindings.create_binding(request).await;
            }
            _ => {
                let request = v1::DeleteApiRequest {
                    api: place(random),
                    force: random.below(4) == 0,
                    reason,
                    ..Default::default()
                };
                let _ = apis.delete_api(request).await;
            }
        }
    }

    /// What is there now, by the calls that read the live state.
    pub(crate) async fn live(&self) -> Vec<v1::Resource> {
        let channel = || self.channel.clone();
        let mut kinds = Vec::new();
        let environments = EnvironmentsClient::new(channel())
            .list_environments(v1::ListEnvironmentsRequest::default())
            .await;
        kinds.extend(
            environments.unwrap().into_inner().environments.into_iter().map(Kind::Environment),
        );
        let groups = ApiGroupsClient::new(channel())
            .list_api_groups(v1::ListApiGroupsRequest::default())
            .await;
        kinds.extend(groups.unwrap().into_inner().api_groups.into_iter().map(Kind::ApiGroup));
        let mut apis = ApisClient::new(channel());
        let listed = apis.list_apis(v1::ListApisRequest::default()).await;
        kinds.extend(listed.unwrap().into_inner().apis.into_iter().map(Kind::Api));
        let publications = apis.list_publications(v1::ListPublicationsRequest::default()).await;
        kinds.extend(
            publications.unwrap().into_inner().publications.into_iter().map(Kind::Publication),
        );
        let keys = SignatureKeysClient::new(channel())
            .list_signature_keys(v1::ListSignatureKeysRequest::default())
            .await;
        kinds.extend(keys.unwrap().into_inner().signature_keys.into_iter().map(Kind::SignatureKey));
        let bindings =
            BindingsClient::new(channel()).list_bindings(v1::ListBindingsRequest::default()).await;
        kinds.extend(bindings.unwrap().into_inner().bindings.into_iter().map(Kind::Binding));
        kinds.into_iter().map(|kind| v1::Resource { kind: Some(kind) }).collect()
    }

    pub(crate) async fn state_at(&self, at: At) -> (v1::StateHead, Vec<v1::Resource>) {
        let request = v1::GetStateRequest { at: Some(at), ..Default::default() };
        let mut pages = self.audit().get_state(request).await.unwrap().into_inner();
        let (mut head, mut resources) = (None, Vec::new());
        while let Some(page) = pages.message().await.unwrap() {
            head = head.or(page.head);
            resources.extend(page.resources);
        }
        (head.unwrap(), resources)
    }

    pub(crate) async fn changes(
        &self,
        request: v1::ListChangesRequest,
    ) -> Vec<v1::ListChangesResponse> {
        let mut changes = self.audit().list_changes(request).await.unwrap().into_inner();
        let mut all = Vec::new();
        while let Some(change) = changes.message().await.unwrap() {
            all.push(change);
        }
        all
    }
}
