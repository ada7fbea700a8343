//! A control plane whose log is in etcd, from end to end, with a real etcd.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod admission;
mod forwarding;
mod fresh;
mod full;
mod housekeeping;
#[path = "../cluster/members.rs"]
mod members;
mod migrating;
mod replicas;

use std::path::Path;

use countersign_proto::v1::{Api, Backend as BackendOf, Method};
use countersign_tests::{
    Backend, ControlPlaneProcess, Etcd, Key, Management, Process, eventually, get, node, soon,
};

const ORDERS: Key = Key::hmac("orders", "orders-2026", "Orders_secret-2026!first");
const REPORTS: Key = Key::hmac("reports", "reports-2026", "Reports_secret-2026!second");
const RELEASE: &str = "RELEASE";

async fn start(etcd: &Etcd, data_dir: &Path) -> ControlPlaneProcess {
    let endpoint = etcd.endpoint();
    let args = ["--log", "etcd", "--etcd-endpoint", &endpoint];
    ControlPlaneProcess::start_with(data_dir, &args).await
}

async fn create_orders(management: &Management, backend: &Backend) -> u64 {
    management.create_group("shop", &[]).await;
    let api = Api {
        api_group: "shop".to_owned(),
        name: "orders".to_owned(),
        method: Method::Get.into(),
        path: "/orders".to_owned(),
        backend: Some(BackendOf {
            scheme: "http".to_owned(),
            targets: vec![backend.address().to_string()],
            ..BackendOf::default()
        }),
        ..Api::default()
    };
    let id = management.create_api(api).await;
    management.publish(&id, RELEASE).await;
    management.create_key(&ORDERS).await;
    management.bind("orders", "orders", RELEASE).await
}

#[tokio::test]
async fn a_control_plane_on_etcd_is_killed_and_goes_on_where_it_was() {
    let (etcd, data) = (Etcd::start(), tempfile::tempdir().unwrap());
    let backend = Backend::start().await;
    let mut plane = start(&etcd, &data.path().join("one")).await;
    let management = plane.management();
    let revision = create_orders(&management, &backend).await;
    let node = node(&plane.uri(), "node-1").await;
    soon("the binding", node.wait_for(revision)).await;
    assert_eq!(get(node.proxy_address(), "/orders").await.status, 200);
    ORDERS.assert_signed(&backend.last());

    plane.process.kill();
    assert_eq!(get(node.proxy_address(), "/orders").await.status, 200, "without a control plane");
    plane.start_again().await;
    management.create_key(&REPORTS).await;
    let revision = management.rebind("reports", "orders", RELEASE).await;
    soon("the other binding", node.wait_for(revision)).await;
    assert_eq!(get(node.proxy_address(), "/orders").await.status, 200);
    REPORTS.assert_signed(&backend.last());
    let known = management.node("node-1").await;
    assert_eq!(known.snapshots_sent, 0, "it went on by deltas: {known:?}");
    soon("the node's end", node.shutdown()).await;
}

#[tokio::test]
async fn a_replicas_directory_is_not_taken_for_a_log_of_its_own() {
    let (etcd, data) = (Etcd::start(), tempfile::tempdir().unwrap());
    let directory = data.path().join("one");
    let mut plane = start(&etcd, &directory).await;
    plane.process.stop().await;
    let log = data.path().join("alone.log");
    let directory = directory.to_str().unwrap();
    let mut args = vec!["control-plane", "--plaintext", "--data-dir", directory];
    args.extend(["--listen", "127.0.0.1:0", "--status-listen", "127.0.0.1:0"]);
    let mut alone = Process::spawn(&args, &log);
    let ended = eventually("the process ends", async || alone.ended()).await;
    assert!(!ended.success());
    assert!(alone.log().contains("--log etcd"), "{}", alone.log());
}
