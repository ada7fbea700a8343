//! A log that moves to etcd and back: what is the same afterwards, and what goes on from where.

mod elections;
mod refusals;
mod secured;
mod stops;

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use countersign_tests::{
    Backend, Cli, ControlPlaneProcess, Etcd, Management, Process, Said, eventually, free_address,
    get, node, node_with, soon,
};
use data_encoding::BASE64;
use serde_json::{Value, json};

use super::{ORDERS, RELEASE, REPORTS, create_orders};

/// A log on the disk, of which somebody keeps a checkpoint and the public key.
struct Kept {
    scratch: tempfile::TempDir,
    revision: u64,
    public_key: String,
}

impl Kept {
    /// Made by a control plane that has stopped.
    async fn make(backend: &Backend) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let master = scratch.path().join("master.key");
        fs::write(&master, "5a".repeat(32)).unwrap();
        fs::set_permissions(&master, fs::Permissions::from_mode(0o600)).unwrap();
        let mut kept = Self { scratch, revision: 0, public_key: String::new() };
        let mut plane = kept.start("one", None).await;
        kept.revision = create_orders(&plane.management(), backend).await;
        let cli = Cli::to(&plane.uri());
        let checkpoint = cli.say("audit checkpoint");
        assert_eq!(checkpoint.status, 0, "{}", checkpoint.stderr);
        fs::write(kept.path("checkpoint"), checkpoint.stdout).unwrap();
        let public_key = cli.json("audit key")["public_key"].as_str().unwrap().to_owned();
        kept.public_key = public_key;
        plane.process.stop().await;
        kept
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn sled(&self, name: &str) -> String {
        format!("sled:{}", self.path(name).display())
    }

    /// A control plane on this directory, and on etcd where one is given.
    async fn start(&self, name: &str, etcd: Option<&Etcd>) -> ControlPlaneProcess {
        let master = self.path("master.key");
        let mut args = vec!["--master-key-file".to_owned(), master.to_str().unwrap().to_owned()];
        if let Some(etcd) = etcd {
            let endpoint = etcd.endpoint();
            args.extend(["--log", "etcd", "--etcd-endpoint", &endpoint].map(str::to_owned));
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        ControlPlaneProcess::start_with(&self.path(name), &args).await
    }

    /// The same, at this address, ready or not.
    fn spawn(&self, name: &str, etcd: Option<&Etcd>, listen: SocketAddr) -> Process {
        let (directory, master) = (self.path(name), self.path("master.key"));
        let mut args = vec!["control-plane", "--plaintext", "--data-dir"];
        args.extend([directory.to_str().unwrap(), "--master-key-file", master.to_str().unwrap()]);
        let (listen, status) = (listen.to_string(), free_address().to_string());
        args.extend(["--listen", &listen, "--status-listen", &status]);
        let endpoint = etcd.map(Etcd::endpoint).unwrap_or_default();
        if etcd.is_some() {
            args.extend(["--log", "etcd", "--etcd-endpoint", &endpoint]);
        }
        Process::spawn(&args, &self.path(&format!("{name}.spawned")))
    }

    /// What a control plane says that does not start.
    async fn refused_start(&self, name: &str, etcd: Option<&Etcd>) -> String {
        let mut process = self.spawn(name, etcd, free_address());
        let ended = eventually("the process ends", async || process.ended()).await;
        assert!(!ended.success(), "{}", process.log());
        process.log()
    }

    fn migrate(&self, from: &str, to: &str) -> Said {
        let master = self.path("master.key");
        let line = format!(
            "log migrate --from {from} --to {to} --master-key-file {} -o json",
            master.display()
        );
        Cli::to("http://127.0.0.1:9").say(&line)
    }

    fn migrated(&self, from: &str, to: &str) -> Value {
        let said = self.migrate(from, to);
        assert_eq!(said.status, 0, "{}", said.stderr);
        serde_json::from_str(&said.stdout).unwrap()
    }

    /// The log in a directory, or of a control plane, is the one that the checkpoint is of.
    fn verify(&self, at: &str, cli: &Cli) {
        let checkpoint = self.path("checkpoint");
        let (checkpoint, key) = (checkpoint.display(), &self.public_key);
        let verified =
            cli.json(&format!("audit verify {at} --checkpoint {checkpoint} --public-key {key}"));
        assert!(verified["signed_revision"].as_u64().unwrap() >= self.revision, "{verified}");
        assert!(verified["checkpoints"].as_u64().unwrap() >= 2, "{verified}");
    }

    fn verify_directory(&self, name: &str) {
        self.verify(self.path(name).to_str().unwrap(), &Cli::to("http://127.0.0.1:9"));
    }
}

/// A node that begins with nothing gets this secret, and signs with it.
async fn signs(
    plane: &ControlPlaneProcess,
    backend: &Backend,
    key: countersign_tests::Key,
    revision: u64,
) {
    let node = node(&plane.uri(), "node-1").await;
    soon("the binding", node.wait_for(revision)).await;
    assert_eq!(get(node.proxy_address(), "/orders").await.status, 200);
    key.assert_signed(&backend.last());
    soon("the node's end", node.shutdown()).await;
}

/// Whether there is a key in etcd.
fn has(etcd: &Etcd, key: &str) -> bool {
    let asked = json!({ "key": BASE64.encode(key.as_bytes()), "keys_only": true });
    etcd.ask("kv/range", &asked.to_string()).contains("\"kvs\"")
}

/// How many data keys are in etcd.
fn keys_in(etcd: &Etcd) -> usize {
    let (from, before) = ("countersign/keys/", "countersign/keys0");
    let asked = json!({
        "key": BASE64.encode(from.as_bytes()), "range_end": BASE64.encode(before.as_bytes()),
    });
    let found: Value = serde_json::from_str(&etcd.ask("kv/range", &asked.to_string())).unwrap();
    found["kvs"].as_array().map_or(0, Vec::len)
}

fn put(etcd: &Etcd, key: &str) {
    let pair =
        json!({ "key": BASE64.encode(key.as_bytes()), "value": BASE64.encode(b"something") });
    etcd.ask("kv/put", &pair.to_string());
}

fn etcd_place(etcd: &Etcd) -> String {
    format!("etcd:{}", etcd.endpoint())
}

async fn head_of(management: &Management) -> u64 {
    let request = countersign_proto::v1::GetCheckpointRequest::default();
    let mut audit = countersign_proto::v1::audit_client::AuditClient::new(management.channel());
    audit.get_checkpoint(request).await.unwrap().into_inner().revision
}

#[tokio::test]
async fn a_log_moves_to_etcd_and_back_and_stays_the_one_it_was() {
    let (etcd, backend) = (Etcd::start(), Backend::start().await);
    let kept = Kept::make(&backend).await;
    let moved = kept.migrated(&kept.sled("one"), &etcd_place(&etcd));
    assert_eq!(moved["revision"], kept.revision, "{moved}");
    assert_eq!((&moved["copied"], &moved["secrets"]), (&moved["revision"], &json!(1)));
    // Once more, as after a kill right at the end.
    let again = kept.migrated(&kept.sled("one"), &etcd_place(&etcd));
    assert_eq!((&again["copied"], &again["state_digest"]), (&json!(0), &moved["state_digest"]));
    kept.verify_directory("one");
    let refusal = kept.refused_start("one", None).await;
    assert!(refusal.contains("--log etcd"), "{refusal}");

    let mut first = kept.start("one", Some(&etcd)).await;
    let mut second = kept.start("two", Some(&etcd)).await;
    signs(&second, &backend, ORDERS, kept.revision).await;
    second.management().create_key(&REPORTS).await;
    let revision = second.management().rebind("reports", "orders", RELEASE).await;
    signs(&first, &backend, REPORTS, revision).await;
    kept.verify("", &Cli::to(&first.uri()));
    kept.verify("", &Cli::to(&second.uri()));
    let head = head_of(&second.management()).await;
    first.process.stop().await;
    second.process.stop().await;

    let moved = kept.migrated(&etcd_place(&etcd), &kept.sled("three"));
    assert_eq!((&moved["revision"], &moved["secrets"]), (&json!(head), &json!(2)), "{moved}");
    let again = kept.migrated(&etcd_place(&etcd), &kept.sled("three"));
    assert_eq!((&again["copied"], &again["state_digest"]), (&json!(0), &moved["state_digest"]));
    for name in ["one", "two", "three"] {
        kept.verify_directory(name);
    }
    for name in ["one", "two", "new"] {
        let refusal = kept.refused_start(name, Some(&etcd)).await;
        assert!(refusal.contains("was moved away"), "{refusal}");
    }
    let said = kept.migrate(&etcd_place(&etcd), &kept.sled("four"));
    assert!(said.stderr.contains("to another directory"), "{}", said.stderr);
    let said = kept.migrate(&kept.sled("three"), &etcd_place(&etcd));
    assert!(said.stderr.contains("what is left of this log"), "{}", said.stderr);
    let mut plane = kept.start("three", None).await;
    signs(&plane, &backend, REPORTS, revision).await;
    plane.management().rebind("orders", "orders", RELEASE).await;
    kept.verify("", &Cli::to(&plane.uri()));
    plane.process.stop().await;
    kept.verify_directory("three");
}

#[tokio::test]
async fn a_node_that_was_there_before_goes_on_by_deltas_and_signs_meanwhile() {
    let (etcd, backend) = (Etcd::start(), Backend::start().await);
    let kept = Kept::make(&backend).await;
    let mut plane = kept.start("one", None).await;
    let next = free_address();
    let planes = vec![plane.uri(), format!("http://{next}")];
    let node = node_with(&plane.uri(), "node-1", |config| config.control_planes = planes).await;
    soon("the binding", node.wait_for(kept.revision)).await;
    plane.process.stop().await;
    kept.migrated(&kept.sled("one"), &etcd_place(&etcd));
    assert_eq!(get(node.proxy_address(), "/orders").await.status, 200);
    ORDERS.assert_signed(&backend.last());

    let _plane = kept.spawn("one", Some(&etcd), next);
    let management = Management::to(&format!("http://{next}"));
    eventually("it has come back", async || {
        let request = countersign_proto::v1::GetNodeRequest { node: "node-1".to_owned() };
        management.nodes().get_node(request).await.ok()
    })
    .await;
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
async fn a_replicas_copy_becomes_the_log() {
    let (etcd, backend) = (Etcd::start(), Backend::start().await);
    let kept = Kept::make(&backend).await;
    kept.migrated(&kept.sled("one"), &etcd_place(&etcd));
    let mut plane = kept.start("one", Some(&etcd)).await;
    plane.management().create_key(&REPORTS).await;
    let revision = plane.management().rebind("reports", "orders", RELEASE).await;
    // Its lease runs out meanwhile.
    plane.process.kill();
    let moved = kept.migrated(&etcd_place(&etcd), &kept.sled("one"));
    assert!(moved["revision"].as_u64().unwrap() >= revision, "{moved}");
    let plane = kept.start("one", None).await;
    signs(&plane, &backend, REPORTS, revision).await;
}

#[tokio::test]
async fn where_etcd_is_lost_a_copy_goes_on_in_a_new_epoch_and_moves_to_another_etcd() {
    let (mut etcd, backend) = (Etcd::start(), Backend::start().await);
    let kept = Kept::make(&backend).await;
    kept.migrated(&kept.sled("one"), &etcd_place(&etcd));
    let mut plane = kept.start("one", Some(&etcd)).await;
    plane.management().create_key(&REPORTS).await;
    let revision = plane.management().rebind("reports", "orders", RELEASE).await;
    plane.process.stop().await;
    etcd.kill();

    let other = Etcd::start();
    let said = kept.migrate(&kept.sled("one"), &etcd_place(&other));
    assert_eq!(said.status, 1);
    assert!(said.stderr.contains("is a replica's copy"), "{}", said.stderr);
    let cli = Cli::to("http://127.0.0.1:9");
    let declared = cli.json(&format!("log new-epoch --data-dir {}", kept.path("one").display()));
    assert_eq!(declared["epoch"], 1);
    let moved = kept.migrated(&kept.sled("one"), &etcd_place(&other));
    assert_eq!((&moved["epoch"], &moved["secrets"]), (&json!(1), &json!(2)));
    kept.verify_directory("one");
    let plane = kept.start("two", Some(&other)).await;
    signs(&plane, &backend, REPORTS, revision).await;
    // The former one, were it to come back, is of an earlier epoch.
    etcd.go_on();
    let refusal = kept.refused_start("one", Some(&etcd)).await;
    assert!(refusal.contains("epoch 0, while"), "{refusal}");
}

fn exists(path: &Path) -> bool {
    path.try_exists().unwrap()
}
