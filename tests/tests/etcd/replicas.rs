//! Three replicas on one etcd: one decides, all serve, and it may be killed at any moment.

use std::collections::BTreeSet;
use std::path::Path;

use countersign_proto::v1::master_keys_client::MasterKeysClient;
use countersign_proto::v1::{self, SignatureKey, SignatureKeyType};
use countersign_tests::{
    Backend, ControlPlaneProcess, Etcd, Management, eventually, get, node_with, soon,
};

use tokio::task::{JoinSet, LocalSet};
use tonic::Code;

use super::{ORDERS, RELEASE, create_orders};

/// So many write at once, each so many keys, and after so many of all the replica that leads is killed.
const WRITERS: usize = 4;
const KEYS_EACH: usize = 12;
const KILLED_AFTER: u64 = 15;
const KEYS: usize = WRITERS * KEYS_EACH;

const LEADS: &str = "countersign_log_leading 1\n";

pub(crate) struct Replicas {
    pub(crate) planes: Vec<ControlPlaneProcess>,
    pub(crate) etcd: Etcd,
}

impl Replicas {
    pub(crate) async fn start(directory: &Path) -> Self {
        let etcd = Etcd::start();
        let (endpoint, master) = (etcd.endpoint(), directory.join("master.key"));
        std::fs::write(&master, format!("{}\n", "5a".repeat(32))).unwrap();
        std::fs::set_permissions(&master, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .unwrap();
        let master = master.to_str().unwrap();
        let args = ["--log", "etcd", "--etcd-endpoint", &endpoint, "--master-key-file", master];
        let mut planes = Vec::new();
        for name in ["one", "two", "three"] {
            planes.push(ControlPlaneProcess::start_with(&directory.join(name), &args).await);
        }
        Self { planes, etcd }
    }

    pub(crate) fn managements(&self) -> Vec<Management> {
        self.planes.iter().map(ControlPlaneProcess::management).collect()
    }

    /// Which one decides, by its own word.
    pub(crate) async fn leader(&self) -> usize {
        eventually("a replica leads", async || {
            for (place, plane) in self.planes.iter().enumerate() {
                if tokio::net::TcpStream::connect(plane.status_address).await.is_ok()
                    && get(plane.status_address, "/metrics").await.text().contains(LEADS)
                {
                    return Some(place);
                }
            }
            None
        })
        .await
    }
}

async fn keys(management: &Management) -> Vec<String> {
    let request = v1::ListSignatureKeysRequest { page_size: 1_000, ..Default::default() };
    let listed = management.signature_keys().list_signature_keys(request).await.unwrap();
    listed.into_inner().signature_keys.into_iter().map(|key| key.name).collect()
}

/// Asks one replica after another, with one request id, until one has it done.
async fn write(managements: &[Management], number: usize) -> u64 {
    let request = v1::CreateSignatureKeyRequest {
        signature_key: Some(SignatureKey {
            name: format!("key_{number:03}"),
            r#type: SignatureKeyType::Hmac.into(),
            ..SignatureKey::default()
        }),
        request_id: format!("write-{number}"),
        ..Default::default()
    };
    eventually("a write is done", async || {
        for management in managements {
            let reply = management.signature_keys().create_signature_key(request.clone()).await;
            match reply {
                Ok(done) => return Some(done.into_inner().revision),
                // Of one that was killed nobody knows whether it did it.
                Err(status) => assert!(
                    matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Cancelled),
                    "{status}"
                ),
            }
        }
        None
    })
    .await
}

#[tokio::test]
async fn the_leader_is_killed_while_it_writes_and_nothing_is_lost_or_repeated() {
    let data = tempfile::tempdir().unwrap();
    let mut replicas = Replicas::start(data.path()).await;
    let leader = replicas.leader().await;
    let backend = Backend::start().await;
    let revision = create_orders(&replicas.managements()[leader], &backend).await;

    // It listens to those that follow, and later to whichever is left.
    let uris: Vec<String> = (1..4).map(|step| replicas.planes[(leader + step) % 3].uri()).collect();
    let node = node_with(&uris[0], "node-1", |config| config.control_planes = uris.clone()).await;
    soon("the binding", node.wait_for(revision)).await;
    assert_eq!(get(node.proxy_address(), "/orders").await.status, 200);
    ORDERS.assert_signed(&backend.last());

    let (here, mut writing) = (LocalSet::new(), JoinSet::new());
    for writer in 0..WRITERS {
        let managements = replicas.managements();
        let writer = async move {
            let mut revisions = Vec::new();
            for number in writer * KEYS_EACH..(writer + 1) * KEYS_EACH {
                revisions.push(write(&managements, number).await);
            }
            revisions
        };
        writing.spawn_local_on(writer, &here);
    }
    let some = node.wait_for(revision + KILLED_AFTER);
    soon("some are written", here.run_until(some)).await;
    replicas.planes[leader].process.kill();
    let mut revisions = BTreeSet::new();
    while let Some(written) = soon("the writes", here.run_until(writing.join_next())).await {
        for revision in written.unwrap() {
            assert!(revisions.insert(revision), "a revision for each");
        }
    }
    let last = *revisions.last().unwrap();
    assert_eq!(last, revision + KEYS as u64, "nothing came twice");

    replicas.planes[leader].start_again().await;
    let written: Vec<String> = (0..KEYS).map(|number| format!("key_{number:03}")).collect();
    for plane in &replicas.planes {
        let management = plane.management();
        eventually("it has followed", async || {
            let mut names = keys(&management).await;
            names.sort();
            (names.len() == KEYS + 1).then_some(names)
        })
        .await
        .iter()
        .filter(|name| *name != "orders")
        .zip(&written)
        .for_each(|(found, written)| assert_eq!(found, written));
    }
    soon("the last write", node.wait_for(last)).await;
    let next = replicas.leader().await;
    assert_ne!(next, leader, "who was killed follows now");
    let revision = replicas.managements()[next].rebind("key_039", "orders", RELEASE).await;
    soon("the other key", node.wait_for(revision)).await;
    assert_eq!(get(node.proxy_address(), "/orders").await.status, 200);
    soon("the node's end", node.shutdown()).await;
}

#[tokio::test]
async fn a_secret_that_was_replaced_is_forgotten_in_every_directory() {
    let data = tempfile::tempdir().unwrap();
    let replicas = Replicas::start(data.path()).await;
    let management = replicas.managements().swap_remove(0);
    let id = management.create_key(&ORDERS).await;
    let epoch = async |management: &Management| {
        let mut keys = MasterKeysClient::new(management.channel());
        let reply = keys.get_master_key(v1::GetMasterKeyRequest {}).await.unwrap();
        reply.into_inner().keystore_epoch
    };
    let mut before = Vec::new();
    for management in replicas.managements() {
        before.push(epoch(&management).await);
    }
    let request = v1::ReplaceSecretRequest { signature_key: id, ..Default::default() };
    management.signature_keys().replace_secret(request).await.unwrap();
    for (management, before) in replicas.managements().iter().zip(before) {
        eventually("its data keys moved on", async || {
            (epoch(management).await > before).then_some(())
        })
        .await;
    }
}
