//! What is left of a secret in the memory of control plane and node once it was deleted, read from
//! outside as a debugger of root's would.

use std::os::unix::fs::FileExt as _;
use std::path::Path;

use countersign_tests::{Backend, Cli, ControlPlaneProcess, Key, NodeProcess, eventually, get};
use data_encoding::{BASE64, HEXLOWER, HEXUPPER};

const CANARY: Key = Key::hmac("canary", "canary-key-1", "Canary_7f3a-secret!one");
const REPLACED: &str = "Canary_9c1e-secret!two";
const RELEASE: &str = "RELEASE";

/// Makes an API `/orders`, published in RELEASE and bound to the key; the last revision.
pub(crate) async fn gateway(plane: &ControlPlaneProcess, backend: &Backend, key: &Key) -> u64 {
    let management = plane.management();
    management.create_group("shop", &[]).await;
    let cli = Cli::to(&plane.uri());
    let create = format!(
        "api create orders --group shop --path /orders --method GET --backend http://{}",
        backend.address()
    );
    let made = cli.say(&create);
    assert_eq!(made.status, 0, "{}", made.stderr);
    management.publish("orders", RELEASE).await;
    let create = format!("key create {} --type hmac --key {} --secret-stdin", key.name, key.key);
    cli.json_with(&create, key.secret);
    management.bind(key.name, "orders", RELEASE).await
}

#[tokio::test]
async fn no_process_of_ours_can_be_dumped() {
    let directory = tempfile::tempdir().unwrap();
    let plane = ControlPlaneProcess::start(&directory.path().join("data")).await;
    let node = NodeProcess::start(&plane.uri(), "node-1", directory.path()).await;
    for pid in [plane.process.pid(), node.process.pid()] {
        let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        let limits: Vec<&str> = core.split_whitespace().skip(4).take(2).collect();
        assert_eq!(limits, ["0", "0"]);
    }
}

#[tokio::test]
async fn a_secret_that_was_deleted_is_in_no_memory_of_the_node_and_the_control_plane() {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path().join("data");
    let loud = ["--log-level", "trace"];
    let plane = ControlPlaneProcess::start_with(&data_dir, &loud).await;
    let backend = Backend::start().await;
    let revision = gateway(&plane, &backend, &CANARY).await;
    let mut node = NodeProcess::start_with(&plane.uri(), "node-1", directory.path(), &loud).await;
    node.wait_for(revision).await;
    assert_eq!(get(node.proxy_address, "/orders").await.status, 200);
    CANARY.assert_signed(&backend.last());

    let cli = Cli::to(&plane.uri());
    cli.json_with("key replace-secret canary --secret-stdin", REPLACED);
    cli.json("key delete canary --force");
    let data_keys = || std::fs::metadata(data_dir.join("keystore")).unwrap().len() / 128 - 1;
    eventually("both are forgotten", async || (data_keys() == 0).then_some(())).await;
    // Other calls come and go, as they do.
    let revision = plane.management().publish("orders", RELEASE).await;
    node.wait_for(revision).await;
    for _ in 0..20 {
        assert_eq!(cli.say("key list").status, 0);
        get(node.proxy_address, "/orders").await;
    }

    let mut left = Vec::new();
    for (name, pid) in [("control plane", plane.process.pid()), ("node", node.process.pid())] {
        let memory = memory_of(pid);
        // Where a search must find something, so that it can be trusted where it must not.
        assert!(memchr::memmem::find(&memory, b"orders").is_some(), "the {name} is not read");
        for secret in [CANARY.secret, REPLACED] {
            for form in forms(secret) {
                let found = memchr::memmem::find_iter(&memory, form.as_bytes()).count();
                if found > 0 {
                    left.push(format!("{form} is in the memory of the {name}, {found} times"));
                }
            }
        }
    }
    assert!(left.is_empty(), "{left:#?}");
}

/// A secret as it is, in hex, and at any place in a base64 text.
pub(crate) fn forms(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let base64 = (0..3).map(|before| {
        let text = BASE64.encode(&[&vec![0; before], bytes].concat());
        // The first and last group of four also hold bits of what stands beside the secret.
        text[4..text.len() - 4].to_owned()
    });
    [secret.to_owned(), HEXLOWER.encode(bytes), HEXUPPER.encode(bytes)]
        .into_iter()
        .chain(base64)
        .collect()
}

const PAGE: [u8; 4096] = [0; 4096];

/// All that a process can write to, as it is now, without the pages that were never touched.
pub(crate) fn memory_of(pid: u32) -> Vec<u8> {
    let process = Path::new("/proc").join(pid.to_string());
    let maps = std::fs::read_to_string(process.join("maps")).unwrap();
    let memory = std::fs::File::open(process.join("mem")).unwrap();
    let mut bytes = Vec::new();
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (range, rights) = (words.next().unwrap(), words.next().unwrap());
        let (from, to) = range.split_once('-').unwrap();
        let [from, to] = [from, to].map(|text| u64::from_str_radix(text, 16).unwrap());
        // What was unmapped meanwhile is nothing that is read.
        let mut part = vec![0; usize::try_from(to - from).unwrap()];
        if rights.starts_with("rw") && memory.read_exact_at(&mut part, from).is_ok() {
            for page in part.chunks(PAGE.len()).filter(|page| **page != PAGE[..page.len()]) {
                bytes.extend_from_slice(page);
            }
        }
    }
    bytes
}
