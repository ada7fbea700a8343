//! What the messages weigh: a real writer with so many bindings makes a change, and a real stream
//! sends it to a node that has served one environment since before it.

use std::sync::Arc;
use std::time::Duration;

use countersign_control_plane::Limits;
use countersign_control_plane::command::{Authority, Command, Reference, Request};
use countersign_control_plane::engine::{Engine, Envelope, Writer};
use countersign_control_plane::keystore::{Keystore, MasterKey};
use countersign_control_plane::log::MemoryLog;
use countersign_control_plane::metrics::EngineMetrics;
use countersign_control_plane::publisher::snapshot_chunks;
use countersign_control_plane::recover::recover;
use countersign_control_plane::snapshotter::Snapshotter;
use countersign_feed::Window;
use countersign_feed::stream::{Next, NodeStream};
use countersign_proto::v1;
use countersign_proto::v1::subscribe_request::Message as FromNode;
use countersign_proto::v1::subscribe_response::Message as ToNode;
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
use prost::Message;

const LOG: LogId = LogId::from_bytes([1; 16]);
const RELEASE: EnvironmentId = EnvironmentId::from_bytes([1; 16]);
/// As many as a gateway may have.
const KEYS: u128 = 200;

/// In bytes, as they are in a message of gRPC.
#[derive(Debug)]
pub(crate) struct Weights {
    pub(crate) delta: usize,
    pub(crate) bookmark: usize,
    pub(crate) ack: usize,
    pub(crate) snapshot: usize,
    /// Of the snapshot.
    pub(crate) resources: usize,
}

impl Weights {
    pub(crate) fn of(bindings: usize) -> Self {
        let keystore = Keystore::in_memory(&MasterKey::from_bytes([7; 32]), LOG).unwrap();
        let sealer = keystore.sealer();
        let log = MemoryLog::new(LOG);
        let reader = countersign_control_plane::log::EventLog::reader(&log);
        let mut state = State::default();
        let publisher = recover(&*reader, LOG, &mut state, &sealer, Window::default()).unwrap();
        let feed = publisher.feed();
        let mut writer = Writer::new(Engine {
            log: Box::new(log),
            keystore,
            state,
            publisher,
            limits: Limits::default(),
            snapshotter: Snapshotter::none(),
            metrics: EngineMetrics::register(&mut prometheus_client::registry::Registry::default()),
        });
        given(&mut writer, &sealer, bindings);
        let view = writer.view().load_full();
        let head = Some(view.tip.head.revision);
        let mut stream = NodeStream::begin(vec![RELEASE], head, Duration::from_secs(5), &feed);
        let Some(Next::Bookmark(bookmark)) = stream.next(Duration::ZERO, &feed, &view.tip) else {
            panic!("a stream begins with a bookmark")
        };
        ask(&mut writer, vec![(bind(1, 0, true), None)]);
        let view = writer.view().load_full();
        let Some(Next::Delta(delta)) = stream.next(Duration::ZERO, &feed, &view.tip) else {
            panic!("a change is a delta")
        };
        let chunks = snapshot_chunks(&sealer, &view.state, RELEASE).unwrap();
        let ack = v1::Ack {
            revision: delta.revision,
            digest: vec![0; 32],
            applied_at_ms: 1_764_000_000_000,
            counts: None,
        };
        Self {
            delta: to_node(ToNode::Delta(delta)),
            bookmark: to_node(ToNode::Bookmark(bookmark)),
            ack: 5 + v1::SubscribeRequest { message: Some(FromNode::Ack(ack)) }.encoded_len(),
            snapshot: chunks.into_iter().map(|chunk| to_node(ToNode::SnapshotChunk(chunk))).sum(),
            resources: 2 * bindings + 1 + usize::try_from(KEYS).unwrap().min(bindings),
        }
    }
}

/// With the five bytes that gRPC puts before each message.
fn to_node(message: ToNode) -> usize {
    5 + v1::SubscribeResponse { message: Some(message) }.encoded_len()
}

type Asked = (Command, Option<countersign_control_plane::keystore::DataKey>);

fn given(
    writer: &mut Writer,
    sealer: &countersign_control_plane::keystore::Sealer,
    bindings: usize,
) {
    let remark = || Remark::parse("").unwrap();
    let group = Command::CreateGroup {
        id: GroupId::from_bytes([1; 16]),
        name: GroupName::parse("orders").unwrap(),
        domains: vec![],
        remark: remark(),
    };
    ask(writer, vec![(Command::CreateLog { log_id: LOG, release: RELEASE }, None), (group, None)]);
    for number in 0..KEYS {
        ask(writer, vec![key(sealer, number)]);
    }
    for number in 0..bindings as u128 {
        let name = format!("api{number}");
        let create = Command::CreateApi {
            id: ApiId::from_bytes(number.to_be_bytes()),
            group: Reference("orders".into()),
            name: ApiName::parse(&name).unwrap(),
            remark: remark(),
            definition: Arc::new(definition(&name)),
        };
        let publish =
            Command::PublishApi { api: Reference(name), environment: Reference("RELEASE".into()) };
        let key = number % KEYS;
        ask(writer, vec![(create, None), (publish, None), (bind(key, number, false), None)]);
    }
}

fn ask(writer: &mut Writer, asked: Vec<Asked>) {
    let origin = Origin {
        role: ActedAs::default(),
        actor: Actor::parse("study").unwrap(),
        source: String::new(),
        request: None,
        reason: Reason::default(),
    };
    let origin = Arc::new(origin);
    let mut batch = writer.batch();
    let mut answers = Vec::new();
    for (command, data_key) in asked {
        let origin = Arc::clone(&origin);
        let request = Request {
            command,
            origin,
            authority: Authority::Unlimited,
            expected_revision: None,
            data_key,
        };
        let (envelope, answer) = Envelope::new(0, request);
        batch.take(envelope);
        answers.push(answer);
    }
    writer.commit(batch).unwrap();
    for mut answer in answers {
        answer.try_recv().unwrap().unwrap();
    }
}

fn key(sealer: &countersign_control_plane::keystore::Sealer, number: u128) -> Asked {
    let id = KeyId::from_bytes(number.to_be_bytes());
    let secret_id = SecretId::from_bytes(number.to_be_bytes());
    let secret = Secret::new(format!("signature_secret_{number:015}"));
    let made = sealer.seal(id, secret_id, &secret).unwrap();
    let secret = SealedSecret {
        secret_id,
        fingerprint: secret.fingerprint(),
        ciphertext: Arc::from(made.ciphertext),
        generated: false,
    };
    let key = KeyText::parse(SignatureKeyType::Hmac, &format!("signature_key_{number}")).unwrap();
    let name = KeyName::parse(&format!("key{number}")).unwrap();
    let key_type = SignatureKeyType::Hmac;
    (Command::CreateKey { id, name, key_type, key, secret }, Some(made.data_key))
}

fn bind(key: u128, api: u128, replace: bool) -> Command {
    Command::BindKey {
        key: Reference(format!("key{key}")),
        api: Reference(format!("api{api}")),
        environment: Reference("RELEASE".into()),
        replace,
    }
}

fn definition(name: &str) -> ApiDefinition {
    ApiDefinition {
        method: Method::Get,
        path: ApiPath::parse(&format!("/v1/{name}/{{id}}")).unwrap(),
        match_mode: MatchMode::Normal,
        backend: Backend::of(vec![BackendTarget::parse("orders.internal:9000").unwrap()]).into(),
        body_policy: BodyPolicy::Required,
        query_mode: QueryMode::Normalize,
        websocket: false,
    }
}
