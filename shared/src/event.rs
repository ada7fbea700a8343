//! Events: what happened, in the past tense. `decide` in the control plane alone makes them,
//! `State::apply` alone acts on them. Old ones are brought up to date where they are read.

use std::sync::Arc;

use crate::access::{Grant, TokenFields};
use crate::api::ApiDefinition;
use crate::id::{ApiId, EnvironmentId, GrantId, GroupId, KeyId, LogId, OperatorTokenId, TokenId};
use crate::key::{KeyText, SecretVersion, SignatureKeyType};
use crate::node::{NodeRole, NodeScope, NodeTokenFields, PublicKeyDigest};
use crate::stamp::Stamp;
use crate::text::{
    ActedAs, Actor, ApiName, Domain, EnvironmentName, GroupName, KeyName, NodeName, Reason, Remark,
    RequestId,
};

/// One entry of the log: an event, and who caused it, when and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub at: Stamp,
    pub origin: Arc<Origin>,
    /// The revision of the first event that the same request made.
    pub first_revision: u64,
    pub event: Event,
}

/// Where an event comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub actor: Actor,
    /// What allowed the actor to do it.
    pub role: ActedAs,
    /// The source address; empty for the control plane itself.
    pub source: String,
    pub request: Option<RequestMark>,
    /// Why, as the caller gave it; empty where it gave none.
    pub reason: Reason,
}

/// What tells a repeated request from another one with the same id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestMark {
    pub id: RequestId,
    /// SHA-256 over the request, its secret replaced by the fingerprint.
    pub digest: [u8; 32],
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    LogCreated {
        log_id: LogId,
    },
    EnvironmentCreated(EnvironmentFields),
    EnvironmentUpdated(EnvironmentFields),
    EnvironmentDeleted {
        id: EnvironmentId,
        name: EnvironmentName,
    },
    GroupCreated(GroupFields),
    GroupUpdated(GroupFields),
    GroupDeleted {
        id: GroupId,
        name: GroupName,
    },
    ApiCreated(ApiFields),
    ApiUpdated(ApiFields),
    ApiDeleted {
        id: ApiId,
        group: GroupId,
        name: ApiName,
    },
    ApiPublished {
        api: ApiId,
        environment: EnvironmentId,
        definition: Arc<ApiDefinition>,
    },
    ApiTakenOffline {
        api: ApiId,
        environment: EnvironmentId,
    },
    KeyCreated {
        id: KeyId,
        name: KeyName,
        key_type: SignatureKeyType,
        key: KeyText,
        secret: SecretVersion,
    },
    KeyRenamed {
        id: KeyId,
        name: KeyName,
        former_name: KeyName,
    },
    SecretReplaced {
        id: KeyId,
        secret: SecretVersion,
    },
    KeyDeleted {
        id: KeyId,
        name: KeyName,
        key: KeyText,
    },
    KeyBound {
        key: KeyId,
        api: ApiId,
        environment: EnvironmentId,
    },
    KeyRebound {
        key: KeyId,
        former_key: KeyId,
        api: ApiId,
        environment: EnvironmentId,
    },
    KeyUnbound {
        key: KeyId,
        api: ApiId,
        environment: EnvironmentId,
    },
    NodeTokenCreated(NodeTokenFields),
    NodeTokenRevoked {
        id: TokenId,
    },
    /// Spends the token.
    NodeEnrolled {
        node: NodeName,
        role: NodeRole,
        token: TokenId,
        scope: NodeScope,
        key: PublicKeyDigest,
    },
    NodeRevoked {
        node: NodeName,
    },
    AccessGranted(Grant),
    AccessRevoked {
        id: GrantId,
        operator: Actor,
    },
    TokenCreated(TokenFields),
    TokenRevoked {
        id: OperatorTokenId,
        operator: Actor,
    },
    /// How many master keys there have been, this one included.
    MasterKeyRotated {
        number: u32,
    },
}

/// An environment as it is after the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentFields {
    pub id: EnvironmentId,
    pub name: EnvironmentName,
    pub remark: Remark,
}

/// A group as it is after the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupFields {
    pub id: GroupId,
    pub name: GroupName,
    pub domains: Vec<Domain>,
    pub remark: Remark,
}

/// An API as it is after the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiFields {
    pub id: ApiId,
    pub group: GroupId,
    pub name: ApiName,
    pub remark: Remark,
    pub definition: Arc<ApiDefinition>,
}
