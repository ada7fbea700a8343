//! Everything at trace level, with secrets that are known again: control plane, console, relay, a node
//! beside it and one behind it. Then they are searched for wherever something may stay: what was
//! answered, logs, metrics, every file also as it was before it was packed, and what the processes have in
//! memory once the keys are deleted.

use std::path::Path;

use countersign_proto::v1;
use countersign_proto::v1::enrolment_client::EnrolmentClient;
use countersign_tests::authority::with_token;
use countersign_tests::{
    Backend, Cli, ControlPlaneProcess, Key, Management, NodeProcess, RelayProcess, eventually,
    free_address, get, request,
};

use crate::memory::{forms, gateway, memory_of};

const CANARY: Key = Key::hmac("canary", "canary-key-1", "Canary_4b7d-secret!one");
const REPLACED: &str = "Canary_8e2f-secret!two";
const BASIC: Key = Key::basic("basic_canary", "basiccanary", "Canary_basic#71$y");
const RELEASE: &str = "RELEASE";
const CACHE_KEY: &str = "7e1f5a0c3b9d2846e0f1a2b3c4d5968778695a4b3c2d1e0f0123456789abcdef";

/// What is searched for, and what was told to anybody.
#[derive(Default)]
struct Hunt {
    secrets: Vec<String>,
    told: Vec<(String, Vec<u8>)>,
}

impl Hunt {
    fn hear(&mut self, where_from: &str, text: impl Into<Vec<u8>>) {
        self.told.push((where_from.to_owned(), text.into()));
    }

    fn run(&mut self, cli: &Cli, line: &str) {
        let said = cli.say(line);
        assert_eq!(said.status, 0, "{line}: {}", said.stderr);
        self.hear(line, said.stdout);
        self.hear(line, said.stderr);
    }

    /// Where any of them is, in any form.
    fn found(&self, places: &[(String, Vec<u8>)]) -> Vec<String> {
        let mut found = Vec::new();
        for secret in &self.secrets {
            for form in forms(secret) {
                for (place, bytes) in places {
                    if memchr::memmem::find(bytes, form.as_bytes()).is_some() {
                        found.push(format!("{form} is in {place}"));
                    }
                }
            }
        }
        found
    }
}

/// Tokens of an operator and a node, used well and badly; both are secrets as well.
async fn use_tokens(hunt: &mut Hunt, management: &Management, cli: &Cli, console: &str) {
    let mut access = v1::access_client::AccessClient::new(management.channel());
    let grant = v1::Grant {
        operator: "ci".to_owned(),
        role: v1::OperatorRole::Auditor.into(),
        ..Default::default()
    };
    let grant = v1::GrantAccessRequest { grant: Some(grant), ..Default::default() };
    access.grant_access(grant).await.unwrap();
    let made = v1::CreateTokenRequest { operator: "ci".to_owned(), ..Default::default() };
    let made = access.create_token(made).await.unwrap().into_inner();
    let tail = with_token(v1::ListEventsRequest::default(), &made.bearer);
    let listed = management.events().list_events(tail).await.unwrap();
    hunt.hear("ListEvents", format!("{listed:?}"));
    let create = with_token(v1::CreateEnvironmentRequest::default(), &made.bearer);
    let refused = management.environments().create_environment(create).await.unwrap_err();
    hunt.hear("a refusal", format!("{refused:?}"));
    let typo = made.bearer.replace("cst_", "cst_A");
    let refused = access.who_am_i(with_token(v1::WhoAmIRequest {}, &typo)).await.unwrap_err();
    hunt.hear("a failed login", format!("{refused:?}"));
    let web = format!(
        "POST /countersign.v1.Access/WhoAmI HTTP/1.1\r\nHost: {console}\r\nContent-Length: 5\r\n\
         Content-Type: application/grpc-web+proto\r\nAuthorization: Bearer {}\r\n\r\n\0\0\0\0\0",
        made.bearer
    );
    hunt.hear("gRPC-Web", request(console.parse().unwrap(), web).await.body);
    hunt.hear(
        "the console",
        request(console.parse().unwrap(), format!("GET / HTTP/1.1\r\nHost: {console}\r\n\r\n"))
            .await
            .body,
    );
    let revoke = v1::RevokeTokenRequest { token: made.token.unwrap().id, ..Default::default() };
    access.revoke_token(revoke).await.unwrap();

    let token = cli.json("node token create --env RELEASE");
    let token = token["token"].as_str().unwrap().to_owned();
    let enrol = v1::EnrolNodeRequest { token: token.clone(), ..Default::default() };
    let refused = EnrolmentClient::new(management.channel()).enrol_node(enrol).await.unwrap_err();
    hunt.hear("an enrolment", format!("{refused:?}"));
    hunt.secrets.extend([made.bearer, typo, token]);
}

/// All that the command line shows, in all forms.
fn ask_for_everything(hunt: &mut Hunt, cli: &Cli) {
    for line in [
        "key list",
        "key get canary",
        "binding list",
        "api list",
        "node list",
        "node token list",
        "token list",
        "operator list",
        "events list",
        "audit attempts",
        "audit state --at 9",
        "audit who --key canary",
        "audit checkpoint",
        "audit diff 1 9",
        "audit show 9",
        "master-key get",
        "whoami",
    ] {
        for format in ["table", "json", "yaml"] {
            hunt.run(cli, &format!("{line} -o {format}"));
        }
    }
    for format in ["jsonl", "csv", "cloudevents"] {
        hunt.run(cli, &format!("audit export --format {format}"));
    }
}

#[tokio::test]
async fn with_everything_at_trace_level_no_secret_is_anywhere() {
    let directory = tempfile::tempdir().unwrap();
    let (data_dir, aside) = (directory.path().join("data"), tempfile::tempdir().unwrap());
    let console = free_address().to_string();
    let loud = ["--log-level", "trace"];
    let with_console = ["--log-level", "trace", "--console-listen", &console];
    let mut plane = ControlPlaneProcess::start_with(&data_dir, &with_console).await;
    let (backend, cli) = (Backend::start().await, Cli::to(&plane.uri()));
    let management = plane.management();
    gateway(&plane, &backend, &CANARY).await;
    let logs = directory.path();
    let mut relay = RelayProcess::start_with(&plane.uri(), "relay", logs, &loud).await;
    let cache_key = aside.path().join("cache-key");
    std::fs::write(&cache_key, CACHE_KEY).unwrap();
    let cache = directory.path().join("cache");
    let cached = [&loud[..], &["--cache-file", cache.to_str().unwrap()]].concat();
    let cached = [&cached[..], &["--cache-key-file", cache_key.to_str().unwrap()]].concat();
    let mut beside = NodeProcess::start_with(&plane.uri(), "beside", logs, &cached).await;
    let mut behind = NodeProcess::start_with(&relay.uri(), "behind", logs, &loud).await;

    let mut hunt = Hunt::default();
    let generated = cli.json("key create generated --type hmac");
    let generated = generated["generated_secret"].as_str().unwrap().to_owned();
    let create =
        format!("key create {} --type basic --key {} --secret-stdin", BASIC.name, BASIC.key);
    hunt.hear("key create", cli.json_with(&create, BASIC.secret).to_string());
    let said = cli.say_with("key replace-secret canary --secret-stdin", "Canary_8");
    assert_eq!(said.status, 1);
    assert!(!said.stderr.contains("Canary_8"), "{}", said.stderr);
    let replaced = cli.say_with("key replace-secret canary --secret-stdin", REPLACED);
    assert_eq!(replaced.status, 0, "{}", replaced.stderr);
    hunt.hear("key replace-secret", replaced.stdout);
    let secrets = [CANARY.secret, REPLACED, BASIC.secret, &generated].map(str::to_owned);
    hunt.secrets.extend(secrets.clone());
    use_tokens(&mut hunt, &management, &cli, &console).await;

    let revision = management.publish("orders", RELEASE).await;
    for node in [&mut beside, &mut behind] {
        node.wait_for(revision).await;
        assert_eq!(get(node.proxy_address, "/orders").await.status, 200);
        Key { secret: REPLACED, ..CANARY }.assert_signed(&backend.last());
    }
    let authorization = backend.last().header("authorization").unwrap_or_default().to_owned();
    let explained = v1::ExplainRequestRequest {
        signature_key: "canary".to_owned(),
        method: "GET".to_owned(),
        target: "/orders".to_owned(),
        headers: vec![v1::CapturedHeader {
            name: "authorization".to_owned(),
            value: authorization.into_bytes(),
        }],
        ..Default::default()
    };
    let mut verification = v1::verification_client::VerificationClient::new(management.channel());
    hunt.hear("ExplainRequest", format!("{:?}", verification.explain_request(explained).await));
    ask_for_everything(&mut hunt, &cli);
    let [backup, restored] = ["a.backup", "restored"].map(|name| directory.path().join(name));
    hunt.run(&cli, &format!("backup create --to {}", backup.display()));
    // What a backup holds is packed; what it was restored to is not.
    hunt.run(&cli, &format!("restore --from {} --to {}", backup.display(), restored.display()));
    for status in
        [plane.status_address, relay.status_address, beside.status_address, behind.status_address]
    {
        for page in ["/metrics", "/ready"] {
            hunt.hear(page, get(status, page).await.body);
        }
    }

    for key in ["canary", "basic_canary", "generated"] {
        assert_eq!(cli.say(&format!("key delete {key} --force")).status, 0);
    }
    let data_keys = || std::fs::metadata(data_dir.join("keystore")).unwrap().len() / 128 - 1;
    eventually("all are forgotten", async || (data_keys() == 0).then_some(())).await;
    let revision = management.publish("orders", RELEASE).await;
    for node in [&mut beside, &mut behind] {
        node.wait_for(revision).await;
        for _ in 0..20 {
            get(node.proxy_address, "/orders").await;
            assert_eq!(cli.say("key list").status, 0);
        }
    }
    let pids = [
        ("the control plane", plane.process.pid()),
        ("the relay", relay.process.pid()),
        ("the node beside it", beside.process.pid()),
        ("the node behind it", behind.process.pid()),
    ];
    let memories = pids.map(|(name, pid)| (format!("the memory of {name}"), memory_of(pid)));
    for (place, bytes) in &memories {
        assert!(memchr::memmem::find(bytes, b"countersign").is_some(), "{place} is not read");
    }
    let all = std::mem::replace(&mut hunt.secrets, secrets.to_vec());
    let in_memory = hunt.found(&memories);
    assert!(in_memory.is_empty(), "{in_memory:#?}");

    hunt.secrets = all;
    let master = std::fs::read_to_string(data_dir.join("master.key")).unwrap().trim().to_owned();
    for process in
        [&mut beside.process, &mut behind.process, &mut relay.process, &mut plane.process]
    {
        assert!(process.stop().await.success());
        assert!(process.log().len() > 10_000, "at trace level: {}", process.log());
    }
    let mut everything = std::mem::take(&mut hunt.told);
    everything.extend(files(directory.path()));
    assert!(everything.iter().any(|(place, _)| place.ends_with("cache")));
    assert!(everything.len() > 60, "{} places", everything.len());
    let found = hunt.found(&everything);
    assert!(found.is_empty(), "{found:#?}");
    hunt.secrets = vec![master, CACHE_KEY.to_owned()];
    everything.retain(|(place, _)| !place.ends_with("/data/master.key"));
    let found = hunt.found(&everything);
    assert!(found.is_empty(), "{found:#?}");
}

fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let each = entries.map(|path| {
        if path.is_dir() {
            files(&path)
        } else {
            vec![(path.display().to_string(), std::fs::read(&path).unwrap())]
        }
    });
    each.collect::<Vec<_>>().concat()
}
