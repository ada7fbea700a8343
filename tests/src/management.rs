//! The management API over gRPC: a typed client for each service, and below them the steps that
//! most tests begin with, each of which must succeed and gives the revision or id that it made.

use countersign_proto::v1::api_groups_client::ApiGroupsClient;
use countersign_proto::v1::apis_client::ApisClient;
use countersign_proto::v1::bindings_client::BindingsClient;
use countersign_proto::v1::environments_client::EnvironmentsClient;
use countersign_proto::v1::events_client::EventsClient;
use countersign_proto::v1::nodes_client::NodesClient;
use countersign_proto::v1::signature_keys_client::SignatureKeysClient;
use countersign_proto::v1::{self, Api, ApiGroup, Environment, SignatureKey};
use countersign_transport::{ClientFiles, client};
use tonic::transport::{Channel, Endpoint};

use crate::key::Key;
use crate::patience::PATIENCE;

#[derive(Debug, Clone)]
pub struct Management {
    channel: Channel,
}

impl Management {
    /// To an address such as `http://127.0.0.1:7400`. Connects with the first call, and again
    /// whenever the connection is gone.
    pub fn to(uri: &str) -> Self {
        let endpoint = Endpoint::from_shared(uri.to_owned()).unwrap().timeout(PATIENCE);
        Self { channel: endpoint.connect_lazy() }
    }

    /// The same over TLS, to an address such as `https://127.0.0.1:7400`.
    pub fn over_tls(uri: &str, files: &ClientFiles) -> Self {
        let endpoint = Endpoint::from_shared(uri.to_owned()).unwrap().timeout(PATIENCE);
        Self { channel: client::connect_lazily(&endpoint, files) }
    }

    /// For a service that has no client here.
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    pub fn environments(&self) -> EnvironmentsClient<Channel> {
        EnvironmentsClient::new(self.channel.clone())
    }

    pub fn api_groups(&self) -> ApiGroupsClient<Channel> {
        ApiGroupsClient::new(self.channel.clone())
    }

    pub fn apis(&self) -> ApisClient<Channel> {
        ApisClient::new(self.channel.clone())
    }

    pub fn signature_keys(&self) -> SignatureKeysClient<Channel> {
        SignatureKeysClient::new(self.channel.clone())
    }

    pub fn bindings(&self) -> BindingsClient<Channel> {
        BindingsClient::new(self.channel.clone())
    }

    pub fn events(&self) -> EventsClient<Channel> {
        EventsClient::new(self.channel.clone())
    }

    pub fn nodes(&self) -> NodesClient<Channel> {
        NodesClient::new(self.channel.clone())
    }

    /// Makes an environment; its id.
    pub async fn create_environment(&self, name: &str) -> String {
        let environment = Environment { name: name.to_owned(), ..Environment::default() };
        let request =
            v1::CreateEnvironmentRequest { environment: Some(environment), ..Default::default() };
        let reply = self.environments().create_environment(request).await.unwrap().into_inner();
        reply.environment.unwrap().id
    }

    /// Makes a group; its id.
    pub async fn create_group(&self, name: &str, domains: &[&str]) -> String {
        let domains = domains.iter().map(|&domain| domain.to_owned()).collect();
        let group = ApiGroup { name: name.to_owned(), domains, ..ApiGroup::default() };
        let request = v1::CreateApiGroupRequest { api_group: Some(group), ..Default::default() };
        let reply = self.api_groups().create_api_group(request).await.unwrap().into_inner();
        reply.api_group.unwrap().id
    }

    /// Makes an API; its id.
    pub async fn create_api(&self, api: Api) -> String {
        let request = v1::CreateApiRequest { api: Some(api), ..Default::default() };
        let reply = self.apis().create_api(request).await.unwrap().into_inner();
        reply.api.unwrap().id
    }

    /// Makes a signature key; its id.
    pub async fn create_key(&self, key: &Key) -> String {
        let signature_key = SignatureKey {
            name: key.name.to_owned(),
            r#type: key.key_type.into(),
            key: key.key.to_owned(),
            ..SignatureKey::default()
        };
        let request = v1::CreateSignatureKeyRequest {
            signature_key: Some(signature_key),
            secret: key.secret.to_owned(),
            ..Default::default()
        };
        let reply = self.signature_keys().create_signature_key(request).await.unwrap();
        reply.into_inner().signature_key.unwrap().id
    }

    /// Publishes an API; the revision from which on nodes serve it.
    pub async fn publish(&self, api: &str, environment: &str) -> u64 {
        let (api, environment) = (api.to_owned(), environment.to_owned());
        let request = v1::PublishApiRequest { api, environment, ..Default::default() };
        self.apis().publish_api(request).await.unwrap().into_inner().revision
    }

    pub async fn take_offline(&self, api: &str, environment: &str) -> u64 {
        let (api, environment) = (api.to_owned(), environment.to_owned());
        let request = v1::TakeApiOfflineRequest { api, environment, ..Default::default() };
        self.apis().take_api_offline(request).await.unwrap().into_inner().revision
    }

    /// Binds a key; the revision from which on nodes sign with it.
    pub async fn bind(&self, key: &str, api: &str, environment: &str) -> u64 {
        self.bound(key, api, environment, false).await
    }

    /// Exchanges the key that is bound.
    pub async fn rebind(&self, key: &str, api: &str, environment: &str) -> u64 {
        self.bound(key, api, environment, true).await
    }

    pub async fn unbind(&self, api: &str, environment: &str) -> u64 {
        let (api, environment) = (api.to_owned(), environment.to_owned());
        let request = v1::DeleteBindingRequest { api, environment, ..Default::default() };
        self.bindings().delete_binding(request).await.unwrap().into_inner().revision
    }

    /// What the control plane knows of a node.
    pub async fn node(&self, name: &str) -> v1::Node {
        let request = v1::GetNodeRequest { node: name.to_owned() };
        self.nodes().get_node(request).await.unwrap().into_inner().node.unwrap()
    }

    async fn bound(&self, key: &str, api: &str, environment: &str, replace: bool) -> u64 {
        let request = v1::CreateBindingRequest {
            signature_key: key.to_owned(),
            api: api.to_owned(),
            environment: environment.to_owned(),
            replace,
            ..Default::default()
        };
        self.bindings().create_binding(request).await.unwrap().into_inner().revision
    }
}
