//! `decide`: whether a command may be carried out, and which events that makes. Pure: no I/O, no
//! clock, no randomness. Nothing else creates an event.

mod access;
mod api;
mod binding;
mod environment;
mod group;
mod key;
mod node;
mod permit;
mod resolve;

use countersign_shared::event::{EnvironmentFields, Event};
use countersign_shared::node::NodeTokenFields;
use countersign_shared::state::State;
use countersign_shared::text::{EnvironmentName, Remark};

use crate::command::Command;
use crate::rejection::Rejection;

pub use access::{GRANTS_MAX, TOKENS_MAX};
pub use permit::permit;
pub use resolve::{find_api, find_environment, find_group, find_key};

/// The name of the environment that exists from the start.
pub const RELEASE: &str = "RELEASE";
/// The events that one command may make: with those of a full batch before it they fit one append.
pub const EVENTS_PER_COMMAND_MAX: usize = 2_000;
/// The domains of one group.
pub const DOMAINS_PER_GROUP_MAX: usize = 20;

/// How many of each resource a gateway may have. From the configuration, not from the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub environments_max: u64,
    pub groups_max: u64,
    pub apis_max: u64,
    pub keys_max: u64,
    pub bindings_max: u64,
    /// Names that were enrolled or revoked.
    pub nodes_max: u64,
    /// Tokens that can be used or are remembered.
    pub node_tokens_max: u64,
}

impl Default for Limits {
    /// The quotas of the field, and room for a million APIs and bindings.
    fn default() -> Self {
        Self {
            environments_max: 10,
            groups_max: 1_500,
            apis_max: 1_000_000,
            keys_max: 200,
            bindings_max: 1_000_000,
            nodes_max: 100_000,
            node_tokens_max: 10_000,
        }
    }
}

/// The events that a command makes of a state: none where nothing has to change.
pub fn decide(state: &State, command: &Command, limits: &Limits) -> Result<Vec<Event>, Rejection> {
    let events = match command {
        Command::CreateLog { log_id, release } => create_log(*log_id, *release)?,
        Command::CreateEnvironment { id, name, remark } => {
            environment::create(state, limits, *id, name, remark)?
        }
        Command::UpdateEnvironment { environment, name, remark } => {
            environment::update(state, environment, name.as_ref(), remark.as_ref())?
        }
        Command::DeleteEnvironment { environment } => environment::delete(state, environment)?,
        Command::CreateGroup { id, name, domains, remark } => {
            group::create(state, limits, *id, name, domains, remark)?
        }
        Command::UpdateGroup { group, name, domains, remark } => {
            group::update(state, group, name.as_ref(), domains.as_deref(), remark.as_ref())?
        }
        Command::DeleteGroup { group } => group::delete(state, group)?,
        Command::CreateApi { id, group, name, remark, definition } => {
            api::create(state, limits, *id, group, name, remark, definition)?
        }
        Command::UpdateApi { api, name, remark, patch } => {
            api::update(state, api, name.as_ref(), remark.as_ref(), patch)?
        }
        Command::DeleteApi { api, force } => api::delete(state, api, *force)?,
        Command::PublishApi { api, environment } => api::publish(state, api, environment)?,
        Command::TakeApiOffline { api, environment } => api::take_offline(state, api, environment)?,
        Command::CreateKey { id, name, key_type, key, secret } => {
            key::create(state, limits, *id, name, *key_type, key, secret)?
        }
        Command::RenameKey { key, name } => key::rename(state, key, name.as_ref())?,
        Command::ReplaceSecret { key, secret } => key::replace_secret(state, *key, secret)?,
        Command::DeleteKey { key, force } => key::delete(state, key, *force)?,
        Command::BindKey { key, api, environment, replace } => {
            binding::bind(state, limits, key, api, environment, *replace)?
        }
        Command::UnbindKey { api, environment } => binding::unbind(state, api, environment)?,
        Command::CreateNodeToken { id, hash, role, node, environments, expires_ms, now_ms } => {
            let scope = node::scope(state, environments.as_deref())?;
            let (id, hash, role, node) = (*id, *hash, *role, node.clone());
            let expires_ms = *expires_ms;
            let fields = NodeTokenFields { id, hash, role, node, scope, expires_ms };
            node::create_token(state, limits, fields, *now_ms)?
        }
        Command::RevokeNodeToken { token } => node::revoke_token(state, *token)?,
        Command::EnrolNode { hash, node, key, is_seen, now_ms } => {
            node::enrol(state, limits, *hash, (node, *key), *is_seen, *now_ms)?
        }
        Command::RevokeNode { node, is_seen } => node::revoke(state, limits, node, *is_seen)?,
        Command::GrantAccess { id, operator, role, scope } => {
            access::grant(state, *id, operator, *role, scope)?
        }
        Command::RevokeAccess { grants } => access::revoke(state, grants)?,
        Command::CreateToken { fields } => access::create_token(state, fields)?,
        Command::RevokeToken { token } => access::revoke_token(state, *token)?,
        Command::NoteMasterKey { number } if *number > state.master_key() => {
            vec![Event::MasterKeyRotated { number: *number }]
        }
        Command::NoteMasterKey { .. } => vec![],
    };
    if events.len() > EVENTS_PER_COMMAND_MAX {
        return Err(Rejection::TooManyEvents {
            events: events.len(),
            events_max: EVENTS_PER_COMMAND_MAX,
        });
    }
    Ok(events)
}

fn create_log(
    log_id: countersign_shared::id::LogId,
    release: countersign_shared::id::EnvironmentId,
) -> Result<Vec<Event>, Rejection> {
    let text = |e| {
        Rejection::InvalidFields(vec![countersign_proto::convert::InvalidField::new("name", e)])
    };
    let fields = EnvironmentFields {
        id: release,
        name: EnvironmentName::parse(RELEASE).map_err(text)?,
        remark: Remark::parse("").map_err(text)?,
    };
    Ok(vec![Event::LogCreated { log_id }, Event::EnvironmentCreated(fields)])
}

fn within_quota(have: usize, limit: u64, what: &'static str) -> Result<(), Rejection> {
    if (have as u64) < limit { Ok(()) } else { Err(Rejection::QuotaExceeded { what, limit }) }
}
