//! A rotation while operators write and a node signs: nobody notices, and the former key is worth
//! nothing afterwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use countersign_proto::v1;
use countersign_tests::{
    Backend, Cli, ControlPlaneProcess, Key, Management, NodeProcess, eventually, get,
};

use crate::memory::gateway;

const KEY: Key = Key::hmac("orders", "orders-2026", "Orders_secret-2026!first");
const WRITTEN: Key = Key::hmac("written", "written-2026", "Written_secret-2026!0");

/// Replaces one secret again and again; how often, so far.
async fn write(management: Management, going: Arc<AtomicBool>, done: Arc<AtomicU64>) {
    while going.load(Ordering::Relaxed) {
        let number = done.load(Ordering::Relaxed);
        let request = v1::ReplaceSecretRequest {
            signature_key: WRITTEN.name.into(),
            secret: format!("Written_secret-2026!{number}"),
            ..v1::ReplaceSecretRequest::default()
        };
        management.signature_keys().replace_secret(request).await.unwrap();
        done.fetch_add(1, Ordering::Relaxed);
    }
}

async fn sign(
    node: std::net::SocketAddr,
    backend: Arc<Backend>,
    going: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
) {
    while going.load(Ordering::Relaxed) {
        assert_eq!(get(node, "/orders").await.status, 200);
        KEY.assert_signed(&backend.last());
        done.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_fails_while_the_master_key_is_rotated_and_the_former_one_opens_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path().join("data");
    let mut plane = ControlPlaneProcess::start(&data_dir).await;
    let backend = Arc::new(Backend::start().await);
    gateway(&plane, &backend, &KEY).await;
    plane.management().create_key(&WRITTEN).await;
    let node = NodeProcess::start(&plane.uri(), "node-1", directory.path()).await;

    let going = Arc::new(AtomicBool::new(true));
    let (written, signed) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let writer = tokio::spawn(write(plane.management(), Arc::clone(&going), Arc::clone(&written)));
    let (address, seen) = (node.proxy_address, Arc::clone(&backend));
    let signer = tokio::spawn(sign(address, seen, Arc::clone(&going), Arc::clone(&signed)));
    let both_go_on = async || {
        let before = [&written, &signed].map(|count| count.load(Ordering::Relaxed));
        eventually("ten more of both", async || {
            let now = [&written, &signed].map(|count| count.load(Ordering::Relaxed));
            (now[0] >= before[0] + 10 && now[1] >= before[1] + 10).then_some(())
        })
        .await;
    };

    let cli = Cli::to(&plane.uri());
    let (former, next) = (data_dir.join("master.key"), data_dir.join("master.key.next"));
    let rotate = "master-key rotate --reason yearly";
    both_go_on().await;
    let missing = cli.say(rotate);
    assert!(missing.stderr.contains("there is no master key at"), "{}", missing.stderr);
    for number in 2..=4 {
        assert_eq!(cli.say(&format!("master-key new {}", next.display())).status, 0);
        assert_eq!(cli.json(rotate)["number"], number);
        both_go_on().await;
        let same = cli.say(rotate);
        assert!(same.stderr.contains("is the one that is in use"), "{}", same.stderr);
        std::fs::rename(&former, directory.path().join(format!("former-{number}"))).unwrap();
        std::fs::rename(&next, &former).unwrap();
    }
    assert_eq!(cli.json("master-key get")["number"], 4);
    going.store(false, Ordering::Relaxed);
    writer.await.unwrap();
    signer.await.unwrap();
    let events = cli.json("events list --type master_key_rotated").to_string();
    assert_eq!(events.matches("yearly").count(), 3, "{events}");

    // A crash at once, and a start with each key.
    plane.process.kill();
    let current = std::fs::read(&former).unwrap();
    std::fs::copy(directory.path().join("former-4"), &former).unwrap();
    plane.spawn_again();
    let ended = eventually("the former key is refused", async || plane.process.ended()).await;
    let said = plane.process.log();
    assert_eq!(ended.code(), Some(1), "{said}");
    assert!(said.contains("the master key is not the one"), "{said}");
    // As the operator leaves it who has not yet put the new one in the place of the other.
    std::fs::write(&next, current).unwrap();
    std::fs::set_permissions(&next, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    plane.start_again().await;
    assert!(plane.process.log().contains("put it in the place of the former one"));
    assert_eq!(get(address, "/orders").await.status, 200);
    KEY.assert_signed(&backend.last());
}
