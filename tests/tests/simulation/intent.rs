//! What somebody wants of the control plane. An intent can be asked for again, word by word, when
//! nobody knows whether it was carried out.

use std::sync::Arc;

use countersign_control_plane::command::{Authority, Command, DefinitionPatch, Reference, Request};
use countersign_control_plane::keystore::DataKey;
use countersign_shared::api::{
    ApiDefinition, ApiPath, Backend, BackendTarget, BodyPolicy, MatchMode, Method,
};
use countersign_shared::event::{Origin, RequestMark};
use countersign_shared::id::{ApiId, EnvironmentId, GroupId, LogId};
use countersign_shared::key::{KeyText, SignatureKeyType};
use countersign_shared::signing::QueryMode;
use countersign_shared::text::{
    ActedAs, Actor, ApiName, Domain, EnvironmentName, GroupName, KeyName, Reason, Remark, RequestId,
};

use crate::dice::Dice;
use crate::secrets::{GENERATIONS, KEYS, VERSIONS, key_id, sealed};

pub(crate) const ENVIRONMENTS: [&str; 2] = ["RELEASE", "test"];
pub(crate) const APIS: u8 = 6;
pub(crate) const GROUPS: u8 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Intent {
    Bind { key: u8, api: u8, environment: u8 },
    Unbind { api: u8, environment: u8 },
    Publish { api: u8, environment: u8 },
    TakeOffline { api: u8, environment: u8 },
    ReplaceSecret { key: u8, generation: u8, version: u8 },
    Remark { group: u8, to: u8 },
    Domains { group: u8, with: bool },
    Repath { api: u8, to: u8 },
    CreateEnvironment { environment: u8 },
    DeleteEnvironment { environment: u8 },
    CreateGroup { group: u8 },
    CreateApi { api: u8, generation: u8 },
    DeleteApi { api: u8 },
    CreateKey { key: u8, generation: u8 },
    DeleteKey { key: u8 },
}

impl Intent {
    /// Mostly what nodes learn of, and now and then what they do not.
    pub(crate) fn random(dice: &mut Dice) -> Self {
        let mut up_to = |end: u8| u8::try_from(dice.below(end.into())).unwrap();
        let (key, api, environment) = (up_to(KEYS), up_to(APIS), up_to(2));
        let generation = up_to(GENERATIONS);
        match up_to(100) {
            0..35 => Self::Bind { key, api, environment },
            35..45 => Self::Unbind { api, environment },
            45..55 => Self::Publish { api, environment },
            55..62 => Self::TakeOffline { api, environment },
            62..72 => Self::ReplaceSecret { key, generation, version: up_to(VERSIONS) },
            72..76 => Self::Remark { group: up_to(GROUPS), to: up_to(3) },
            76..81 => Self::Domains { group: up_to(GROUPS), with: up_to(2) == 0 },
            81..86 => Self::Repath { api, to: up_to(3) },
            86..88 => Self::CreateEnvironment { environment: 2 },
            88..90 => Self::DeleteEnvironment { environment: 2 },
            90..93 => Self::CreateApi { api, generation: up_to(200) },
            93..95 => Self::DeleteApi { api },
            95..98 => Self::CreateKey { key, generation },
            _ => Self::DeleteKey { key },
        }
    }

    /// The request with this number. The same number is the same request.
    pub(crate) fn request(self, number: u64, log: LogId) -> Request {
        let (command, data_key) = self.command(log);
        let id = RequestId::parse(&request_id(number)).unwrap();
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&number.to_be_bytes());
        let request = Some(RequestMark { id, digest });
        let actor = Actor::parse("somebody").unwrap();
        let origin = Arc::new(Origin {
            actor,
            role: ActedAs::default(),
            source: String::new(),
            request,
            reason: Reason::default(),
        });
        Request {
            command,
            origin,
            authority: Authority::Unlimited,
            expected_revision: None,
            data_key,
        }
    }

    fn command(self, log: LogId) -> (Command, Option<DataKey>) {
        let mut data_key = None;
        let mut secret = |key, version| {
            let (sealed, made) = sealed(log, key, version);
            data_key = Some(made);
            sealed
        };
        let command = match self {
            Self::Bind { key, api, environment } => Command::BindKey {
                key: named("key", key),
                api: named("api", api),
                environment: environment_named(environment),
                replace: true,
            },
            Self::Unbind { api, environment } => Command::UnbindKey {
                api: named("api", api),
                environment: environment_named(environment),
            },
            Self::Publish { api, environment } => Command::PublishApi {
                api: named("api", api),
                environment: environment_named(environment),
            },
            Self::TakeOffline { api, environment } => Command::TakeApiOffline {
                api: named("api", api),
                environment: environment_named(environment),
            },
            Self::ReplaceSecret { key, generation, version } => {
                let key = key_id(key, generation);
                Command::ReplaceSecret { key, secret: secret(key, version) }
            }
            Self::Remark { group, to } => Command::UpdateGroup {
                group: named("group", group),
                name: None,
                domains: None,
                remark: Some(Remark::parse(&format!("remark {to}")).unwrap()),
            },
            Self::Domains { group, with } => Command::UpdateGroup {
                group: named("group", group),
                name: None,
                domains: Some(if with { vec![domain(group)] } else { vec![] }),
                remark: None,
            },
            Self::Repath { api, to } => Command::UpdateApi {
                api: named("api", api),
                name: None,
                remark: None,
                patch: Box::new(DefinitionPatch {
                    path: Some(path(api, to)),
                    ..DefinitionPatch::default()
                }),
            },
            Self::CreateEnvironment { environment } => Command::CreateEnvironment {
                id: EnvironmentId::from_bytes([environment + 1; 16]),
                name: EnvironmentName::parse(&environment_named(environment).0).unwrap(),
                remark: Remark::parse("").unwrap(),
            },
            Self::DeleteEnvironment { environment } => {
                Command::DeleteEnvironment { environment: environment_named(environment) }
            }
            Self::CreateGroup { group } => Command::CreateGroup {
                id: GroupId::from_bytes([group + 1; 16]),
                name: GroupName::parse(&named("group", group).0).unwrap(),
                domains: vec![],
                remark: Remark::parse("").unwrap(),
            },
            Self::CreateApi { api, generation } => {
                let mut id = [api; 16];
                id[1] = generation;
                Command::CreateApi {
                    id: ApiId::from_bytes(id),
                    group: named("group", api % GROUPS),
                    name: ApiName::parse(&named("api", api).0).unwrap(),
                    remark: Remark::parse("").unwrap(),
                    definition: Arc::new(definition(api)),
                }
            }
            Self::DeleteApi { api } => Command::DeleteApi { api: named("api", api), force: true },
            Self::CreateKey { key, generation } => {
                let key_type =
                    if key % 2 == 0 { SignatureKeyType::Hmac } else { SignatureKeyType::Basic };
                let id = key_id(key, generation);
                Command::CreateKey {
                    id,
                    name: KeyName::parse(&named("key", key).0).unwrap(),
                    key_type,
                    key: KeyText::parse(key_type, &format!("key_text_{key}_{generation}")).unwrap(),
                    secret: secret(id, 0),
                }
            }
            Self::DeleteKey { key } => Command::DeleteKey { key: named("key", key), force: true },
        };
        (command, data_key)
    }
}

pub(crate) fn request_id(number: u64) -> String {
    format!("request-{number}")
}

fn domain(group: u8) -> Domain {
    Domain::parse(&format!("group{group}.example")).unwrap()
}

fn path(api: u8, version: u8) -> ApiPath {
    ApiPath::parse(&format!("/api{api}/version{version}")).unwrap()
}

fn definition(api: u8) -> ApiDefinition {
    ApiDefinition {
        method: Method::Get,
        path: path(api, 0),
        match_mode: MatchMode::Normal,
        backend: Backend::of(vec![BackendTarget::parse("backend:9000").unwrap()]).into(),
        body_policy: BodyPolicy::Required,
        query_mode: QueryMode::Normalize,
        websocket: false,
    }
}

fn named(kind: &str, number: u8) -> Reference {
    Reference(format!("{kind}{number}"))
}

fn environment_named(number: u8) -> Reference {
    let name = ENVIRONMENTS.get(usize::from(number)).copied().unwrap_or("spare");
    Reference(name.to_owned())
}
