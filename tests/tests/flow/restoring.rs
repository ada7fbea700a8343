//! A control plane that is lost and restored from a backup: at the newest revision of it and at one
//! before, under a new epoch, which nodes take only when they are told to.

use std::path::{Path, PathBuf};

use countersign_data_plane::Node;
use countersign_tests::{Cli, Management, Plane, eventually, get, node_with};
use serde_json::Value;

use crate::gateway::{Gateway, LEGACY, ORDERS, RELEASE, REPORTS};

struct Restored {
    directory: PathBuf,
    told: Value,
}

/// Restores from a backup as far as these words say, and puts the master key in its place.
fn restore(cli: &Cli, backup: &Path, to: &str, words: &str, master: &Path) -> Restored {
    let directory = backup.with_file_name(to);
    let line = format!("restore --from {} --to {} {words}", backup.display(), directory.display());
    let told = cli.json(&line);
    std::fs::copy(master, directory.join("master.key")).unwrap();
    Restored { directory, told }
}

async fn finds_another_log(node: &Node) {
    eventually("the node finds another log", async || {
        let metrics = get(node.status_address().unwrap(), "/metrics").await;
        metrics.text().contains("countersign_node_foreign_log 1").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_restored_at_its_head_and_before_and_nodes_take_it_when_they_are_told() {
    let mut gateway = Gateway::signing_orders_with(&ORDERS).await;
    let before = gateway.plane.revision();
    let management: Management = gateway.management.clone();
    management.create_key(&REPORTS).await;
    management.create_key(&LEGACY).await;
    let revision = management.rebind(REPORTS.name, "orders", RELEASE).await;
    gateway.reached(revision).await;

    let cli = Cli::to(&gateway.plane.uri());
    let directory = tempfile::tempdir().unwrap();
    let backup = directory.path().join("today.backup");
    let made = cli.json(&format!("backup create --to {}", backup.display()));
    assert_eq!(made["revision"], revision);
    let twice = cli.say(&format!("backup create --to {}", backup.display()));
    assert!(twice.status == 1 && twice.stderr.contains("is there already"), "{twice:?}");

    // Written after the backup, and seen by the node: lost with the disk.
    let lost = management.rebind(LEGACY.name, "orders", RELEASE).await;
    gateway.reached(lost).await;
    let master = gateway.plane.data_dir().join("master.key");
    gateway.plane.stop().await;

    let at_head = restore(&cli, &backup, "at-head", "", &master);
    assert_eq!((&at_head.told["revision"], &at_head.told["epoch"]), (&revision.into(), &1.into()));
    gateway.plane.go_on_from(&at_head.directory).await;
    assert_eq!(gateway.plane.revision(), revision);
    finds_another_log(&gateway.node).await;
    assert_eq!(gateway.get("/orders").await.status, 200);
    LEGACY.assert_signed(&gateway.backend.last());

    // Restarted with what the restore printed.
    gateway.node.shutdown().await;
    let accept = at_head.told["accept_log"].as_str().unwrap().to_owned();
    let uri = gateway.plane.uri();
    gateway.node = node_with(&uri, "node-1", |it| it.accept_log = Some(accept)).await;
    gateway.reached(revision).await;
    assert_eq!(gateway.get("/orders").await.status, 200);
    REPORTS.assert_signed(&gateway.backend.last());
    // It goes on from there, secrets and all.
    let revision = management.rebind(ORDERS.name, "orders", RELEASE).await;
    gateway.reached(revision).await;
    gateway.get("/orders").await;
    ORDERS.assert_signed(&gateway.backend.last());
    gateway.plane.stop().await;

    let words = format!("--revision {before} --epoch 2");
    let earlier = restore(&cli, &backup, "earlier", &words, &master);
    assert_eq!((&earlier.told["revision"], &earlier.told["epoch"]), (&before.into(), &2.into()));
    gateway.plane.go_on_from(&earlier.directory).await;
    finds_another_log(&gateway.node).await;
    gateway.node.shutdown().await;
    let accept = earlier.told["accept_log"].as_str().unwrap().to_owned();
    gateway.node = node_with(&uri, "node-1", |it| it.accept_log = Some(accept)).await;
    gateway.reached(before).await;
    assert_eq!(gateway.get("/orders").await.status, 200);
    ORDERS.assert_signed(&gateway.backend.last());
    management.create_key(&REPORTS).await;
    gateway.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_not_restored_where_a_secret_lived_that_is_forgotten() {
    let mut plane = Plane::start().await;
    let (management, cli) = (plane.management(), Cli::to(&plane.uri()));
    management.create_key(&ORDERS).await;
    management.create_key(&REPORTS).await;
    let lived = plane.revision();
    assert_eq!(cli.say("key delete orders").status, 0);
    let next = plane.revision();
    let keystore = plane.data_dir().join("keystore");
    let data_keys = || std::fs::metadata(&keystore).unwrap().len() / 128 - 1;
    eventually("it is forgotten", async || (data_keys() == 1).then_some(())).await;

    let directory = tempfile::tempdir().unwrap();
    let backup = directory.path().join("a.backup");
    cli.json(&format!("backup create --to {}", backup.display()));
    let to = directory.path().join("restored");
    let line = |revision: u64| {
        format!("restore --from {} --to {} --revision {revision}", backup.display(), to.display())
    };
    let refused = cli.say(&line(lived));
    assert_eq!(refused.status, 1);
    assert!(refused.stderr.contains("of the signature keys orders"), "{}", refused.stderr);
    assert!(refused.stderr.contains(&format!("all are there is {next};")), "{}", refused.stderr);
    assert!(!to.exists());

    let master = plane.data_dir().join("master.key");
    let restored = restore(&cli, &backup, "restored", &format!("--revision {next}"), &master);
    plane.stop().await;
    plane.go_on_from(&restored.directory).await;
    assert_eq!(plane.revision(), next);
    plane.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_read_of_a_damaged_directory_is_restored_and_signed_with() {
    let mut gateway = Gateway::signing_orders_with(&ORDERS).await;
    let revision = gateway.plane.revision();
    let data = gateway.plane.data_dir().to_owned();
    gateway.plane.stop().await;

    let cli = Cli::to(&gateway.plane.uri());
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("salvaged.backup");
    let line = format!("backup salvage --data-dir {} --to {}", data.display(), file.display());
    let told = cli.json(&line);
    assert_eq!((&told["revision"], &told["lost_revisions"]), (&revision.into(), &0.into()));
    let twice = cli.say(&line);
    assert!(twice.status == 1 && twice.stderr.contains("is there already"), "{twice:?}");

    let master = data.join("master.key");
    let restored = restore(&cli, &file, "restored", "", &master);
    gateway.plane.go_on_from(&restored.directory).await;
    assert_eq!(gateway.plane.revision(), revision);
    gateway.node.shutdown().await;
    let accept = restored.told["accept_log"].as_str().unwrap().to_owned();
    let uri = gateway.plane.uri();
    gateway.node = node_with(&uri, "node-1", |it| it.accept_log = Some(accept)).await;
    gateway.reached(revision).await;
    assert_eq!(gateway.get("/orders").await.status, 200);
    ORDERS.assert_signed(&gateway.backend.last());
    gateway.end().await;

    // Nothing is left but the keys.
    for gone in ["sled", "segments"] {
        std::fs::remove_dir_all(restored.directory.join(gone)).unwrap();
    }
    let second = scratch.path().join("nothing.backup");
    let directory = restored.directory.display();
    let refused =
        cli.say(&format!("backup salvage --data-dir {directory} --to {}", second.display()));
    assert_eq!(refused.status, 1);
    assert!(refused.stderr.contains("no record can be read"), "{}", refused.stderr);
    assert!(!second.exists());
}
