//! Commands: what is asked for, in the imperative. Parsed at the edge (`api/`), so every field
//! holds a valid value; ids, times and sealed secrets come in with the command.

mod patch;

use std::sync::Arc;

use countersign_shared::access::{Role, TokenFields};
use countersign_shared::api::ApiDefinition;
use countersign_shared::event::{Origin, Record};
use countersign_shared::id::{
    ApiId, EnvironmentId, GrantId, GroupId, KeyId, LogId, OperatorTokenId, TokenId,
};
use countersign_shared::key::{KeyText, SealedSecret, SignatureKeyType};
use countersign_shared::node::{NodeRole, PublicKeyDigest, TokenHash};
use countersign_shared::text::{
    Actor, ApiName, Domain, EnvironmentName, GroupName, KeyName, NodeName, Remark,
};

use crate::keystore::DataKey;
pub use patch::{BackendPatch, DefinitionPatch};

/// An id or a name, as the caller wrote it. For an API also `group/name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference(pub String);

#[derive(Debug)]
pub enum Command {
    /// The first one of every log: makes the log and RELEASE.
    CreateLog {
        log_id: LogId,
        release: EnvironmentId,
    },
    CreateEnvironment {
        id: EnvironmentId,
        name: EnvironmentName,
        remark: Remark,
    },
    UpdateEnvironment {
        environment: Reference,
        name: Option<EnvironmentName>,
        remark: Option<Remark>,
    },
    DeleteEnvironment {
        environment: Reference,
    },
    CreateGroup {
        id: GroupId,
        name: GroupName,
        domains: Vec<Domain>,
        remark: Remark,
    },
    UpdateGroup {
        group: Reference,
        name: Option<GroupName>,
        domains: Option<Vec<Domain>>,
        remark: Option<Remark>,
    },
    DeleteGroup {
        group: Reference,
    },
    CreateApi {
        id: ApiId,
        group: Reference,
        name: ApiName,
        remark: Remark,
        definition: Arc<ApiDefinition>,
    },
    UpdateApi {
        api: Reference,
        name: Option<ApiName>,
        remark: Option<Remark>,
        patch: Box<DefinitionPatch>,
    },
    DeleteApi {
        api: Reference,
        force: bool,
    },
    PublishApi {
        api: Reference,
        environment: Reference,
    },
    TakeApiOffline {
        api: Reference,
        environment: Reference,
    },
    CreateKey {
        id: KeyId,
        name: KeyName,
        key_type: SignatureKeyType,
        key: KeyText,
        secret: SealedSecret,
    },
    RenameKey {
        key: Reference,
        name: Option<KeyName>,
    },
    ReplaceSecret {
        key: KeyId,
        secret: SealedSecret,
    },
    DeleteKey {
        key: Reference,
        force: bool,
    },
    BindKey {
        key: Reference,
        api: Reference,
        environment: Reference,
        replace: bool,
    },
    UnbindKey {
        api: Reference,
        environment: Reference,
    },
    CreateNodeToken {
        id: TokenId,
        hash: TokenHash,
        role: NodeRole,
        node: Option<NodeName>,
        /// None: all.
        environments: Option<Vec<Reference>>,
        expires_ms: i64,
        now_ms: i64,
    },
    RevokeNodeToken {
        token: TokenId,
    },
    EnrolNode {
        hash: TokenHash,
        node: NodeName,
        key: PublicKeyDigest,
        /// Whether somebody goes by the name who was never enrolled.
        is_seen: bool,
        now_ms: i64,
    },
    RevokeNode {
        node: NodeName,
        /// Whether somebody goes by the name, or it is to be revoked although nobody does.
        is_seen: bool,
    },
    GrantAccess {
        id: GrantId,
        operator: Actor,
        role: Role,
        scope: GrantedScope,
    },
    RevokeAccess {
        grants: WhichGrants,
    },
    CreateToken {
        fields: Box<TokenFields>,
    },
    RevokeToken {
        token: OperatorTokenId,
    },
    /// The keystore is under this master key already.
    NoteMasterKey {
        number: u32,
    },
}

/// Environments and groups as the caller named them; none of a kind: all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GrantedScope {
    pub environments: Vec<Reference>,
    pub groups: Vec<Reference>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhichGrants {
    One(GrantId),
    AllOf(Actor),
}

/// By what right a command is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authority {
    /// The control plane's own commands, and those of whoever is on its machine and needs no name.
    Unlimited,
    /// What the actor was granted, as the state says when the command is decided.
    Granted,
}

/// A command with all that the engine needs to carry it out.
#[derive(Debug)]
pub struct Request {
    pub command: Command,
    pub origin: Arc<Origin>,
    pub authority: Authority,
    /// The revision that the log must be at; none: any.
    pub expected_revision: Option<u64>,
    /// The data key of the command's sealed secret, to be durable before its event is.
    pub data_key: Option<DataKey>,
}

/// What a command came to: the events it made, now or when the same request came first.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The log's revision after the last of the events, or, where nothing had to change, as found.
    pub revision: u64,
    pub records: Vec<Record>,
    /// Whether the request had been carried out before.
    pub repeated: bool,
    /// The state right after the events; of a repeated request, the state now.
    pub state: countersign_shared::state::State,
}
