//! What is valid: the records of a control plane on which everything was done once, its keystore, and
//! a backup of it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::OnceLock;

use countersign_control_plane::keystore::MasterKey;
use countersign_control_plane::log::StillLog;
use countersign_proto::v1;
use countersign_shared::id::LogId;
use countersign_tests::{Cli, Plane};
use prost::Message;
use tempfile::TempDir;

pub(crate) struct Samples {
    directory: TempDir,
    pub(crate) log_id: LogId,
    pub(crate) records: Vec<Vec<u8>>,
    pub(crate) backup: Vec<u8>,
    pub(crate) keystore: Vec<u8>,
    pub(crate) keyring: Vec<u8>,
}

impl Samples {
    pub(crate) fn master(&self) -> MasterKey {
        MasterKey::load(&self.data_dir().join("master.key")).unwrap()
    }

    fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }
}

const LINES: [&str; 26] = [
    "env create STAGING --remark first --reason ticket-1",
    "env update STAGING --remark second --request-id a-request",
    "env create GONE",
    "env delete GONE",
    "group create shop --domain a.example --domain b.example",
    "group update shop --remark all --domain c.example",
    "group create gone",
    "group delete gone",
    "api create orders --group shop --path /orders/{id} --method GET --backend http://127.0.0.1:9000 \
     --backend http://127.0.0.1:9001 --retries 2 --health-path /live --concurrency-max 9",
    "api create returns --group shop --path /r --match swa --method POST --backend https://b.example \
     --backend-server-name c.example --backend-identity gateway --body-policy auto --query-mode raw",
    "api update orders --timeout-ms 700 --backend-path /v2 --websocket",
    "api publish orders --env RELEASE",
    "api publish returns --env STAGING",
    "key create first --type hmac",
    "key create second --type basic",
    "key update first --name renamed",
    "key replace-secret renamed",
    "bind renamed --api orders --env RELEASE",
    "bind second --api orders --env RELEASE --replace",
    "bind renamed --api returns --env STAGING",
    "unbind --api orders --env RELEASE",
    "api offline orders --env RELEASE",
    "api delete orders",
    "key create third --type hmac",
    "key delete third",
    "node token create --env RELEASE",
];

/// The same in all of a process's tests.
pub(crate) fn samples() -> &'static Samples {
    static SAMPLES: OnceLock<Samples> = OnceLock::new();
    SAMPLES.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(make())
    })
}

async fn make() -> Samples {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path().join("data");
    let mut plane = Plane::start_with(|config| config.data_dir.clone_from(&data_dir)).await;
    let cli = Cli::to(&plane.uri());
    for line in LINES {
        cli.json(line);
    }
    let backup = directory.path().join("a.backup");
    cli.json(&format!("backup create --to {}", backup.display()));
    plane.stop().await;
    let log = StillLog::open(&data_dir).unwrap();
    let mut records = Vec::new();
    log.each_stored(|record| {
        records.push(record.bytes.to_vec());
        true
    })
    .unwrap();
    let kinds: BTreeSet<_> = records.iter().map(|record| kind(record)).collect();
    assert!(kinds.len() >= LINES.len() - 6, "events of too few kinds: {kinds:?}");
    let (keystore, keyring) = (read(data_dir.join("keystore")), read(data_dir.join("keyring")));
    Samples { log_id: log.log_id(), directory, records, backup: read(backup), keystore, keyring }
}

fn read(path: PathBuf) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

fn kind(record: &[u8]) -> String {
    let event = v1::Event::decode(record).unwrap();
    let shown = format!("{:?}", event.payload.unwrap());
    shown.split('(').next().unwrap().to_owned()
}
