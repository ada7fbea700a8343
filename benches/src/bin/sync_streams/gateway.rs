//! A control plane in a process of its own, filled over gRPC, and the one change that is measured:
//! an API bound to another key.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use countersign_proto::v1::bindings_client::BindingsClient;
use countersign_proto::v1::nodes_client::NodesClient;
use countersign_proto::v1::{Api, Backend, CreateBindingRequest, ListNodesRequest, Method};
use countersign_tests::{ControlPlaneProcess, Key, Management, built};
use tonic::transport::Channel;

use crate::fleet::node_name;

const RELEASE: &str = "RELEASE";
/// What `publish_routes` makes.
const GROUP: &str = "shop";
const CHANGED_API: &str = "orders-1";
const KEYS: [&str; 2] = ["gateway", "other"];
const OTHER: Key = Key::hmac("other", "other-key-2026", "Other_secret-2026!other");

#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) plane: ControlPlaneProcess,
}

/// Whoever makes the changes: one at a time.
#[derive(Debug)]
pub(crate) struct Writer {
    bindings: BindingsClient<Channel>,
    rebound: usize,
}

/// A write that was answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    pub(crate) begun: Instant,
    pub(crate) answered: Instant,
    pub(crate) revision: u64,
}

impl Gateway {
    pub(crate) async fn start(directory: &Path, bindings: usize) -> Self {
        std::fs::create_dir_all(directory).unwrap();
        let plane = ControlPlaneProcess::start(&directory.join("data")).await;
        let publisher = built("publish_routes", "-p countersign-benches --bin publish_routes");
        let mut publish = Command::new(publisher);
        publish.args([plane.uri().as_str(), "127.0.0.1:9", &bindings.to_string()]);
        assert!(publish.status().unwrap().success(), "the control plane was not filled");
        prepare(&plane.management()).await;
        Self { plane }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.plane.process.pid()
    }

    pub(crate) fn writer(&self) -> Writer {
        Writer::to(&self.plane.management())
    }

    /// When the last of so many nodes was heard, since 1970; `None` where one of them has not
    /// acknowledged this revision. It is told in milliseconds, cut off.
    pub(crate) async fn last_heard(&self, nodes: usize, revision: u64) -> Option<Duration> {
        let mut client: NodesClient<Channel> = self.plane.management().nodes();
        let page_size = i32::try_from(nodes).unwrap();
        let request = ListNodesRequest { page_size, ..ListNodesRequest::default() };
        let listed = client.list_nodes(request).await.unwrap().into_inner().nodes;
        assert_eq!(listed.last().map(|node| node.name.as_str()), Some(&*node_name(nodes - 1)));
        let all = listed.iter().all(|node| node.acked_revision >= revision && node.in_sync);
        let heard = listed.iter().filter_map(|node| node.last_contact_time.as_ref());
        let heard = heard.map(|time| {
            let seconds = Duration::from_secs(time.seconds.unsigned_abs());
            seconds + Duration::from_nanos(u64::from(time.nanos.unsigned_abs()))
        });
        heard.max().filter(|_| all)
    }
}

/// The other key signs for an API of its own, so that an exchange makes no signer come or go.
async fn prepare(management: &Management) {
    management.create_key(&OTHER).await;
    let backend = Backend {
        scheme: "http".to_owned(),
        targets: vec!["127.0.0.1:9".to_owned()],
        ..Backend::default()
    };
    let api = Api {
        api_group: GROUP.to_owned(),
        name: "others".to_owned(),
        method: Method::Get.into(),
        path: "/others".to_owned(),
        backend: Some(backend),
        ..Api::default()
    };
    let id = management.create_api(api).await;
    management.publish(&id, RELEASE).await;
    management.bind(OTHER.name, &id, RELEASE).await;
}

impl Writer {
    pub(crate) fn to(management: &Management) -> Self {
        Self { bindings: management.bindings(), rebound: 0 }
    }

    /// Binds the API to the key that it was not bound to.
    pub(crate) async fn write(&mut self) -> Result<Written, tonic::Status> {
        let begun = Instant::now();
        let request = CreateBindingRequest {
            signature_key: KEYS[(self.rebound + 1) % KEYS.len()].to_owned(),
            api: CHANGED_API.to_owned(),
            environment: RELEASE.to_owned(),
            replace: true,
            ..CreateBindingRequest::default()
        };
        let reply = self.bindings.create_binding(request).await?.into_inner();
        self.rebound += 1;
        Ok(Written { begun, answered: Instant::now(), revision: reply.revision })
    }
}
