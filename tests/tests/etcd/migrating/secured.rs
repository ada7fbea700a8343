//! A log that moves to an etcd which asks who somebody is, and back.

use std::fs;

use countersign_tests::authority::Authority;
use countersign_tests::{Backend, Etcd};

use super::{Kept, etcd_place};

const PASSWORD: &str = "Quill-and-lantern-2026";
/// Both ends of the keys that begin with `countersign/`.
const GRANT: &str = r#"{"name":"countersign","perm":{"permType":"READWRITE",
    "key":"Y291bnRlcnNpZ24v","range_end":"Y291bnRlcnNpZ24w"}}"#;

impl Kept {
    /// There, with these flags, and back.
    fn moves_and_comes_back(&self, etcd: &Etcd, flags: &str) {
        let place = etcd_place(etcd);
        let moved = self.migrated(&self.sled("one"), &format!("{place} {flags}"));
        let again = self.migrated(&place, &format!("{} {flags}", self.sled("two")));
        assert_eq!(moved["state_digest"], again["state_digest"]);
        self.verify_directory("two");
    }
}

#[tokio::test]
async fn a_log_moves_over_tls_with_certificates_of_both_ends() {
    let (authority, backend) = (Authority::make(), Backend::start().await);
    let etcd = authority.etcd();
    let kept = Kept::make(&backend).await;
    let ours = authority.operator("countersign");
    let own = ours.own.unwrap();
    let ca = format!("--etcd-ca {}", ours.ca.unwrap().display());
    let said = kept.migrate(&kept.sled("one"), &format!("{} {ca}", etcd_place(&etcd)));
    assert_eq!(said.status, 1);
    assert!(said.stderr.contains("--etcd-cert and --etcd-key"), "{}", said.stderr);
    let (certificate, key) = (own.certificate.display(), own.key.display());
    let flags = format!("{ca} --etcd-cert {certificate} --etcd-key {key}");
    kept.moves_and_comes_back(&etcd, &flags);
}

#[tokio::test]
async fn a_log_moves_by_a_user_who_may_use_its_prefix_alone() {
    let (etcd, backend) = (Etcd::start(), Backend::start().await);
    for name in ["root", "countersign"] {
        etcd.ask("auth/user/add", &format!(r#"{{"name":"{name}","password":"{PASSWORD}"}}"#));
        etcd.ask("auth/role/add", &format!(r#"{{"name":"{name}"}}"#));
        etcd.ask("auth/user/grant", &format!(r#"{{"user":"{name}","role":"{name}"}}"#));
    }
    etcd.ask("auth/role/grant", GRANT);
    etcd.ask("auth/enable", "{}");
    let kept = Kept::make(&backend).await;
    let file = kept.path("password");
    fs::write(&file, PASSWORD).unwrap();
    let flags = format!("--etcd-user countersign --etcd-password-file {}", file.display());
    let said = kept.migrate(&kept.sled("one"), &etcd_place(&etcd));
    assert!(said.status == 1 && said.stderr.contains("asks for a user"), "{}", said.stderr);
    let elsewhere = format!("{}/elsewhere {flags}", etcd_place(&etcd));
    let said = kept.migrate(&kept.sled("one"), &elsewhere);
    assert!(said.status == 1 && said.stderr.contains("permission denied"), "{}", said.stderr);
    assert!(!said.stderr.contains(PASSWORD));
    kept.moves_and_comes_back(&etcd, &flags);
}
