//! A secret is nowhere but in the node's memory and on the request it signs: not on the disk, not
//! in a reply, not in a log, not in a metric. Searched for with canaries, in real processes.

use std::path::Path;

use countersign_delivery::Recipient;
use countersign_proto::v1;
use countersign_proto::v1::subscribe_request::Message as FromNode;
use countersign_proto::v1::subscribe_response::Message as ToNode;
use countersign_proto::v1::sync_client::SyncClient;
use countersign_tests::{
    Backend, Cli, ControlPlaneProcess, Key, NodeProcess, eventually, get, soon,
};
use data_encoding::{BASE64, HEXLOWER, HEXUPPER};
use prost::Message as _;
use tokio_stream::StreamExt as _;

use crate::gateway::{Gateway, RELEASE, SHOP, api_of};

const CANARY: Key = Key::hmac("canary", "canary-key-1", "Canary_7f3a-secret!one");
const REPLACED: Key = Key { secret: "Canary_9c1e-secret!two", ..CANARY };
const BASIC: Key = Key::basic("basic_canary", "basiccanary", "Canary_basic#55$x");

#[tokio::test]
async fn secrets_are_in_no_file_reply_log_or_metric() {
    let directory = tempfile::tempdir().unwrap();
    let (data_dir, nodes_dir) = (directory.path().join("data"), directory.path().join("nodes"));
    std::fs::create_dir(&nodes_dir).unwrap();
    let loud = ["--log-level", "trace"];
    let mut plane = ControlPlaneProcess::start_with(&data_dir, &loud).await;
    let mut node = NodeProcess::start_with(&plane.uri(), "node-1", &nodes_dir, &loud).await;
    let (management, backend) = (plane.management(), Backend::start().await);
    let cli = Cli::to(&plane.uri());
    // Everything that anybody was told.
    let mut told = Vec::new();

    management.create_group(SHOP, &[]).await;
    for (api, key) in [("orders", &CANARY), ("returns", &BASIC)] {
        management.create_api(api_of(&backend, SHOP, api, &format!("/{api}"))).await;
        management.publish(api, RELEASE).await;
        let create = format!(
            "key create {} --type {} --key {} --secret-stdin",
            key.name,
            type_of(key),
            key.key
        );
        told.push(cli.json_with(&create, key.secret).to_string());
        management.bind(key.name, api, RELEASE).await;
    }
    told.push(
        cli.json_with("key replace-secret canary --secret-stdin", REPLACED.secret).to_string(),
    );
    let generated = cli.json("key create generated --type hmac");
    let generated = generated["generated_secret"].as_str().unwrap().to_owned();
    assert_eq!(generated.len(), 64, "shown once, in the reply that made it");

    // Refusals repeat what was wrong, never the secret.
    let short = "Canary_7";
    for line in
        ["key create other --type hmac --secret-stdin", "key replace-secret canary --secret-stdin"]
    {
        let said = cli.say_with(line, short);
        assert_eq!(said.status, 1, "{}", said.stderr);
        assert!(!said.stderr.contains(short) && !said.stdout.contains(short), "{}", said.stderr);
    }

    let revision = management.publish("orders", RELEASE).await;
    node.wait_for(revision).await;
    for (path, key) in [("/orders", &REPLACED), ("/returns", &BASIC)] {
        assert_eq!(get(node.proxy_address, path).await.status, 200);
        key.assert_signed(&backend.last());
    }
    for line in [
        "key list",
        "key get canary",
        "key get generated",
        "binding list",
        "api list",
        "env list",
        "group list",
        "node list",
        "events list",
        "publication list",
    ] {
        for format in ["table", "json", "yaml"] {
            let said = cli.say(&format!("{line} -o {format}"));
            assert_eq!(said.status, 0, "{line}: {}", said.stderr);
            told.extend([said.stdout, said.stderr]);
        }
    }
    let tail = v1::TailEventsRequest { revision_from: 1 };
    let mut events = management.events().tail_events(tail).await.unwrap().into_inner();
    for _ in 1..=revision {
        let event = soon("an event", events.message()).await.unwrap().unwrap().event.unwrap();
        if let Some(v1::event::Payload::SignatureKeyCreated(created)) = &event.payload {
            assert!(created.secret.as_ref().unwrap().ciphertext.is_empty(), "not even sealed");
        }
        told.push(format!("{event:?}"));
    }
    drop(events);
    // A backup is compressed; what it was restored to is not.
    let (backup, restored) = (directory.path().join("a.backup"), directory.path().join("restored"));
    let (backup, restored) = (backup.display(), restored.display());
    told.push(cli.json(&format!("backup create --to {backup}")).to_string());
    told.push(cli.json(&format!("restore --from {backup} --to {restored}")).to_string());
    for status in [plane.status_address, node.status_address] {
        told.push(get(status, "/metrics").await.text().to_owned());
    }

    // Where a search must find something, so that it can be trusted where it must not.
    let names = told.iter().filter(|text| text.contains(CANARY.name)).count();
    assert!(names > 5, "the canary's name is told of: {names}");
    for kept in [&data_dir, &directory.path().join("restored")] {
        assert!(files(kept).iter().any(|(_, bytes)| contains(bytes, CANARY.key.as_bytes())));
    }
    let master = std::fs::read(data_dir.join("master.key")).unwrap();
    let copies = files(directory.path()).into_iter();
    let copies = copies.filter(|(place, _)| !place.starts_with(&data_dir.display().to_string()));
    for (place, bytes) in copies {
        assert!(!contains(&bytes, master.trim_ascii()), "the master key is in {place}");
    }

    assert!(plane.process.stop().await.success());
    assert!(node.process.stop().await.success());
    let logs = [plane.process.log(), node.process.log()];
    assert!(logs.iter().all(|log| log.len() > 500), "{logs:?}");
    told.extend(logs);
    let everything = told.into_iter().map(|text| ("a reply or log".to_owned(), text.into_bytes()));
    let everything: Vec<_> = everything.chain(files(directory.path())).collect();
    for secret in [CANARY.secret, REPLACED.secret, BASIC.secret, &generated] {
        for form in forms(secret) {
            for (place, bytes) in &everything {
                assert!(
                    !contains(bytes, &form),
                    "{} is in {place}",
                    String::from_utf8_lossy(&form)
                );
            }
        }
    }
}

/// What a relay could read, or whoever stands beside the wire.
#[tokio::test]
async fn no_secret_is_in_the_stream_to_a_node() {
    let gateway = Gateway::signing_orders_with(&CANARY).await;
    let hello = v1::Hello {
        node: "eavesdropper".into(),
        instance: "1".into(),
        protocol_version: 1,
        environments: vec![RELEASE.into()],
        delivery_public_key: Recipient::generate().unwrap().public_key().to_vec(),
        ..v1::Hello::default()
    };
    let hello = v1::SubscribeRequest { message: Some(FromNode::Hello(hello)) };
    let said = tokio_stream::once(hello).chain(tokio_stream::pending());
    let mut sync = SyncClient::connect(gateway.plane.uri()).await.unwrap();
    let mut stream = sync.subscribe(said).await.unwrap().into_inner();
    let mut came = Vec::new();
    let mut read_until = async |revision: u64| {
        loop {
            let message = soon("a message", stream.message()).await.unwrap().unwrap();
            came.extend(message.encode_to_vec());
            let reached = match message.message {
                Some(ToNode::SnapshotEnd(end)) => end.revision,
                Some(ToNode::Delta(delta)) => delta.revision,
                _ => 0,
            };
            if reached >= revision {
                break;
            }
        }
    };
    read_until(gateway.plane.revision()).await;
    let request = v1::ReplaceSecretRequest {
        signature_key: CANARY.name.into(),
        secret: REPLACED.secret.into(),
        ..v1::ReplaceSecretRequest::default()
    };
    gateway.management.signature_keys().replace_secret(request).await.unwrap();
    read_until(gateway.plane.revision()).await;

    let keys = memchr::memmem::find_iter(&came, CANARY.key).count();
    assert_eq!(keys, 2, "both times the signature key came");
    for secret in [CANARY.secret, REPLACED.secret] {
        for form in forms(secret) {
            assert!(!contains(&came, &form), "{} is in it", String::from_utf8_lossy(&form));
        }
    }
    drop(stream);
    gateway.end().await;
}

/// A data key goes from the disk soon after its secret was replaced or deleted, and a start goes on
/// without it, though the log that it replays still holds the ciphertext.
#[tokio::test]
async fn what_was_replaced_or_deleted_is_forgotten_and_a_start_needs_it_no_more() {
    let directory = tempfile::tempdir().unwrap();
    let (data_dir, nodes_dir) = (directory.path().join("data"), directory.path().join("nodes"));
    std::fs::create_dir(&nodes_dir).unwrap();
    let mut plane = ControlPlaneProcess::start(&data_dir).await;
    let mut node = NodeProcess::start(&plane.uri(), "node-1", &nodes_dir).await;
    let (management, backend) = (plane.management(), Backend::start().await);
    management.create_group(SHOP, &[]).await;
    management.create_api(api_of(&backend, SHOP, "orders", "/orders")).await;
    management.publish("orders", RELEASE).await;
    management.create_key(&CANARY).await;
    management.create_key(&BASIC).await;
    management.bind(CANARY.name, "orders", RELEASE).await;
    let keystore = data_dir.join("keystore");
    let data_keys = || std::fs::metadata(&keystore).unwrap().len() / 128 - 1;
    assert_eq!(data_keys(), 2);

    let cli = Cli::to(&plane.uri());
    cli.json_with("key replace-secret canary --secret-stdin", REPLACED.secret);
    assert_eq!(cli.say("key delete basic_canary").status, 0);
    eventually("both are forgotten", async || (data_keys() == 1).then_some(())).await;

    plane.process.kill();
    plane.start_again().await;
    let revision = plane.management().publish("orders", RELEASE).await;
    node.wait_for(revision).await;
    assert_eq!(get(node.proxy_address, "/orders").await.status, 200);
    REPLACED.assert_signed(&backend.last());
    assert!(node.process.stop().await.success());
    assert!(plane.process.stop().await.success());
}

#[tokio::test]
async fn a_keystore_older_than_the_log_is_refused_at_start() {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path().join("data");
    let mut plane = ControlPlaneProcess::start(&data_dir).await;
    let keystore = data_dir.join("keystore");
    let older = std::fs::read(&keystore).unwrap();
    // Bound to nothing: no node would ask for it today.
    plane.management().create_key(&CANARY).await;
    plane.process.stop().await;
    let newer = std::fs::read(&keystore).unwrap();

    std::fs::write(&keystore, older).unwrap();
    plane.spawn_again();
    let ended = eventually("the start is refused", async || plane.process.ended()).await;
    let said = plane.process.log();
    assert_eq!(ended.code(), Some(1), "{said}");
    assert!(said.contains("the keystore has no data key for the secret"), "{said}");
    assert!(said.contains("Restore the keystore file from a backup"), "{said}");

    std::fs::write(&keystore, newer).unwrap();
    plane.start_again().await;
}

fn type_of(key: &Key) -> &'static str {
    if key.key_type == v1::SignatureKeyType::Basic { "basic" } else { "hmac" }
}

/// A secret as it may be written, at any place in a base64 text.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![
        secret.to_owned(),
        HEXLOWER.encode(secret.as_bytes()),
        HEXUPPER.encode(secret.as_bytes()),
    ];
    for before in 0..3 {
        let text = BASE64.encode(&[&vec![0; before], secret.as_bytes()].concat());
        // The first and last group of four also hold bits of what stands beside the secret.
        forms.push(text[4..text.len() - 4].to_owned());
    }
    let digits = HEXUPPER.encode(secret.as_bytes()).into_bytes();
    let escaped: Vec<u8> = digits.chunks(2).flat_map(|pair| [b"%", pair].concat()).collect();
    forms.push(String::from_utf8(escaped).unwrap());
    forms.into_iter().map(String::into_bytes).collect()
}

fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else {
            files.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    files
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    memchr::memmem::find(bytes, wanted).is_some()
}
