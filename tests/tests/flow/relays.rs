//! Nodes behind relays are as nodes at the control plane: they sign what is bound, are waited for, and
//! go on when what is before them goes. No relay ever has a secret.

use std::net::SocketAddr;
use std::path::Path;

use countersign_data_plane::Node;
use countersign_delivery::Recipient;
use countersign_proto::v1;
use countersign_proto::v1::subscribe_request::Message as FromNode;
use countersign_proto::v1::subscribe_response::Message as ToNode;
use countersign_proto::v1::sync_client::SyncClient;
use countersign_tests::{
    Backend, ControlPlaneProcess, Key, NodeProcess, PATIENCE, RelayProcess, eventually,
    free_address, get, node, node_with, relay, soon,
};
use tokio_stream::StreamExt as _;

use crate::gateway::{Gateway, ORDERS, RELEASE, REPORTS, SHOP, api_of};

fn at(address: SocketAddr) -> String {
    format!("http://{address}")
}

/// What the control plane answers to whoever waits for a revision.
async fn waited(gateway: &Gateway, revision: u64) -> v1::WaitForRevisionResponse {
    let request = v1::WaitForRevisionRequest {
        revision,
        environment: RELEASE.into(),
        timeout_ms: u32::try_from(PATIENCE.as_millis()).unwrap(),
    };
    gateway.management.nodes().wait_for_revision(request).await.unwrap().into_inner()
}

async fn reached(node: &Node, revision: u64) {
    soon("the node's revision", node.wait_for(revision)).await;
}

async fn assert_signs(gateway: &Gateway, node: &Node, key: &Key) {
    assert_eq!(get(node.proxy_address(), "/orders").await.status, 200);
    key.assert_signed(&gateway.backend.last());
}

#[tokio::test]
async fn nodes_behind_relays_in_a_row_sign_and_are_waited_for() {
    let gateway = Gateway::signing_orders_with(&ORDERS).await;
    let outer = relay(&gateway.plane.uri(), "outer", free_address()).await;
    let inner = relay(&at(outer.address()), "inner", free_address()).await;
    let behind_one = node(&at(outer.address()), "behind-one").await;
    let behind_two = node(&at(inner.address()), "behind-two").await;
    assert_signs(&gateway, &behind_two, &ORDERS).await;

    eventually("all nodes are known", async || {
        let known = gateway.management.nodes().list_nodes(v1::ListNodesRequest::default()).await;
        (known.unwrap().into_inner().nodes.len() == 5).then_some(())
    })
    .await;
    gateway.management.create_key(&REPORTS).await;
    let revision = gateway.management.rebind("reports", "orders", RELEASE).await;
    let answer = waited(&gateway, revision).await;
    assert!(answer.reached && answer.signing_count == 3, "{answer:?}");
    for node in [&gateway.node, &behind_one, &behind_two] {
        assert_signs(&gateway, node, &REPORTS).await;
    }
    let via = [("behind-one", "outer"), ("behind-two", "outer > inner"), ("node-1", "")];
    for (name, via) in via {
        let known = gateway.management.node(name).await;
        assert_eq!(known.via, via);
        assert!(known.in_sync && known.connected && !known.stale && !known.relay, "{known:?}");
        assert_eq!(known.acked_revision, revision, "{known:?}");
    }
    assert!(gateway.management.node("inner").await.relay);
    let told = get(outer.status_address().unwrap(), "/metrics").await;
    for line in [
        "countersign_relay_connected 1".to_owned(),
        format!("countersign_relay_revision {revision}"),
        "countersign_nodes_connected 2".to_owned(),
    ] {
        assert!(told.text().contains(&line), "{line}: {}", told.text());
    }

    // A relay that goes takes its nodes along, and nobody waits for them.
    soon("the relay's end", inner.shutdown()).await;
    eventually("the node is gone", async || {
        (!gateway.management.node("behind-two").await.connected).then_some(())
    })
    .await;
    let answer = waited(&gateway, gateway.plane.revision()).await;
    assert!(answer.reached && answer.signing_count == 2, "{answer:?}");
    for node in [behind_one, behind_two] {
        soon("the node's end", node.shutdown()).await;
    }
    soon("the relay's end", outer.shutdown()).await;
    gateway.end().await;
}

#[tokio::test]
async fn a_relay_that_ends_and_starts_again_is_followed_again_and_nobody_goes_back() {
    let gateway = Gateway::signing_orders_with(&ORDERS).await;
    let address = free_address();
    let first = relay(&gateway.plane.uri(), "relay", address).await;
    let behind = node(&at(address), "behind").await;
    // Dropped: as if it were killed.
    drop(first);
    gateway.management.create_key(&REPORTS).await;
    let revision = gateway.management.rebind("reports", "orders", RELEASE).await;
    assert_signs(&gateway, &behind, &ORDERS).await;

    let second = relay(&gateway.plane.uri(), "relay", address).await;
    reached(&behind, revision).await;
    assert_signs(&gateway, &behind, &REPORTS).await;
    let revision = gateway.management.rebind("orders", "orders", RELEASE).await;
    let answer = waited(&gateway, revision).await;
    assert!(answer.reached, "{answer:?}");
    reached(&behind, revision).await;
    assert_signs(&gateway, &behind, &ORDERS).await;
    soon("the node's end", behind.shutdown()).await;
    soon("the relay's end", second.shutdown()).await;
    gateway.end().await;
}

/// A node's Hello, and what the Welcome brings for its one environment.
async fn welcomed(relay: SocketAddr, hello: &v1::Hello) -> (v1::Welcome, Vec<ToNode>) {
    let message = v1::SubscribeRequest { message: Some(FromNode::Hello(hello.clone())) };
    let said = tokio_stream::once(message).chain(tokio_stream::pending());
    let mut sync = SyncClient::connect(at(relay)).await.unwrap();
    let mut stream = sync.subscribe(said).await.unwrap().into_inner();
    let mut came = Vec::new();
    loop {
        let message = soon("a message", stream.message()).await.unwrap().unwrap().message.unwrap();
        let is_end = matches!(message, ToNode::SnapshotEnd(_) | ToNode::Bookmark(_));
        came.push(message);
        if is_end {
            break;
        }
    }
    let welcome = match came.remove(0) {
        ToNode::Welcome(welcome) => Some(welcome),
        _ => None,
    };
    (welcome.expect("a stream begins with Welcome"), came)
}

#[tokio::test]
async fn without_the_control_plane_a_relay_serves_what_it_has() {
    let mut gateway = Gateway::signing_orders_with(&ORDERS).await;
    let relay = relay(&gateway.plane.uri(), "relay", free_address()).await;
    let behind = node(&at(relay.address()), "behind").await;
    let hello = v1::Hello {
        node: "double".into(),
        instance: "1".into(),
        protocol_version: 1,
        environments: vec![RELEASE.into()],
        delivery_public_key: Recipient::generate().unwrap().public_key().to_vec(),
        ..v1::Hello::default()
    };
    let (first, _) = welcomed(relay.address(), &hello).await;
    assert!(!first.environments[0].sealed_delivery_key.is_empty());

    gateway.plane.stop().await;
    let status = relay.status_address().unwrap();
    eventually("the relay says so", async || {
        let ready = get(status, "/ready").await;
        (ready.status == 200 && ready.text().contains("no stream")).then_some(())
    })
    .await;
    assert_signs(&gateway, &behind, &ORDERS).await;
    // Who has had its keys gets the same again, and a whole snapshot; who has not gets no keys.
    let (again, came) = welcomed(relay.address(), &hello).await;
    assert_eq!(again.environments, first.environments);
    assert!(matches!(came.last(), Some(ToNode::SnapshotEnd(_))), "{came:?}");
    let (other, _) = welcomed(relay.address(), &v1::Hello { instance: "2".into(), ..hello }).await;
    assert!(other.environments[0].sealed_delivery_key.is_empty());

    // A node that starts now says why it is not ready, and is when the control plane is back.
    let address = free_address();
    let uri = at(relay.address());
    let late = tokio::spawn(async move {
        node_with(&uri, "late", |config| config.status_listen = Some(address)).await
    });
    eventually("the node says what it lacks", async || {
        tokio::net::TcpStream::connect(address).await.ok()?;
        let ready = get(address, "/ready").await;
        (ready.status == 503 && ready.text().contains("no delivery key")).then_some(())
    })
    .await;
    gateway.plane.go_on().await;
    let late = soon("the node is ready", late).await.unwrap();
    assert_signs(&gateway, &late, &ORDERS).await;
    for node in [behind, late] {
        soon("the node's end", node.shutdown()).await;
    }
    soon("the relay's end", relay.shutdown()).await;
    gateway.end().await;
}

#[tokio::test]
async fn a_node_that_is_ahead_of_a_relay_is_not_taken_back() {
    let gateway = Gateway::signing_orders_with(&ORDERS).await;
    let relay = relay(&gateway.plane.uri(), "relay", free_address()).await;
    let hello = v1::Hello {
        node: "double".into(),
        instance: "1".into(),
        protocol_version: 1,
        environments: vec![RELEASE.into()],
        ..v1::Hello::default()
    };
    let (welcome, came) = welcomed(relay.address(), &hello).await;
    let end = came.iter().find_map(|message| match message {
        ToNode::SnapshotEnd(end) => Some(end),
        _ => None,
    });
    let end = end.expect("a snapshot");
    let known = v1::Hello { log_id: welcome.log_id, ..hello };
    let ask = async |revision, hash: &[u8]| {
        let hello = v1::Hello { revision, hash: hash.to_vec(), ..known.clone() };
        let message = v1::SubscribeRequest { message: Some(FromNode::Hello(hello)) };
        let said = tokio_stream::once(message).chain(tokio_stream::pending());
        let mut sync = SyncClient::connect(at(relay.address())).await.unwrap();
        sync.subscribe(said).await.map(drop).map_err(|status| status.code())
    };
    assert_eq!(ask(end.revision + 1, &[1; 32]).await, Err(tonic::Code::Unavailable));
    assert_eq!(ask(end.revision, &[1; 32]).await, Err(tonic::Code::FailedPrecondition));
    assert_eq!(ask(1, &[1; 32]).await, Ok(()), "what is not known here is no rollback");
    let same = v1::Hello { revision: end.revision, hash: end.hash.clone(), ..known.clone() };
    let (resumed, _) = welcomed(relay.address(), &same).await;
    assert!(resumed.resumed);
    soon("the relay's end", relay.shutdown()).await;
    gateway.end().await;
}

const CANARY: Key = Key::hmac("canary", "canary-key-7", "Canary_relayed-secret!one");
const REPLACED: Key = Key { secret: "Canary_relayed-secret!two", ..CANARY };

#[tokio::test]
async fn no_secret_is_in_the_memory_the_log_or_the_metrics_of_a_relay() {
    let directory = tempfile::tempdir().unwrap();
    let loud = ["--log-level", "trace"];
    let plane = ControlPlaneProcess::start(&directory.path().join("data")).await;
    let (management, backend) = (plane.management(), Backend::start().await);
    management.create_group(SHOP, &[]).await;
    management.create_api(api_of(&backend, SHOP, "orders", "/orders")).await;
    management.publish("orders", RELEASE).await;
    management.create_key(&CANARY).await;
    management.bind(CANARY.name, "orders", RELEASE).await;
    let logs = directory.path();
    let mut relay = RelayProcess::start_with(&plane.uri(), "relay", logs, &loud).await;
    let mut node = NodeProcess::start(&relay.uri(), "node-1", logs).await;
    let request = v1::ReplaceSecretRequest {
        signature_key: CANARY.name.into(),
        secret: REPLACED.secret.into(),
        ..v1::ReplaceSecretRequest::default()
    };
    let reply = management.signature_keys().replace_secret(request).await.unwrap().into_inner();
    node.wait_for(reply.revision).await;
    assert_eq!(get(node.proxy_address, "/orders").await.status, 200);
    REPLACED.assert_signed(&backend.last());

    let metrics = get(relay.status_address, "/metrics").await.text().to_owned();
    let memory = memory_of(relay.process.pid());
    assert!(relay.process.stop().await.success());
    let log = relay.process.log();
    assert!(log.contains("ready: the first snapshot is served"), "{log}");
    let places = [("memory", memory), ("log", log.into_bytes()), ("metrics", metrics.into_bytes())];
    let found = |bytes: &[u8], text: &str| memchr::memmem::find(bytes, text.as_bytes()).is_some();
    assert!(found(&places[0].1, CANARY.key), "the signature key itself is there");
    for (place, bytes) in &places {
        for key in [CANARY, REPLACED] {
            assert!(!found(bytes, key.secret), "{} is in the relay's {place}", key.secret);
        }
    }
}

/// All that a process can write to, as it is now.
fn memory_of(pid: u32) -> Vec<u8> {
    use std::os::unix::fs::FileExt as _;
    let process = Path::new("/proc").join(pid.to_string());
    let maps = std::fs::read_to_string(process.join("maps")).unwrap();
    let memory = std::fs::File::open(process.join("mem")).unwrap();
    let mut bytes = Vec::new();
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (range, rights) = (words.next().unwrap(), words.next().unwrap());
        let (from, to) = range.split_once('-').unwrap();
        let [from, to] = [from, to].map(|text| u64::from_str_radix(text, 16).unwrap());
        if !rights.starts_with("rw") {
            continue;
        }
        // What was unmapped meanwhile, or never touched, is nothing that is read.
        let mut part = vec![0; usize::try_from(to - from).unwrap()];
        if memory.read_exact_at(&mut part, from).is_ok() {
            bytes.append(&mut part);
        }
    }
    bytes
}
