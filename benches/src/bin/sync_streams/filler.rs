//! Fills a data directory with a gateway of any size, by the engine itself: every command is decided,
//! sealed, appended and flushed as when it comes over gRPC, a few hundred to a flush. What is left out
//! is gRPC, which would take ten times as long.

use std::path::Path;
use std::sync::Arc;

use countersign_control_plane::Limits;
use countersign_control_plane::command::{Authority, Command, Reference, Request};
use countersign_control_plane::engine::{Engine, Envelope, Writer};
use countersign_control_plane::keystore::{DataKey, Keystore, Sealer};
use countersign_control_plane::log::{
    CheckpointKey, DataDir, Durability, EventLog as _, LocalLog, SnapshotStore,
};
use countersign_control_plane::metrics::EngineMetrics;
use countersign_control_plane::recover::recover;
use countersign_control_plane::snapshotter::Snapshotter;
use countersign_feed::Window;
use countersign_shared::api::{
    ApiDefinition, ApiPath, Backend, BackendTarget, BodyPolicy, MatchMode, Method,
};
use countersign_shared::event::Origin;
use countersign_shared::id::{ApiId, EnvironmentId, GroupId, KeyId, LogId, SecretId};
use countersign_shared::key::{KeyText, SealedSecret, SignatureKeyType};
use countersign_shared::secret::Secret;
use countersign_shared::signing::QueryMode;
use countersign_shared::state::State;
use countersign_shared::text::{ActedAs, Actor, ApiName, GroupName, KeyName, Reason, Remark};
use prometheus_client::registry::Registry;

const LOG: LogId = LogId::from_bytes([7; 16]);
const RELEASE: EnvironmentId = EnvironmentId::from_bytes([1; 16]);
const APIS_PER_GROUP: u128 = 1_000;
/// All are signed for with the first; the second has an API of its own, see `gateway`.
const KEYS: [&str; 2] = ["gateway", "other"];

/// Makes the directory, with so many APIs published and bound; the last revision.
pub(crate) fn fill(data_dir: &Path, bindings: usize) -> u64 {
    let dir = DataDir::open(data_dir, LOG).unwrap();
    let master = dir.master_key(None).unwrap();
    let keystore = Keystore::open(&dir.keystore_path(), &master, LOG).unwrap();
    let snapshots = Arc::new(SnapshotStore::of(&dir));
    let signing = CheckpointKey::from_seed(&keystore.checkpoint_seed(), LOG);
    let log = LocalLog::open(dir, signing, Durability::Full).unwrap();
    let (sealer, mut state) = (keystore.sealer(), State::default());
    let publisher = recover(&*log.reader(), LOG, &mut state, &sealer, Window::default()).unwrap();
    let mut filler = Filler {
        writer: Writer::new(Engine {
            log: Box::new(log),
            keystore,
            state,
            publisher,
            limits: Limits::default(),
            snapshotter: Snapshotter::spawn(snapshots, 0).unwrap(),
            metrics: EngineMetrics::register(&mut Registry::default()),
        }),
        waiting: Vec::new(),
    };
    filler.ask(Command::CreateLog { log_id: LOG, release: RELEASE }, None);
    for (number, name) in KEYS.into_iter().enumerate() {
        let (command, data_key) = key(&sealer, number as u128, name);
        filler.ask(command, Some(data_key));
    }
    for number in 0..bindings as u128 {
        filler.add_api(number);
    }
    filler.commit();
    filler.writer.view().load_full().tip.head.revision
}

struct Filler {
    writer: Writer,
    /// For the same flush.
    waiting: Vec<Request>,
}

impl Filler {
    fn add_api(&mut self, number: u128) {
        let group = format!("group{}", number / APIS_PER_GROUP);
        let name = if number == 0 { "others".to_owned() } else { format!("orders-{number}") };
        let key = if number == 0 { KEYS[1] } else { KEYS[0] };
        if number.is_multiple_of(APIS_PER_GROUP) {
            let id = GroupId::from_bytes(number.to_be_bytes());
            let (name, remark) = (GroupName::parse(&group).unwrap(), Remark::parse("").unwrap());
            self.ask(Command::CreateGroup { id, name, domains: vec![], remark }, None);
        }
        let id = ApiId::from_bytes(number.to_be_bytes());
        let api = || Reference(name.clone());
        let environment = || Reference("RELEASE".into());
        let create = Command::CreateApi {
            id,
            group: Reference(group),
            name: ApiName::parse(&name).unwrap(),
            remark: Remark::parse("").unwrap(),
            definition: Arc::new(definition(number)),
        };
        self.ask(create, None);
        self.ask(Command::PublishApi { api: api(), environment: environment() }, None);
        let signature_key = Reference(key.to_owned());
        let bind = Command::BindKey {
            key: signature_key,
            api: api(),
            environment: environment(),
            replace: false,
        };
        self.ask(bind, None);
    }

    fn ask(&mut self, command: Command, data_key: Option<DataKey>) {
        let actor = Actor::parse("filler").unwrap();
        let reason = Reason::default();
        let origin = Arc::new(Origin {
            actor,
            role: ActedAs::default(),
            source: String::new(),
            request: None,
            reason,
        });
        self.waiting.push(Request {
            command,
            origin,
            authority: Authority::Unlimited,
            expected_revision: None,
            data_key,
        });
        // Of every command this is fewer bytes than a batch takes.
        if self.waiting.len() == 300 {
            self.commit();
        }
    }

    fn commit(&mut self) {
        let mut batch = self.writer.batch();
        let mut answers = Vec::new();
        for request in self.waiting.drain(..) {
            let (envelope, answer) = Envelope::new(1_764_000_000_000, request);
            batch.take(envelope);
            answers.push(answer);
        }
        self.writer.commit(batch).unwrap();
        for mut answer in answers {
            answer.try_recv().unwrap().unwrap();
        }
    }
}

fn key(sealer: &Sealer, number: u128, name: &str) -> (Command, DataKey) {
    let id = KeyId::from_bytes((number + 1).to_be_bytes());
    let secret_id = SecretId::from_bytes((number + 1).to_be_bytes());
    let secret = Secret::new(format!("signature_secret_{number:015}"));
    let made = sealer.seal(id, secret_id, &secret).unwrap();
    let secret = SealedSecret {
        secret_id,
        fingerprint: secret.fingerprint(),
        ciphertext: Arc::from(made.ciphertext),
        generated: false,
    };
    let key_type = SignatureKeyType::Hmac;
    let key = KeyText::parse(key_type, &format!("signature_key_{number}")).unwrap();
    let name = KeyName::parse(name).unwrap();
    (Command::CreateKey { id, name, key_type, key, secret }, made.data_key)
}

fn definition(number: u128) -> ApiDefinition {
    let path = format!("/service{}/v1/orders{number}/{{id}}", number % 1_000);
    ApiDefinition {
        method: Method::Get,
        path: ApiPath::parse(&path).unwrap(),
        match_mode: MatchMode::Normal,
        backend: Backend::of(vec![BackendTarget::parse("127.0.0.1:9").unwrap()]).into(),
        body_policy: BodyPolicy::Required,
        query_mode: QueryMode::Normalize,
        websocket: false,
    }
}
