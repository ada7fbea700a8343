//! The binary as a shell sees it: what goes to which stream, and the exit status.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::process::{Command, Output, Stdio};

fn countersign(line: &str, variables: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(line.split_whitespace())
        .env_clear()
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// An address at which nobody listens: ports below 1024 that no service has.
fn nobody(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

#[test]
fn flags_beat_variables_and_variables_beat_the_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("control-plane: {}\n", nobody(1))).unwrap();
    let path = file.path().to_str().unwrap();
    let asked = |line: &str, variables: &[(&str, &str)]| {
        let output = countersign(line, variables);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(output.stdout.is_empty());
        stderr(&output)
    };
    let on_file = [("COUNTERSIGN_CONFIG", path)];
    let on_variable = [("COUNTERSIGN_CONFIG", path), ("COUNTERSIGN_CONTROL_PLANE", &nobody(2))];
    let says = |port| format!("error: no control plane answers at {}: ", nobody(port));
    assert!(asked("env list", &on_file).starts_with(&says(1)));
    assert!(asked(&format!("env list --config {path}"), &[]).starts_with(&says(1)));
    assert!(asked("env list", &on_variable).starts_with(&says(2)));
    let flag = format!("env list --control-plane {}", nobody(3));
    let told = asked(&flag, &on_variable);
    assert!(told.starts_with(&says(3)), "{told}");
    assert!(told.contains("what to do: start one with `countersign dev`"), "{told}");
}

#[test]
fn wrong_usage_is_status_2_and_tries_nothing() {
    for (line, says) in [
        ("", "Usage: countersign"),
        ("env", "Usage: countersign env"),
        ("env crate x", "unrecognized subcommand 'crate'"),
        ("env create", "<NAME>"),
        ("env update RELEASE", "error: nothing to change; give at least one of --name, --remark"),
        ("env list --control-plane localhost", "it reads like https://"),
        ("env list --control-plane https://a --control-plane-cert a.crt", "give both or none"),
        ("env list --control-plane https://a --control-plane-ca /no.crt", "/no.crt cannot be read"),
        ("control-plane", "--plaintext, which is for this machine alone"),
        ("relay", "--plaintext, which is for this machine alone"),
        ("control-plane --plaintext --tls-cert a --tls-key b --client-ca c", "exclude one another"),
        ("env list --page-size 0", "1..=1000"),
        ("env list --config /does/not/exist.yaml", "/does/not/exist.yaml cannot be read"),
        ("api create a --group g --method get --path / --backend http://a/x", "--backend-path"),
        ("api list --bound", "need --env"),
        ("events list --since yesterday", "`2h ago`"),
        ("key create a --type aes", "hmac"),
        ("backend --key orders-1", "COUNTERSIGN_BACKEND_SECRET"),
    ] {
        let output = countersign(line, &[]);
        assert_eq!(output.status.code(), Some(2), "{line}: {}", stderr(&output));
        assert!(output.stdout.is_empty(), "{line}");
        assert!(stderr(&output).contains(says), "{line}: {}", stderr(&output));
    }
}

#[test]
fn help_and_completion_go_to_standard_output() {
    for line in ["--help", "--version", "key create --help", "completion bash", "help bind"] {
        let output = countersign(line, &[]);
        assert_eq!(output.status.code(), Some(0), "{line}: {}", stderr(&output));
        assert!(!output.stdout.is_empty() && output.stderr.is_empty(), "{line}");
    }
}
