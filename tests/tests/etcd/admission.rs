//! An etcd that lets in only whom it knows: by certificates, and by names with passwords. What it refuses
//! is refused at the start, with what to do about it, and no password is in a log.

use std::path::{Path, PathBuf};

use countersign_proto::v1;
use countersign_tests::authority::Authority;
use countersign_tests::{ControlPlaneProcess, Etcd, Process, eventually, free_address, get};
use countersign_transport::ClientFiles;

use super::ORDERS;

const PASSWORD: &str = "Quill-and-lantern-2026";
const WRONG: &str = "Quill-and-candle-2026";

/// Both ends of the keys that begin with `countersign/`.
const GRANT: &str = r#"{"name":"countersign","perm":{"permType":"READWRITE",
    "key":"Y291bnRlcnNpZ24v","range_end":"Y291bnRlcnNpZ24w"}}"#;

/// What a control plane is told of the etcd it has to get into.
struct Way {
    data: tempfile::TempDir,
    args: Vec<String>,
}

impl Way {
    fn to(etcd: &Etcd) -> Self {
        let args = ["--log", "etcd", "--etcd-endpoint", &etcd.endpoint(), "--log-level", "trace"];
        let args = args.map(str::to_owned).to_vec();
        Self { data: tempfile::tempdir().unwrap(), args }
    }

    fn with(mut self, flag: &str, value: &Path) -> Self {
        self.args.extend([flag.to_owned(), value.display().to_string()]);
        self
    }

    fn showing(self, files: &ClientFiles) -> Self {
        let own = files.own.as_ref().unwrap();
        let way = self.with("--etcd-ca", files.ca.as_ref().unwrap());
        way.with("--etcd-cert", &own.certificate).with("--etcd-key", &own.key)
    }

    fn with_user(self, user: &str, password: &str) -> Self {
        let file: PathBuf = self.data.path().join("password");
        std::fs::write(&file, format!("{password}\n")).unwrap();
        self.with("--etcd-user", Path::new(user)).with("--etcd-password-file", &file)
    }

    async fn starts(&self) -> ControlPlaneProcess {
        let args: Vec<&str> = self.args.iter().map(String::as_str).collect();
        ControlPlaneProcess::start_with(&self.data.path().join("one"), &args).await
    }

    /// What it says when it is refused.
    async fn refused_with(self) -> String {
        let log = self.data.path().join("one.log");
        let (directory, listen) = (self.data.path().join("one"), free_address().to_string());
        let mut args = vec!["control-plane", "--plaintext", "--listen", &listen];
        args.extend(["--status-listen", "127.0.0.1:0"]);
        args.extend(["--data-dir", directory.to_str().unwrap()]);
        args.extend(self.args.iter().map(String::as_str));
        let mut process = Process::spawn(&args, &log);
        let ended = eventually("the process ends", async || process.ended()).await;
        assert!(!ended.success());
        let log = process.log();
        assert_silent(&log);
        let said = log.lines().find(|line| line.starts_with("error: "));
        said.unwrap_or_else(|| panic!("nothing is told: {log}")).to_owned()
    }
}

#[tokio::test]
async fn certificates_open_an_etcd_that_asks_for_them_and_nothing_else_does() {
    let (authority, other) = (Authority::make(), Authority::make());
    let etcd = authority.etcd();
    let ours = authority.operator("countersign");
    let way = Way::to(&etcd).showing(&ours);
    let plane = way.starts().await;
    plane.management().create_group("shop", &[]).await;

    let wrong_ca = ClientFiles { ca: Some(other.certificate()), ..ours.clone() };
    let said = Way::to(&etcd).showing(&wrong_ca).refused_with().await;
    assert!(said.contains("UnknownIssuer") && said.contains("--etcd-ca"), "{said}");
    let said = Way::to(&etcd).with("--etcd-ca", &authority.certificate()).refused_with().await;
    assert!(said.contains("fatal alert") && said.contains("--etcd-cert and --etcd-key"), "{said}");
    let strangers = ClientFiles { ca: ours.ca, own: other.operator("countersign").own };
    let said = Way::to(&etcd).showing(&strangers).refused_with().await;
    assert!(said.contains("fatal alert") && said.contains("--etcd-cert and --etcd-key"), "{said}");
}

#[tokio::test]
async fn a_name_and_its_password_open_an_etcd_that_asks_for_them_and_nothing_else_does() {
    let mut etcd = Etcd::start();
    let said = Way::to(&etcd).with_user("countersign", PASSWORD).refused_with().await;
    assert!(said.contains("authentication is not enabled): leave --etcd-user out"), "{said}");

    for name in ["root", "countersign", "stranger"] {
        etcd.ask("auth/user/add", &format!(r#"{{"name":"{name}","password":"{PASSWORD}"}}"#));
        etcd.ask("auth/role/add", &format!(r#"{{"name":"{name}"}}"#));
        etcd.ask("auth/user/grant", &format!(r#"{{"user":"{name}","role":"{name}"}}"#));
    }
    etcd.ask("auth/role/grant", GRANT);
    etcd.ask("auth/enable", "{}");
    let way = Way::to(&etcd).with_user("countersign", PASSWORD);
    let way = way.with("--etcd-compact-after", Path::new("1s"));
    let plane = way.starts().await;
    let management = plane.management();
    management.create_group("shop", &[]).await;
    management.create_key(&ORDERS).await;

    let said = Way::to(&etcd).with_user("countersign", WRONG).refused_with().await;
    assert!(said.contains("check --etcd-user and --etcd-password-file"), "{said}");
    let said = Way::to(&etcd).refused_with().await;
    assert!(said.contains("it asks for a user"), "{said}");
    let said = Way::to(&etcd).with_user("stranger", PASSWORD).refused_with().await;
    assert!(said.contains("permission denied") && said.contains("grant-permission"), "{said}");

    let address = etcd.endpoint().trim_start_matches("http://").parse().unwrap();
    eventually("such a user may have the history forgotten", async || {
        let metrics = get(address, "/metrics").await;
        let mut forgotten = metrics
            .text()
            .lines()
            .filter_map(|line| line.strip_prefix("etcd_debugging_mvcc_db_compaction_keys_total "));
        (forgotten.next()? != "0").then_some(())
    })
    .await;

    // etcd forgets the tokens that it gave.
    etcd.kill();
    etcd.go_on();
    eventually("a write after it", async || {
        let group = v1::ApiGroup { name: "later".to_owned(), ..v1::ApiGroup::default() };
        let request = v1::CreateApiGroupRequest { api_group: Some(group), ..Default::default() };
        management.api_groups().create_api_group(request).await.ok()
    })
    .await;
    let log = std::fs::read_to_string(plane.log_file()).unwrap();
    assert!(log.contains("TRACE"), "{log}");
    assert_silent(&log);
}

/// At the level of trace, too, no password is told.
fn assert_silent(log: &str) {
    assert!(!log.contains(PASSWORD) && !log.contains(WRONG), "{log}");
}
