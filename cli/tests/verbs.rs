//! Every verb, as a process, against a real control plane: what it prints and how it exits.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;

use countersign_control_plane::{Config, ControlPlane};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

struct Gateway {
    plane: ControlPlane,
    _data_dir: tempfile::TempDir,
}

struct Ran {
    status: i32,
    stdout: String,
    stderr: String,
}

impl Gateway {
    async fn start() -> Self {
        let data_dir = tempfile::tempdir().unwrap();
        let config = Config {
            data_dir: data_dir.path().to_owned(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            status_listen: None,
            ..Config::default()
        };
        let plane = countersign_control_plane::start(config).await.unwrap();
        Self { plane, _data_dir: data_dir }
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command
            .args(line.split_whitespace())
            .env_clear()
            .env("USER", "alice")
            .env("COUNTERSIGN_CONTROL_PLANE", format!("http://{}", self.plane.grpc_address()))
            .stdin(Stdio::null());
        command
    }

    async fn run(&self, line: &str) -> Ran {
        Ran::of(self.command(line).output().await.unwrap())
    }

    async fn run_with_input(&self, line: &str, input: &str) -> Ran {
        let mut command = self.command(line);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        process.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
        Ran::of(process.wait_with_output().await.unwrap())
    }

    /// The JSON of a verb that succeeds.
    async fn json(&self, line: &str) -> Value {
        let ran = self.run(&format!("{line} -o json")).await;
        assert_eq!(ran.status, 0, "{line}: {}", ran.stderr);
        serde_json::from_str(&ran.stdout).unwrap()
    }
}

impl Ran {
    fn of(output: std::process::Output) -> Self {
        Self {
            status: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

#[tokio::test]
async fn the_way_of_a_key_from_its_creation_to_its_end() {
    let gateway = Gateway::start().await;
    gateway.json("group create shop --domain shop.example.com").await;
    let line = "api create orders --group shop --method get --path /orders --backend http://a:1 http://b:2";
    let api = gateway.json(line).await;
    assert_eq!(api["backend"]["targets"], json!(["a:1", "b:2"]));
    assert_eq!(api["method"], "METHOD_GET");

    let refused = gateway.run("bind orders --api shop/orders --env RELEASE").await;
    assert_eq!((refused.status, refused.stdout.as_str()), (1, ""));
    assert!(refused.stderr.starts_with("error: "), "{}", refused.stderr);
    assert!(refused.stderr.contains("NOT_FOUND"), "{}", refused.stderr);

    let published = gateway.json("api publish shop/orders --env RELEASE").await;
    assert_eq!(published["definition"]["path"], "/orders");
    let created = gateway.json("key create orders --type hmac").await;
    let secret = created["generated_secret"].as_str().unwrap();
    assert_eq!(secret.chars().count(), 64);
    let given = "key create basic1 --type basic --key abcd --secret-stdin -o json";
    let given = gateway.run_with_input(given, "a-given-secret\n").await;
    assert_eq!((given.status, given.stderr.as_str()), (0, ""));
    let given: Value = serde_json::from_str(&given.stdout).unwrap();
    assert_eq!(given["generated_secret"], "");

    let bound = gateway.json("bind orders --api orders --env RELEASE").await;
    assert_eq!(bound["signature_key"], created["id"]);
    let taken = gateway.run("bind basic1 --api orders --env RELEASE").await;
    assert_eq!(taken.status, 1);
    assert!(taken.stderr.contains("API_ALREADY_BOUND"), "{}", taken.stderr);
    assert!(taken.stderr.contains("what to do: exchange the bound key"), "{}", taken.stderr);
    let rebound = gateway.json("bind basic1 --api orders --env RELEASE --replace").await;
    assert_eq!(rebound["replaced_signature_key"], created["id"]);
    let list = gateway.json("binding list --key basic1").await;
    assert_eq!(list[0]["api_name"], "orders");
    assert_eq!(gateway.json("binding get --api orders --env RELEASE").await["api"], api["id"]);

    let replaced = gateway.json("key replace-secret orders").await;
    assert_ne!(replaced["generated_secret"], created["generated_secret"]);
    assert_eq!(replaced["secret_version"], 2);
    let unbound = gateway.json("unbind --api orders --env RELEASE").await;
    assert_eq!(unbound.as_object().unwrap().keys().collect::<Vec<_>>(), ["revision"]);
    assert_eq!(gateway.json("key update orders --name orders2").await["name"], "orders2");
    gateway.json("key delete orders2").await;
    let names: Vec<Value> = gateway
        .json("key list")
        .await
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["name"].clone())
        .collect();
    assert_eq!(names, ["basic1"]);
    gateway.json("api offline orders --env RELEASE").await;
    assert_eq!(gateway.json("publication list").await, json!([]));
    gateway.json("api delete orders").await;
    gateway.json("group delete shop").await;
    gateway.plane.shutdown().await;
}

#[tokio::test]
async fn lists_are_fetched_page_by_page_in_every_format() {
    let gateway = Gateway::start().await;
    for number in 0..5 {
        gateway.json(&format!("group create group-{number}")).await;
    }
    let all = gateway.json("group list --page-size 2").await;
    assert_eq!(all.as_array().unwrap().len(), 5);
    let three = gateway.json("group list --page-size 2 --limit 3").await;
    assert_eq!(three.as_array().unwrap().len(), 3);
    let table = gateway.run("group list --name-contains group-4").await.stdout;
    let mut lines = table.lines();
    assert_eq!(lines.next().unwrap().split_whitespace().next(), Some("NAME"));
    assert!(lines.next().unwrap().starts_with("group-4  any host  "), "{table}");
    assert!(lines.next().is_none());
    assert!(table.lines().all(|line| line.trim_end() == line));
    let yaml = gateway.run("group list --limit 2 -o yaml").await.stdout;
    assert_eq!(yaml.lines().filter(|line| line.starts_with("- id: ")).count(), 2, "{yaml}");
    assert_eq!(gateway.run("group list --name-contains none -o yaml").await.stdout, "[]\n");
    gateway.plane.shutdown().await;
}

#[tokio::test]
async fn the_audit_tells_who_did_what_and_gives_no_secret_back() {
    let gateway = Gateway::start().await;
    let secret = "a-secret-that-is-given";
    gateway.run_with_input("key create orders --type hmac --secret-stdin", secret).await;
    gateway.json("env create STAGING --request-id once").await;
    gateway.json("env create STAGING --request-id once").await;
    let events = gateway.json("events list").await;
    let events = events.as_array().unwrap();
    assert_eq!(events.len(), 4, "a repeated request id writes nothing");
    assert!(events[2]["actor"].as_str().unwrap().starts_with("alice@"), "{}", events[2]);
    assert_eq!(events[3]["environment_created"]["name"], "STAGING");
    let newest =
        gateway.json("events list --newest-first --limit 1 --type environment_created").await;
    assert_eq!(newest[0]["revision"], 4);
    assert_eq!(gateway.json("events list --from 2 --to 3").await.as_array().unwrap().len(), 2);
    assert_eq!(gateway.json("events list --until 1h").await, json!([]));
    assert_eq!(gateway.json("events list --request-id once").await.as_array().unwrap().len(), 1);

    let table = gateway.run("events list").await.stdout;
    let row: Vec<&str> = table.lines().nth(3).unwrap().split_whitespace().collect();
    assert_eq!((row[0], row[4], row[5]), ("3", "signature_key_created", "orders"), "{table}");
    for line in ["events list", "events list -o json", "key list -o json", "key get orders -o yaml"]
    {
        let ran = gateway.run(line).await;
        assert!(ran.status == 0 && !ran.stdout.contains(secret), "{line}: {}", ran.stdout);
    }
    gateway.plane.shutdown().await;
}

#[tokio::test]
async fn a_write_on_an_outdated_revision_is_refused() {
    let gateway = Gateway::start().await;
    let made = gateway.json("env create STAGING").await;
    let line = format!("env update STAGING --remark new --expected-revision {}", made["revision"]);
    assert_eq!(gateway.json(&line).await["remark"], "new");
    let refused = gateway.run(&line).await;
    assert_eq!(refused.status, 1);
    assert!(refused.stderr.contains("(ABORTED REVISION_MISMATCH"), "{}", refused.stderr);
    let bad = gateway.run("env create 1 --remark x").await;
    assert_eq!(bad.status, 1);
    assert!(bad.stderr.contains("\n  environment.name: 3–64 characters"), "{}", bad.stderr);
    assert_eq!(bad.stderr.matches("3–64").count(), 1, "said once: {}", bad.stderr);
    gateway.plane.shutdown().await;
}

#[tokio::test]
async fn a_tail_prints_each_event_as_it_happens() {
    use tokio::io::{AsyncBufReadExt as _, BufReader};

    let gateway = Gateway::start().await;
    let mut command = gateway.command("events tail --from 1 --type environment_created -o json");
    let mut tail = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    let mut next = async || -> Value {
        serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap()
    };
    assert_eq!(next().await["environment_created"]["name"], "RELEASE");
    gateway.json("env create STAGING").await;
    assert_eq!(next().await["environment_created"]["name"], "STAGING");
    tail.kill().await.unwrap();
    gateway.plane.shutdown().await;
}
