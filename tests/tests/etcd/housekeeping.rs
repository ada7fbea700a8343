//! Forgetting etcd's history: what keys held before is gone, and nothing of the log.

use std::fs::{Permissions, set_permissions, write};
use std::os::unix::fs::PermissionsExt as _;

use countersign_proto::v1;
use countersign_tests::{Backend, ControlPlaneProcess, Etcd, eventually};

use super::{ORDERS, RELEASE, create_orders};

/// So often a key is bound and unbound; each time leaves a former head in etcd.
const REBOUND: usize = 20;

#[tokio::test]
async fn history_is_forgotten_and_a_new_replica_has_all_of_the_log() {
    let (etcd, data) = (Etcd::start(), tempfile::tempdir().unwrap());
    let (endpoint, master) = (etcd.endpoint(), data.path().join("master.key"));
    write(&master, "5a".repeat(32)).unwrap();
    set_permissions(&master, Permissions::from_mode(0o600)).unwrap();
    let args = ["--log", "etcd", "--etcd-endpoint", &endpoint, "--etcd-compact-after", "1s"];
    let args = [&args[..], &["--master-key-file", master.to_str().unwrap()]].concat();
    let plane = ControlPlaneProcess::start_with(&data.path().join("one"), &args).await;
    let (management, backend) = (plane.management(), Backend::start().await);
    create_orders(&management, &backend).await;

    let mut revision = 0;
    for _ in 0..REBOUND {
        management.unbind("orders", RELEASE).await;
        revision = management.bind(ORDERS.name, "orders", RELEASE).await;
    }
    eventually("the history is forgotten", async || {
        let early = etcd.try_ask("kv/range", r#"{"key":"YQ==","revision":"3"}"#);
        early.err()?.contains("has been compacted").then_some(())
    })
    .await;

    let other = ControlPlaneProcess::start_with(&data.path().join("two"), &args).await;
    let request = v1::GetEnvironmentRequest { environment: RELEASE.to_owned() };
    let read = other.management().environments().get_environment(request).await.unwrap();
    assert!(read.into_inner().revision >= revision, "a replica that is new has all of it");
    let again = management.unbind("orders", RELEASE).await;
    assert!(again > revision, "and appending goes on");
}
