//! The verbs of the audit, as processes, against a real control plane and its data directory.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on panics")]

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Output};

use countersign_control_plane::{Config, ControlPlane};
use serde_json::Value;

struct Gateway {
    plane: ControlPlane,
    directory: tempfile::TempDir,
}

impl Gateway {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = Config {
            data_dir: directory.path().join("data"),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            status_listen: None,
            ..Config::default()
        };
        let plane = countersign_control_plane::start(config).await.unwrap();
        Self { plane, directory }
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    fn run(&self, line: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_countersign"))
            .args(line)
            .env_clear()
            .env("USER", "alice")
            .env("COUNTERSIGN_CONTROL_PLANE", format!("http://{}", self.plane.grpc_address()))
            .output()
            .unwrap()
    }

    /// What a line that succeeds prints; its words are parted by spaces.
    fn said(&self, line: &str) -> String {
        self.said_by(&line.split_whitespace().collect::<Vec<_>>())
    }

    fn said_by(&self, line: &[&str]) -> String {
        let output = self.run(line);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{line:?}: {stderr}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.said(&format!("{line} -o json"))).unwrap()
    }

    /// What a line that fails says on standard error.
    fn refused(&self, line: &str) -> String {
        let output = self.run(&line.split_whitespace().collect::<Vec<_>>());
        assert_eq!(output.status.code(), Some(1), "{line}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// A key that was bound, replaced, unbound and deleted, for a reason.
    fn some_history(&self) {
        self.said("group create shop");
        self.said("api create orders --group shop --path /orders --method GET --backend http://127.0.0.1:9000");
        self.said("api publish orders --env RELEASE");
        self.said("key create gateway --type hmac");
        self.said_by(&[
            "bind",
            "gateway",
            "--api",
            "orders",
            "--env",
            "RELEASE",
            "--reason",
            "ticket 4711, \"at once\"",
        ]);
        self.said("key create other --type hmac");
        self.said("bind other --api orders --env RELEASE --replace");
        self.said("key delete gateway --request-id last-one");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_verified_and_one_that_was_changed_or_forged_is_not() {
    let gateway = Gateway::start().await;
    gateway.some_history();
    let (data, backup, kept) =
        (gateway.path("data"), gateway.path("a.backup"), gateway.path("kept"));
    let key = gateway.said(&format!("audit key --data-dir {data}"));
    let key = key.trim();
    let told = gateway.said(&format!("backup create --to {backup} --public-key {key}"));
    assert!(told.contains("the master key is not in it"), "{told}");
    fs::write(&kept, gateway.said("audit checkpoint")).unwrap();
    assert!(!Path::new(&format!("{backup}.partial")).exists());

    let verify = format!("backup verify {backup} --public-key {key} --checkpoint {kept}");
    let verified = gateway.json(&verify);
    let live = gateway.json(&format!("audit verify --public-key {key}"));
    for field in ["log_id", "revision", "hash", "root"] {
        assert_eq!(verified[field], live[field], "{field}");
    }
    let by_audit = format!("audit verify {backup} --public-key {key}");
    assert_eq!(gateway.json(&by_audit)["root"], live["root"]);
    let by_master = format!("backup verify {backup} --master-key-file {data}/master.key");
    assert_eq!(gateway.json(&by_master)["root"], live["root"]);

    let at = verified["last_event"].as_str().unwrap();
    let restored = gateway.path("restored");
    let restored = gateway.json(&format!("restore --from {backup} --to {restored} --at {at}"));
    assert_eq!(restored["revision"], live["revision"]);
    let taken = gateway.path("restored");
    let again = gateway.refused(&format!("restore --from {backup} --to {taken}"));
    assert!(again.contains("is there already"), "{again}");
    let nothing = gateway.path("nothing");
    for words in ["--revision 4711", "--at 2001-01-01T00:00:00Z", "--epoch 0"] {
        gateway.refused(&format!("restore --from {backup} --to {nothing} {words}"));
        assert!(!Path::new(&nothing).exists());
    }

    // What was written since is vouched for by a checkpoint that the backup does not reach.
    gateway.said("env create STAGING");
    fs::write(&kept, gateway.said("audit checkpoint")).unwrap();
    assert!(gateway.refused(&verify).contains("cut off"));
    let good = fs::read(&backup).unwrap();
    let mut bad = good.clone();
    bad[good.len() / 2] ^= 4;
    fs::write(&backup, &bad).unwrap();
    for line in [&by_audit, &by_master] {
        let refused = gateway.refused(line);
        assert!(refused.contains("NOT VERIFIED") && refused.contains("at byte"), "{refused}");
    }
    gateway.refused(&format!("restore --from {backup} --to {nothing}"));
    assert!(!Path::new(&nothing).exists() && !Path::new(&format!("{nothing}.unfinished")).exists());
    // Whole, but by another master key.
    fs::write(&backup, &good).unwrap();
    let other = gateway.path("other.key");
    fs::write(&other, "5".repeat(64)).unwrap();
    fs::set_permissions(&other, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let refused = gateway.refused(&format!("backup verify {backup} --master-key-file {other}"));
    assert!(refused.contains("the master key is not the one"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_verified_live_as_an_export_and_at_rest() {
    let gateway = Gateway::start().await;
    gateway.some_history();
    let (data, export, kept) =
        (gateway.path("data"), gateway.path("log.jsonl"), gateway.path("kept"));
    let key = gateway.said(&format!("audit key --data-dir {data}"));
    let key = key.trim();
    assert_eq!(gateway.said("audit key").trim(), key);
    fs::write(&kept, gateway.said("audit checkpoint")).unwrap();
    gateway.said("env create STAGING");

    let live = gateway.json(&format!("audit verify --public-key {key} --checkpoint {kept}"));
    assert_eq!(live["revision"], live["signed_revision"]);
    assert_eq!(live["checkpoints"], 2);
    let proof = gateway.said(&format!("audit proof 5 --public-key {key}"));
    assert!(proof.starts_with("proved: the record at revision 5"), "{proof}");
    let proof = gateway.said(&format!("audit proof --since {kept} --public-key {key}"));
    assert!(proof.starts_with("proved: the log of"), "{proof}");

    fs::write(&export, gateway.said("audit export")).unwrap();
    let verify = format!("audit verify {export} --public-key {key} --checkpoint {kept}");
    assert_eq!(gateway.json(&verify)["root"], live["root"]);
    by_hand(&export, live["root"].as_str().unwrap());
    let text = fs::read_to_string(&export).unwrap();
    fs::write(&export, text.replacen("alice", "malice", 1)).unwrap();
    let refused = gateway.refused(&verify);
    assert!(refused.contains("NOT VERIFIED") && refused.contains("revision 3"), "{refused}");
    let cut: Vec<_> = text.lines().take(5).collect();
    fs::write(&export, cut.join("\n") + "\n").unwrap();
    assert!(gateway.refused(&verify).contains("cut off"));

    let in_use = gateway.refused(&format!("audit verify {data}"));
    assert!(in_use.contains("in use"), "{in_use}");
    let Gateway { plane, directory } = gateway;
    plane.shutdown().await;
    let output = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(["audit", "verify", &data, "--checkpoint", &kept])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains(live["root"].as_str().unwrap()), "{said}");
    drop(directory);
}

/// With Python and docs/audit.md alone.
fn by_hand(export: &str, root: &str) {
    let docs =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/audit.md")).unwrap();
    let start = docs.find("    import base64").unwrap();
    let end = start + docs[start..].find("\n\n").unwrap();
    let lines: Vec<_> = docs[start..end].lines().map(|line| line.get(4..).unwrap_or("")).collect();
    let script = lines.join("\n").replace("log.jsonl", export);
    let output = Command::new("python3").args(["-c", &script]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said.lines().next(), Some(root), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_did_what_when_and_why_is_told_field_by_field() {
    let gateway = Gateway::start().await;
    gateway.some_history();
    let who = gateway.json("audit who --key gateway");
    let types: Vec<_> = who
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            let event = it["event"].as_object().unwrap();
            event.keys().find(|key| key.contains("key_")).unwrap().clone()
        })
        .collect();
    assert_eq!(
        types,
        ["signature_key_created", "key_bound", "key_rebound", "signature_key_deleted"]
    );
    let bound = &who[1];
    assert_eq!(bound["event"]["reason"], "ticket 4711, \"at once\"");
    assert_eq!(bound["changes"][0]["after"], "gateway");
    assert_eq!(who[2]["changes"][0]["before"], "gateway");
    assert_eq!(who[3]["event"]["request_id"], "last-one");
    let table = gateway.said("audit who --key gateway");
    assert!(
        table.contains("binding shop/orders in RELEASE: signature_key_name gateway → other"),
        "{table}"
    );

    let revision = bound["event"]["revision"].as_u64().unwrap();
    let state = gateway.json(&format!("audit state --at {revision}"));
    let binding = state.as_array().unwrap().iter().find_map(|it| it.get("binding")).unwrap();
    assert_eq!(binding["signature_key_name"], "gateway");
    let diff = gateway.json(&format!("audit diff {revision} 0s"));
    let rebound = diff.as_array().unwrap().iter().find(|it| it["field"] == "signature_key_name");
    let rebound = rebound.unwrap();
    assert_eq!((&rebound["before"], &rebound["after"]), (&"gateway".into(), &"other".into()));
    let show = gateway.said(&format!("audit show {revision}"));
    assert!(show.contains("ticket 4711") && show.contains("- → gateway"), "{show}");

    let csv = gateway.said("audit export --format csv");
    assert!(csv.contains(r#""ticket 4711, ""at once""""#), "{csv}");
    let events = gateway.said("audit export --format cloudevents --from 2 --to 3");
    assert_eq!(events.lines().count(), 2);
    gateway.refused("key create other --type hmac");
    gateway.refused("env create 1 --request-id bad-name");
    let attempts = gateway.json("audit attempts");
    let attempt = |at: usize| {
        let it = &attempts[at];
        ["call", "status", "request_id", "actor"]
            .map(|field| it[field].as_str().unwrap().to_owned())
    };
    assert!(attempt(1)[..2] == ["CreateSignatureKey", "AlreadyExists"], "{attempts}");
    assert!(attempt(0)[..3] == ["CreateEnvironment", "InvalidArgument", "bad-name"]);
    assert!(attempt(0)[3].starts_with("alice@"), "{attempts}");
    let nobody = gateway.refused("audit who --key nobody");
    assert!(nobody.contains("nor was there"), "{nobody}");
    gateway.plane.shutdown().await;
}
