//! The state: what all events so far amount to. Pure; made of persistent maps, so that a clone
//! costs next to nothing and a snapshot, a scratch state or a replay is just a clone.
//! `apply` in `apply.rs` is the only thing that changes it; it knows no rules.

mod access;
mod apply;
mod index;
mod nodes;
mod requests;
mod restore;

use std::sync::Arc;

use imbl::OrdMap;

use crate::api::ApiDefinition;
use crate::event::{ApiFields, EnvironmentFields, GroupFields};
use crate::id::{ApiId, EnvironmentId, GroupId, KeyId, LogId};
use crate::key::SignatureKey;
use crate::stamp::Stamp;

pub use access::{Access, Granted, Token};
pub use index::{Hosts, Index};
pub use nodes::{Nodes, TOKEN_REMEMBERED_MS};
pub use requests::{REQUESTS_REMEMBERED_MAX, RememberedRequest, RequestWindow};
pub use restore::Restore;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    pub fields: EnvironmentFields,
    pub created: Stamp,
    pub updated: Stamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub fields: GroupFields,
    pub created: Stamp,
    pub updated: Stamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    pub fields: ApiFields,
    pub created: Stamp,
    pub updated: Stamp,
}

/// The definition of an API as it was frozen for an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    pub definition: Arc<ApiDefinition>,
    pub published: Stamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    pub key: KeyId,
    pub bound: Stamp,
}

/// Where an API is published or bound. Ordered by environment first, as nodes ask for it.
pub type Place = (EnvironmentId, ApiId);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    pub(crate) log_id: Option<LogId>,
    pub(crate) head: Stamp,
    pub(crate) environments: OrdMap<EnvironmentId, Arc<Environment>>,
    pub(crate) groups: OrdMap<GroupId, Arc<Group>>,
    pub(crate) apis: OrdMap<ApiId, Arc<Api>>,
    pub(crate) keys: OrdMap<KeyId, Arc<SignatureKey>>,
    pub(crate) publications: OrdMap<Place, Arc<Publication>>,
    pub(crate) bindings: OrdMap<Place, Binding>,
    pub(crate) nodes: Nodes,
    pub(crate) access: Access,
    pub(crate) master_key: u32,
    pub(crate) requests: RequestWindow,
    pub(crate) index: Index,
}

impl State {
    /// The log that this is the state of; none before its first event.
    pub fn log_id(&self) -> Option<LogId> {
        self.log_id
    }

    /// The revision and time of the last event applied.
    pub fn head(&self) -> Stamp {
        self.head
    }

    /// The number of the master key after its last rotation; 0 before the first one.
    pub fn master_key(&self) -> u32 {
        self.master_key
    }

    pub fn environments(&self) -> &OrdMap<EnvironmentId, Arc<Environment>> {
        &self.environments
    }

    pub fn groups(&self) -> &OrdMap<GroupId, Arc<Group>> {
        &self.groups
    }

    pub fn apis(&self) -> &OrdMap<ApiId, Arc<Api>> {
        &self.apis
    }

    pub fn keys(&self) -> &OrdMap<KeyId, Arc<SignatureKey>> {
        &self.keys
    }

    pub fn publications(&self) -> &OrdMap<Place, Arc<Publication>> {
        &self.publications
    }

    pub fn bindings(&self) -> &OrdMap<Place, Binding> {
        &self.bindings
    }

    pub fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    pub fn access(&self) -> &Access {
        &self.access
    }

    pub fn requests(&self) -> &RequestWindow {
        &self.requests
    }

    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The environments in which an API is published. (There are ten environments at most.)
    pub fn published_in(&self, api: ApiId) -> impl Iterator<Item = EnvironmentId> {
        self.environments
            .keys()
            .copied()
            .filter(move |env| self.publications.contains_key(&(*env, api)))
    }

    /// Where an API is bound, and to what.
    pub fn bindings_of_api(&self, api: ApiId) -> impl Iterator<Item = (EnvironmentId, Binding)> {
        self.environments
            .keys()
            .filter_map(move |env| Some((*env, *self.bindings.get(&(*env, api))?)))
    }

    /// Whether a key signs for any published API of an environment: only then do nodes get it.
    pub fn signs_in(&self, key: KeyId, environment: EnvironmentId) -> bool {
        self.index
            .bindings_of_key(key)
            .any(|(env, api)| env == environment && self.publications.contains_key(&(env, api)))
    }

    /// Whether a group has a published API in an environment.
    pub fn group_published_in(&self, group: GroupId, environment: EnvironmentId) -> bool {
        self.index
            .apis_of_group(group)
            .any(|api| self.publications.contains_key(&(environment, api)))
    }

    /// On which hosts a group's APIs answer.
    pub fn hosts_of(&self, group: GroupId) -> Hosts {
        self.groups.get(&group).filter(|g| !g.fields.domains.is_empty()).map(|g| g.fields.id)
    }

    pub fn hosts_of_api(&self, api: ApiId) -> Hosts {
        self.hosts_of(self.apis.get(&api)?.fields.group)
    }
}
