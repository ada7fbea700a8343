//! `countersign ca`: what it writes, what it refuses, and that a control plane can be served with it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use countersign_transport::{Identity, Role};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

fn ca(dir: &Path, line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.current_dir(dir).env_clear().arg("ca").args(line.split_whitespace()).output().unwrap()
}

#[test]
fn a_ca_and_its_certificates_are_made_once_and_keys_are_the_owners_alone() {
    let dir = tempfile::tempdir().unwrap();
    let made = ca(dir.path(), "init --dir ca");
    assert!(made.status.success(), "{made:?}");
    for line in [
        "--name edge-1 --node",
        "--name ann --operator",
        "--name cp --server --san ::1",
        "--name relay-1 --relay --san relay.example",
    ] {
        let made = ca(dir.path(), &format!("cert --dir ca {line}"));
        assert!(made.status.success(), "{made:?}");
        assert!(String::from_utf8_lossy(&made.stdout).contains("What comes next"), "{made:?}");
    }
    for name in ["ca", "edge-1", "ann", "cp", "relay-1"] {
        let key = dir.path().join("ca").join(format!("{name}.key"));
        assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
    let named = |name: &str| {
        let file = dir.path().join("ca").join(format!("{name}.crt"));
        Identity::of(&CertificateDer::from_pem_file(file).unwrap()).ok()
    };
    assert_eq!(named("edge-1"), Identity::new(Role::Node, "edge-1"));
    assert_eq!(named("relay-1"), Identity::new(Role::Relay, "relay-1"));
    assert_eq!(named("ann"), Identity::new(Role::Operator, "ann"));

    let before = std::fs::read(dir.path().join("ca/ca.key")).unwrap();
    for again in ["init --dir ca", "cert --dir ca --name ann --operator"] {
        let refused = ca(dir.path(), again);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        assert!(String::from_utf8_lossy(&refused.stderr).contains("is there already"));
    }
    assert_eq!(std::fs::read(dir.path().join("ca/ca.key")).unwrap(), before);
}

#[test]
fn what_cannot_be_made_is_refused_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |line: &str| {
        let output = ca(dir.path(), line);
        assert!(!output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(refused("cert --dir ca --name a --node").contains("countersign ca init"));
    assert!(ca(dir.path(), "init --dir ca").status.success());
    assert!(refused("cert --dir ca --name a/b --node").contains("cannot stand in a certificate"));
    assert!(refused("cert --dir ca --name a").contains("--server"));
    assert!(refused("cert --dir ca --name a --node --operator").contains("cannot be used with"));
    assert!(refused("cert --dir ca --name a --node --san b").contains("cannot be used with"));
    assert!(refused("cert --dir ca --name a --server --san a/b").contains("neither a DNS name"));
}
