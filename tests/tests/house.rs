//! The house keeps its rules: what may be named where, how long a file may be, who sees secrets, and
//! that what the documents say was tried is tried.
//! Reads the sources as text, so that a change that breaks a rule fails before a review has to.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use std::fs;
use std::path::{Path, PathBuf};

const CRATES: [&str; 9] = [
    "shared",
    "delivery",
    "proto",
    "transport",
    "feed",
    "etcd",
    "control-plane",
    "data-plane",
    "cli",
];
const FILE_LINES_MAX: usize = 400;

/// Who may turn a secret into text, and why.
const EXPOSERS: [(&str, &str); 12] = [
    ("cli/src/client.rs", "sends the caller's token"),
    ("cli/src/cmd/key/create.rs", "sends it to the control plane"),
    ("cli/src/cmd/key/replace_secret.rs", "sends it to the control plane"),
    ("cli/src/demo.rs", "sends the demo's to the control plane"),
    ("cli/src/demo/secret_file.rs", "the sample backend's own copy"),
    ("control-plane/src/api/keys.rs", "checks it, and shows a generated one once"),
    ("control-plane/src/keystore/envelope.rs", "seals it"),
    ("delivery/src/key.rs", "seals it for the nodes that sign with it"),
    ("shared/src/secret.rs", "is it"),
    ("shared/src/signing/basic.rs", "signs with it"),
    ("shared/src/signing/explain/recipe.rs", "signs with it, and with what mistakes make of it"),
    ("shared/src/signing/hmac.rs", "signs with it"),
];

struct Source {
    path: String,
    text: String,
}

impl Source {
    /// Without the tests at its end.
    fn code(&self) -> &str {
        self.text.split("#[cfg(test)]\nmod ").next().unwrap_or_default()
    }

    fn names(&self, word: &str) -> bool {
        let code = self.code().lines().filter(|line| !line.trim_start().starts_with("//"));
        code.map(|line| line.split("//").next().unwrap_or_default()).any(|line| line.contains(word))
    }
}

#[test]
fn secrets_are_exposed_only_where_the_list_says() {
    let found: Vec<String> = sources("src")
        .into_iter()
        .filter(|source| source.names(".expose()") || source.names("fn expose("))
        .map(|source| source.path)
        .collect();
    let listed: Vec<&str> = EXPOSERS.iter().map(|(path, _)| *path).collect();
    assert_eq!(found, listed, "change the list only with a reason");
}

#[test]
fn each_library_is_named_in_its_room_only() {
    let rooms = [
        ("sled::Db", vec!["control-plane/src/log/sled.rs"]),
        ("sled::Config", vec!["control-plane/src/log/sled.rs"]),
        (
            "tonic::",
            vec![
                "control-plane/src/api/",
                "data-plane/src/sync",
                "data-plane/src/relay/",
                "feed/src/server/",
                "cli/src/client",
                "etcd/src/",
                "proto/src/lib.rs",
                "transport/src/",
            ],
        ),
        ("countersign_etcd", vec!["control-plane/src/log/etcd/"]),
        (
            "opentelemetry",
            vec![
                "data-plane/src/telemetry/otlp.rs",
                "data-plane/src/proxy/trace.rs",
                "data-plane/src/node.rs",
            ],
        ),
        ("tonic_web::", vec!["control-plane/src/api/console.rs"]),
        ("hyper::", vec!["data-plane/src/proxy/"]),
        ("hyper_util::", vec!["data-plane/src/proxy/", "transport/src/client.rs"]),
        (
            "SystemTime::now",
            vec!["control-plane/src/clock.rs", "data-plane/src/clock.rs", "cli/src/clock.rs"],
        ),
        (
            "getrandom::",
            vec!["control-plane/src/clock.rs", "data-plane/src/clock.rs", "cli/src/clock.rs"],
        ),
        (
            "aws_lc_rs",
            vec![
                "control-plane/src/keystore/",
                "control-plane/src/log/note.rs",
                "data-plane/src/cache/format.rs",
                "data-plane/src/proxy/tls.rs",
                "data-plane/src/proxy/upstream/tls.rs",
                "delivery/src/",
                "transport/src/files.rs",
            ],
        ),
        (
            "rustls::",
            vec![
                "data-plane/src/proxy/",
                "control-plane/src/api/trust.rs",
                "delivery/src/hand_over.rs",
                "transport/src/",
            ],
        ),
    ];
    for source in sources("src") {
        for (name, rooms) in &rooms {
            let at_home = rooms.iter().any(|room| source.path.starts_with(room));
            assert!(
                at_home || !source.names(name),
                "{} names {name}, which belongs to {rooms:?}",
                source.path
            );
        }
    }
}

#[test]
fn the_planes_never_import_each_other_and_the_vocabulary_imports_nobody() {
    for source in sources("src") {
        let forbidden: &[&str] = match source.path.split('/').next().unwrap() {
            "shared" => &[
                "countersign_proto",
                "countersign_feed",
                "countersign_control_plane",
                "countersign_data_plane",
                "tokio",
                "std::fs",
                "std::net::Tcp",
            ],
            "delivery" => &["countersign_proto", "tokio", "std::fs", "std::net::Tcp", "clock::"],
            "transport" => &[
                "countersign_proto",
                "countersign_feed",
                "countersign_control_plane",
                "countersign_data_plane",
            ],
            "proto" => &["countersign_feed", "countersign_control_plane", "countersign_data_plane"],
            "feed" => &["countersign_control_plane", "countersign_data_plane"],
            "control-plane" => &["countersign_data_plane"],
            "data-plane" => &["countersign_control_plane"],
            _ => &[],
        };
        for name in forbidden {
            assert!(!source.names(name), "{} names {name}", source.path);
        }
    }
}

#[test]
fn what_decides_reads_no_clock_and_does_no_io() {
    let pure = [
        "control-plane/src/decide/",
        "control-plane/src/project.rs",
        "feed/src/ring.rs",
        "feed/src/scope.rs",
        "feed/src/shelf.rs",
        "feed/src/snapshot.rs",
        "feed/src/stream.rs",
        "feed/src/turns.rs",
        "data-plane/src/follower.rs",
        "data-plane/src/relay/tables.rs",
        "data-plane/src/replica/",
        "data-plane/src/table/",
    ];
    for source in
        sources("src").iter().filter(|source| pure.iter().any(|path| source.path.starts_with(path)))
    {
        for name in ["clock::", "Instant::now", "std::fs", "std::net::Tcp", "tokio", "async fn"] {
            assert!(!source.names(name), "{} names {name}", source.path);
        }
    }
}

#[test]
fn every_file_is_of_a_sitting_and_says_what_it_owns() {
    for source in sources("") {
        let lines = source.text.lines().count();
        assert!(
            lines <= FILE_LINES_MAX,
            "{} has {lines} lines: {FILE_LINES_MAX} at most",
            source.path
        );
        let in_tests = source.path.contains("/tests/") || source.path.contains("/examples/");
        assert!(
            in_tests || source.text.starts_with("//!"),
            "{} begins without saying what it owns",
            source.path
        );
    }
}

#[test]
fn every_attack_in_the_documents_is_tried_by_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = fs::read_to_string(root.join("docs/attacks.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.ends_with("| test |"));
    let mut tried = 0;
    for row in rows {
        let columns: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [_, _, observed, test] = columns[..] else { panic!("not of four columns: {row}") };
        let words: Vec<&str> = test.split('`').collect();
        let ["", path, " ", name, ""] = words[..] else { panic!("not a path and a name: {row}") };
        let text = fs::read_to_string(root.join(path)).expect(path);
        let head = text.split(&format!("fn {name}(")).next().unwrap();
        let is_test = head.len() < text.len()
            && head.rsplit("\n\n").next().is_some_and(|before| {
                before.contains("#[test]") || before.contains("#[tokio::test")
            });
        assert!(is_test && !observed.is_empty(), "{path} has no test {name}");
        tried += 1;
    }
    assert!(tried >= 40, "{tried} attacks");
}

/// All Rust files of the crates below a folder of each, by path.
fn sources(below: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = Vec::new();
    for name in CRATES {
        collect(&root.join(name).join(below), &mut found);
    }
    assert!(found.len() > 50, "the sources were not found");
    let mut sources: Vec<Source> = found
        .into_iter()
        .map(|path| Source {
            text: fs::read_to_string(&path).unwrap(),
            path: path.strip_prefix(root).unwrap().display().to_string(),
        })
        .collect();
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}
