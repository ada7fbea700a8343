//! What most tests begin with: a control plane, a node, a backend, and a group for any host.

use countersign_data_plane::Node;
use countersign_proto::v1::{Api, Backend as BackendOf, Method};
use countersign_tests::{Answer, Backend, Key, Management, Plane, get, node, request, soon};

pub(crate) const RELEASE: &str = "RELEASE";
/// The group of [`Gateway::api`].
pub(crate) const SHOP: &str = "shop";

pub(crate) const ORDERS: Key = Key::hmac("orders", "orders-2026", "Orders_secret-2026!first");
pub(crate) const REPORTS: Key = Key::hmac("reports", "reports-2026", "Reports_secret-2026!second");
pub(crate) const LEGACY: Key = Key::basic("legacy", "legacy", "Legacy$password#1");

pub(crate) struct Gateway {
    pub(crate) plane: Plane,
    pub(crate) node: Node,
    pub(crate) backend: Backend,
    pub(crate) management: Management,
}

impl Gateway {
    pub(crate) async fn start() -> Self {
        let (plane, backend) = (Plane::start().await, Backend::start().await);
        let management = plane.management();
        management.create_group(SHOP, &[]).await;
        let node = node(&plane.uri(), "node-1").await;
        Self { plane, node, backend, management }
    }

    /// An API of the group that takes GET and leads to the backend.
    pub(crate) fn api(&self, name: &str, path: &str) -> Api {
        api_of(&self.backend, SHOP, name, path)
    }

    /// Makes an API and publishes it in RELEASE.
    pub(crate) async fn publish(&self, api: Api) {
        let id = self.management.create_api(api).await;
        let revision = self.management.publish(&id, RELEASE).await;
        self.node.wait_for(revision).await;
    }

    /// A gateway on which `GET /orders` is signed with this key.
    pub(crate) async fn signing_orders_with(key: &Key) -> Self {
        let gateway = Self::start().await;
        gateway.publish(gateway.api("orders", "/orders")).await;
        gateway.management.create_key(key).await;
        gateway.bind(key, "orders").await;
        gateway
    }

    /// Binds in RELEASE, and waits for the node.
    pub(crate) async fn bind(&self, key: &Key, api: &str) {
        let revision = self.management.bind(key.name, api, RELEASE).await;
        self.reached(revision).await;
    }

    /// Waits until the node signs with the revision.
    pub(crate) async fn reached(&self, revision: u64) {
        soon("the node's revision", self.node.wait_for(revision)).await;
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        get(self.node.proxy_address(), target).await
    }

    pub(crate) async fn request(&self, bytes: impl AsRef<[u8]>) -> Answer {
        request(self.node.proxy_address(), bytes).await
    }

    /// Stops the planes, in the order in which nobody misses anybody.
    pub(crate) async fn end(mut self) {
        soon("the node's end", self.node.shutdown()).await;
        self.plane.stop().await;
    }
}

pub(crate) fn api_of(backend: &Backend, group: &str, name: &str, path: &str) -> Api {
    Api {
        api_group: group.to_owned(),
        name: name.to_owned(),
        method: Method::Get.into(),
        path: path.to_owned(),
        backend: Some(BackendOf {
            scheme: "http".to_owned(),
            targets: vec![backend.address().to_string()],
            ..BackendOf::default()
        }),
        ..Api::default()
    }
}
