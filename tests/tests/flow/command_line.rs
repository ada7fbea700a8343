//! The `countersign` binary as people use it: separate processes led from the command line, and
//! `countersign dev` with the lines that it prints.

use std::path::Path;
use std::process::Command;

use countersign_tests::{
    Cli, ControlPlaneProcess, Key, NodeProcess, Process, eventually, free_address, get,
};
use rustix::process::Signal;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::gateway::{LEGACY, ORDERS, REPORTS};

#[tokio::test]
async fn processes_are_led_from_the_command_line() {
    let directory = tempfile::tempdir().unwrap();
    let plane = ControlPlaneProcess::start(&directory.path().join("data")).await;
    let mut nodes = [
        NodeProcess::start(&plane.uri(), "node-1", directory.path()).await,
        NodeProcess::start(&plane.uri(), "node-2", directory.path()).await,
    ];
    let cli = Cli::to(&plane.uri());
    cli.json("group create shop");
    let mut backends = Vec::new();
    for (api, key) in [("orders", &ORDERS), ("old", &LEGACY)] {
        let (process, url) = backend(key, directory.path()).await;
        cli.json(&format!(
            "api create {api} --group shop --method GET --path /{api} --backend {url}"
        ));
        let published = cli.json(&format!("api publish shop/{api} --env RELEASE"));
        assert_eq!(published["api_name"], api);
        backends.push(process);
    }
    for key in [&ORDERS, &REPORTS, &LEGACY] {
        let key_type = if *key == LEGACY { "basic" } else { "hmac" };
        let line =
            format!("key create {} --type {key_type} --key {} --secret-stdin", key.name, key.key);
        let made = cli.json_with(&line, key.secret);
        assert_eq!(made["key"], key.key);
        assert!(!made.to_string().contains(key.secret));
    }
    // After each change, every node's answer, which is the sample backend's.
    let mut asked = async |change: &str, path: &str| {
        let revision = cli.json(change)["revision"].as_u64().unwrap();
        let mut answers = Vec::new();
        for node in &mut nodes {
            node.wait_for(revision).await;
            let answer = get(node.proxy_address, path).await;
            let json: Value = serde_json::from_slice(&answer.body).unwrap();
            answers.push((answer.status, json));
        }
        assert_eq!(answers[0].0, answers[1].0);
        answers
    };
    for (status, seen) in asked("bind orders --api orders --env RELEASE", "/orders?a=b").await {
        assert_eq!(
            (status, &seen["scheme"], &seen["key"]),
            (200, &"SDK-HMAC-SHA256".into(), &ORDERS.key.into())
        );
    }
    for (status, seen) in asked("bind legacy --api old --env RELEASE", "/old").await {
        assert_eq!(
            (status, &seen["scheme"], &seen["key"]),
            (200, &"Basic".into(), &LEGACY.key.into())
        );
    }
    // This backend knows only the first key.
    for (status, seen) in
        asked("bind reports --api orders --env RELEASE --replace", "/orders").await
    {
        assert_eq!((status, &seen["reason"]), (401, &"UNKNOWN_KEY".into()));
    }
    for (status, seen) in asked("unbind --api orders --env RELEASE", "/orders").await {
        assert_eq!((status, &seen["reason"]), (401, &"MISSING_AUTHORIZATION".into()));
    }
    for (status, _) in asked("bind orders --api orders --env RELEASE", "/orders").await {
        assert_eq!(status, 200);
    }
    let log = cli.json("events list");
    let head = &log.as_array().unwrap().last().unwrap()["revision"];
    eventually("both nodes are listed at the log's revision", async || {
        let listed = cli.json("node list");
        let listed = listed.as_array().unwrap();
        let there = |node: &&Value| node["acked_revision"] == *head && node["in_sync"] == true;
        (listed.len() == 2 && listed.iter().filter(there).count() == 2).then_some(())
    })
    .await;
}

#[tokio::test]
async fn writes_wait_for_the_nodes_and_say_which_of_them_does_not_sign_yet() {
    let directory = tempfile::tempdir().unwrap();
    let plane = ControlPlaneProcess::start(&directory.path().join("data")).await;
    let cli = Cli::to(&plane.uri());
    let alone = cli.say("env create STAGING --wait");
    assert_eq!((alone.status, alone.stderr.as_str()), (0, "note: there is no live node\n"));
    let nodes = [
        NodeProcess::start(&plane.uri(), "node-1", directory.path()).await,
        NodeProcess::start(&plane.uri(), "node-2", directory.path()).await,
    ];
    let revision = cli.json("group create shop --wait")["revision"].clone();
    let reached = cli.json("wait --env RELEASE");
    assert_eq!((&reached["revision"], &reached["signing_count"]), (&revision, &2.into()));
    let shown = cli.say("wait");
    assert_eq!(shown.stdout, format!("revision {revision}: 2 live nodes sign with it\n"));

    nodes[1].process.signal(Signal::STOP);
    let written = cli.say("group create books --wait 1");
    assert_eq!(written.status, 1, "{}", written.stderr);
    assert!(written.stdout.contains("books"), "it is written: {}", written.stdout);
    let next = revision.as_u64().unwrap() + 1;
    let missing = format!("do not sign with revision {next} after 1 s: node-2 (at {revision})");
    assert!(written.stderr.contains(&missing), "{}", written.stderr);
    nodes[1].process.signal(Signal::CONT);
    assert_eq!(cli.say(&format!("wait --revision {next}")).status, 0);
}

#[tokio::test]
async fn refusals_go_to_standard_error_with_status_1() {
    let directory = tempfile::tempdir().unwrap();
    let plane = ControlPlaneProcess::start(&directory.path().join("data")).await;
    let cli = Cli::to(&plane.uri());
    let said = cli.say("env delete RELEASE -o json");
    assert_eq!((said.status, said.stdout.as_str()), (1, ""));
    assert!(said.stderr.contains("ENVIRONMENT_PERMANENT"), "{}", said.stderr);
    let said = cli.say("key create 1bad --type hmac --key short");
    assert_eq!((said.status, said.stdout.as_str()), (1, ""));
    for field in ["signature_key.name", "signature_key.key"] {
        assert!(said.stderr.contains(field), "{field}: {}", said.stderr);
    }
    assert_eq!(cli.json("key list"), Value::Array(Vec::new()));
    assert_eq!(cli.json("env get RELEASE")["name"], "RELEASE");
}

#[tokio::test]
async fn a_second_control_plane_on_the_same_directory_is_told_who_has_it() {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path().join("data");
    let plane = ControlPlaneProcess::start(&data_dir).await;
    let (listen, status) = (free_address().to_string(), free_address().to_string());
    let data_dir = data_dir.to_str().unwrap();
    let mut args = vec!["control-plane", "--plaintext", "--data-dir", data_dir];
    args.extend(["--listen", &listen, "--status-listen", &status]);
    let mut second = Process::spawn(&args, &directory.path().join("second.log"));
    let ended = eventually("the second one ends", async || second.ended()).await;
    assert_eq!(ended.code(), Some(1));
    assert!(second.log().contains(&plane.process.pid().to_string()), "{}", second.log());
}

#[tokio::test]
async fn dev_shows_a_signature_arriving_and_keeps_what_it_had() {
    let directory = tempfile::tempdir().unwrap();
    let addresses: Vec<String> = (0..5).map(|_| free_address().to_string()).collect();
    let data_dir = directory.path().join("data");
    let mut args = vec!["dev", "--data-dir", data_dir.to_str().unwrap()];
    let flags = [
        "--listen",
        "--status-listen",
        "--proxy-listen",
        "--node-status-listen",
        "--backend-listen",
    ];
    for (flag, address) in flags.iter().zip(&addresses) {
        args.extend([*flag, address]);
    }
    let mut before = None;
    for start in 1..=2 {
        let mut dev = Process::spawn(&args, &directory.path().join(format!("dev-{start}.log")));
        let told = eventually("dev tells what to try", async || {
            dev.assert_runs();
            let told = dev.log();
            told.contains("Ctrl-C stops.").then_some(told)
        })
        .await;
        // The experiments as they are printed, in a shell.
        let lines: Vec<&str> = told.lines().filter_map(|line| line.strip_prefix("  ")).collect();
        let at = lines.iter().position(|line| line.starts_with("curl -i ")).expect(&told);
        let (status, body) = in_shell(lines[at]);
        let seen: Value = serde_json::from_str(&body).expect(&body);
        assert_eq!((status, &seen["verified"]), (200, &true.into()), "{body}");
        let headers = seen["headers"].as_array().unwrap();
        let authorization = headers.iter().find(|pair| pair[0] == "authorization").unwrap();
        let authorization = authorization[1].as_str().unwrap();
        assert!(authorization.starts_with("SDK-HMAC-SHA256 Access="), "{authorization}");
        let at = lines.iter().position(|line| line.starts_with("curl -s ")).expect(&told);
        let (status, body) = in_shell(&lines[at..at + 3].join("\n"));
        let seen: Value = serde_json::from_str(&body).expect(&body);
        assert_eq!((status, &seen["reason"]), (401, &"SIGNATURE_MISMATCH".into()), "{body}");

        let cli = Cli::to(&format!("http://{}", addresses[0]));
        let made = [cli.json("binding list"), cli.json("key list"), cli.json("events list")];
        assert_eq!(made[0].as_array().unwrap().len(), 1);
        assert_eq!(*before.get_or_insert_with(|| made.clone()), made, "at start {start}");
        dev.signal(Signal::INT);
        let ended = eventually("dev stops", async || dev.ended()).await;
        assert!(ended.success(), "{ended}: {}", dev.log());
    }
}

/// `countersign backend`, listening, and its URL.
async fn backend(key: &Key, directory: &Path) -> (Process, String) {
    let address = free_address();
    let secret = directory.join(format!("{}.secret", key.name));
    std::fs::write(&secret, format!("{}\n", key.secret)).unwrap();
    let listen = address.to_string();
    let mut args = vec!["backend", "--listen", &listen, "--key", key.key];
    args.extend(["--secret-file", secret.to_str().unwrap()]);
    let mut process = Process::spawn(&args, &directory.join(format!("{}.log", key.name)));
    eventually("the backend listens", async || {
        process.assert_runs();
        TcpStream::connect(address).await.ok()
    })
    .await;
    (process, format!("http://{address}"))
}

/// What a shell line with `curl -i` at its end got: status and body.
fn in_shell(line: &str) -> (u16, String) {
    let output = Command::new("sh").args(["-c", line]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !text.is_empty(), "`{line}`: {} {errors}", output.status);
    let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.expect("a status"), body.to_owned())
}
