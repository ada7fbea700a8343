//! The words in which the rules are told: a scenario is a state made by commands.

use std::sync::Arc;

use countersign_control_plane::command::{Command, DefinitionPatch, Reference};
use countersign_control_plane::decide::{Limits, decide};
use countersign_control_plane::rejection::Rejection;
use countersign_shared::api::{
    ApiDefinition, ApiPath, Backend, BackendTarget, BodyPolicy, MatchMode, Method,
};
use countersign_shared::event::{Event, Origin, Record};
use countersign_shared::id::{ApiId, EnvironmentId, GroupId, KeyId, LogId, SecretId};
use countersign_shared::key::{KeyText, SealedSecret, SignatureKeyType};
use countersign_shared::secret::Secret;
use countersign_shared::signing::target::QueryMode;
use countersign_shared::stamp::Stamp;
use countersign_shared::state::State;
use countersign_shared::text::{
    ActedAs, Actor, ApiName, Domain, EnvironmentName, GroupName, KeyName, Reason, Remark,
};

pub(crate) const RELEASE: EnvironmentId = EnvironmentId::from_bytes(bytes(1));

pub(crate) const fn bytes(n: u8) -> [u8; 16] {
    [n; 16]
}

pub(crate) struct Scenario {
    pub(crate) state: State,
    pub(crate) limits: Limits,
    pub(crate) records: Vec<Record>,
}

impl Scenario {
    /// A new log: RELEASE and nothing else.
    pub(crate) fn new() -> Self {
        let empty = Self { state: State::default(), limits: Limits::default(), records: vec![] };
        empty.given(Command::CreateLog { log_id: LogId::from_bytes(bytes(9)), release: RELEASE })
    }

    /// Group `orders` with API `list`, GET /orders, published in RELEASE.
    pub(crate) fn with_published_api() -> Self {
        Self::new()
            .given(create_group(1, "orders", &[]))
            .given(create_api(1, "orders", "list", &get("/orders")))
            .given(publish("list", "RELEASE"))
    }

    /// The same, bound to the HMAC key `first`; there is a key `second` too.
    pub(crate) fn with_bound_api() -> Self {
        Self::with_published_api()
            .given(create_key(1, "first", SignatureKeyType::Hmac))
            .given(create_key(2, "second", SignatureKeyType::Hmac))
            .given(bind("first", "list", "RELEASE"))
    }

    pub(crate) fn limited(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    pub(crate) fn given(mut self, command: Command) -> Self {
        let events =
            decide(&self.state, &command, &self.limits).expect("what is given must be allowed");
        self.apply(events);
        self
    }

    pub(crate) fn apply(&mut self, events: Vec<Event>) {
        let origin = Arc::new(Origin {
            role: ActedAs::default(),
            actor: Actor::parse("tester").unwrap(),
            source: String::new(),
            request: None,
            reason: Reason::default(),
        });
        let first_revision = self.state.head().revision + 1;
        for event in events {
            let at = Stamp { revision: self.state.head().revision + 1, time_ms: 1_000 };
            let record = Record { at, origin: Arc::clone(&origin), first_revision, event };
            self.state.apply(&record);
            self.records.push(record);
        }
    }

    pub(crate) fn when(&self, command: &Command) -> Outcome {
        Outcome(decide(&self.state, command, &self.limits))
    }
}

#[derive(Debug)]
pub(crate) struct Outcome(Result<Vec<Event>, Rejection>);

impl Outcome {
    #[track_caller]
    pub(crate) fn then(self, expected: &[Event]) {
        assert_eq!(self.0.expect("allowed"), expected);
    }

    #[track_caller]
    pub(crate) fn then_kinds(self, expected: &[&str]) {
        let events = self.0.expect("allowed");
        let kinds: Vec<String> = events
            .iter()
            .map(|event| {
                format!("{event:?}").split([' ', '(']).next().unwrap_or_default().to_owned()
            })
            .collect();
        assert_eq!(kinds, expected);
    }

    #[track_caller]
    pub(crate) fn then_rejected(self, expected: &Rejection) {
        assert_eq!(&self.0.expect_err("rejected"), expected);
    }

    #[track_caller]
    pub(crate) fn then_not_found(self, kind: &str) {
        match self.0.expect_err("rejected") {
            Rejection::NotFound { kind: found, .. } => assert_eq!(found, kind),
            other => panic!("not a NotFound: {other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn then_invalid(self, field: &str) {
        match self.0.expect_err("rejected") {
            Rejection::InvalidFields(fields) => {
                assert!(fields.iter().any(|bad| bad.field == field), "{field} in {fields:?}");
            }
            other => panic!("not InvalidFields: {other:?}"),
        }
    }
}

pub(crate) fn reference(text: &str) -> Reference {
    Reference(text.to_owned())
}

pub(crate) fn remark(text: &str) -> Remark {
    Remark::parse(text).unwrap()
}

pub(crate) fn create_environment(id: u8, name: &str) -> Command {
    let id = EnvironmentId::from_bytes(bytes(id));
    Command::CreateEnvironment {
        id,
        name: EnvironmentName::parse(name).unwrap(),
        remark: remark(""),
    }
}

pub(crate) fn domains(texts: &[&str]) -> Vec<Domain> {
    texts.iter().map(|text| Domain::parse(text).unwrap()).collect()
}

pub(crate) fn create_group(id: u8, name: &str, of: &[&str]) -> Command {
    let id = GroupId::from_bytes(bytes(id));
    Command::CreateGroup {
        id,
        name: GroupName::parse(name).unwrap(),
        domains: domains(of),
        remark: remark(""),
    }
}

pub(crate) fn definition(method: Method, path: &str, match_mode: MatchMode) -> ApiDefinition {
    ApiDefinition {
        method,
        path: ApiPath::parse(path).unwrap(),
        match_mode,
        backend: Arc::new(Backend::of(vec![BackendTarget::parse("backend:9000").unwrap()])),
        body_policy: BodyPolicy::Required,
        query_mode: QueryMode::Normalize,
        websocket: false,
    }
}

pub(crate) fn get(path: &str) -> ApiDefinition {
    definition(Method::Get, path, MatchMode::Normal)
}

pub(crate) fn create_api(id: u8, group: &str, name: &str, definition: &ApiDefinition) -> Command {
    Command::CreateApi {
        id: ApiId::from_bytes(bytes(id)),
        group: reference(group),
        name: ApiName::parse(name).unwrap(),
        remark: remark(""),
        definition: Arc::new(definition.clone()),
    }
}

pub(crate) fn update_api(api: &str, patch: DefinitionPatch) -> Command {
    Command::UpdateApi { api: reference(api), name: None, remark: None, patch: Box::new(patch) }
}

pub(crate) fn publish(api: &str, environment: &str) -> Command {
    Command::PublishApi { api: reference(api), environment: reference(environment) }
}

pub(crate) fn take_offline(api: &str, environment: &str) -> Command {
    Command::TakeApiOffline { api: reference(api), environment: reference(environment) }
}

pub(crate) fn secret(id: u8, text: &str) -> SealedSecret {
    let fingerprint = Secret::new(text.to_owned()).fingerprint();
    let ciphertext = Arc::from(text.as_bytes());
    SealedSecret {
        secret_id: SecretId::from_bytes(bytes(id)),
        fingerprint,
        ciphertext,
        generated: false,
    }
}

pub(crate) fn create_key(id: u8, name: &str, key_type: SignatureKeyType) -> Command {
    Command::CreateKey {
        id: KeyId::from_bytes(bytes(id)),
        name: KeyName::parse(name).unwrap(),
        key_type,
        key: KeyText::parse(key_type, &format!("{name}_key_text")).unwrap(),
        secret: secret(id, name),
    }
}

pub(crate) fn bind(key: &str, api: &str, environment: &str) -> Command {
    let (key, api, environment) = (reference(key), reference(api), reference(environment));
    Command::BindKey { key, api, environment, replace: false }
}

pub(crate) fn rebind(key: &str, api: &str, environment: &str) -> Command {
    let (key, api, environment) = (reference(key), reference(api), reference(environment));
    Command::BindKey { key, api, environment, replace: true }
}

pub(crate) fn unbind(api: &str, environment: &str) -> Command {
    Command::UnbindKey { api: reference(api), environment: reference(environment) }
}
