//! Tokens by which nodes are enrolled: made, listed and revoked. The text of one is answered once,
//! and nothing but its hash goes further.

use countersign_proto::convert::{InvalidField, timestamp};
use countersign_proto::v1;
use countersign_shared::event::Event;
use countersign_shared::id::TokenId;
use countersign_shared::node::{NodeRole, NodeScope, NodeToken, TokenHash};
use countersign_shared::state::State;
use countersign_shared::text::NodeName;
use sha2::{Digest, Sha256};
use tonic::{Request, Status};

use crate::api::Api;
use crate::api::page::Page;
use crate::api::write::{Caller, Write};
use crate::clock;
use crate::command::{Command, Reference};

/// How long a token can be used unless the caller says otherwise, and at most.
const TTL_SECONDS_DEFAULT: u32 = 600;
const TTL_SECONDS_MAX: u32 = 7 * 24 * 3600;

pub(in crate::api) fn hash(token: &str) -> TokenHash {
    TokenHash(Sha256::digest(token.as_bytes()).into())
}

pub(super) async fn create(
    api: &Api,
    request: Request<v1::CreateNodeTokenRequest>,
) -> Result<v1::CreateNodeTokenResponse, Status> {
    let (caller, request) = (Caller::of(&request), request.into_inner());
    let mut write = Write::begin(
        caller.because(&request.reason),
        &request,
        &request.request_id,
        request.expected_revision,
    );
    let node = match request.node.as_str() {
        "" => None,
        name => write.take("node", NodeName::parse(name)),
    };
    if request.environments.is_empty() != request.all_environments {
        let rule = "name some, or set all_environments; not both";
        write.bad.push(InvalidField::new("environments", rule));
    }
    let ttl = match request.ttl_seconds {
        0 => TTL_SECONDS_DEFAULT,
        seconds => seconds,
    };
    if ttl > TTL_SECONDS_MAX {
        let rule = format!("1–{TTL_SECONDS_MAX}, or 0 for {TTL_SECONDS_DEFAULT}");
        write.bad.push(InvalidField::new("ttl_seconds", rule));
    }
    let (token, now_ms) = (clock::new_token(), clock::now_ms());
    let command = Command::CreateNodeToken {
        id: TokenId::from_bytes(clock::new_id()),
        hash: hash(&token),
        role: if request.relay { NodeRole::Relay } else { NodeRole::Node },
        node,
        environments: (!request.all_environments)
            .then(|| request.environments.into_iter().map(Reference).collect()),
        expires_ms: now_ms.saturating_add(i64::from(ttl) * 1000),
        now_ms,
    };
    let answer = write.execute(api, Some(command)).await?;
    let id = answer.records.iter().find_map(|record| match &record.event {
        Event::NodeTokenCreated(fields) => Some(fields.id),
        _ => None,
    });
    Ok(v1::CreateNodeTokenResponse {
        node_token: id.and_then(|id| view(&answer.state, id)),
        token: if answer.repeated { String::new() } else { token },
        revision: answer.revision,
    })
}

pub(super) fn list(
    api: &Api,
    request: &v1::ListNodeTokensRequest,
) -> Result<v1::ListNodeTokensResponse, Status> {
    let page = Page::parse(request.page_size, &request.page_token)?;
    let all = api.engine.view();
    let tokens = all.state.nodes().tokens().keys().map(|id| (*id.as_bytes(), *id));
    let (ids, next_page_token) = page.of(tokens);
    let node_tokens = ids.into_iter().filter_map(|id| view(&all.state, id)).collect();
    let revision = all.tip.head.revision;
    Ok(v1::ListNodeTokensResponse { node_tokens, next_page_token, revision })
}

pub(super) async fn revoke(
    api: &Api,
    request: Request<v1::RevokeNodeTokenRequest>,
) -> Result<v1::RevokeNodeTokenResponse, Status> {
    let (caller, request) = (Caller::of(&request), request.into_inner());
    let mut write = Write::begin(
        caller.because(&request.reason),
        &request,
        &request.request_id,
        request.expected_revision,
    );
    let token = write.take("node_token", request.node_token.parse::<TokenId>());
    let command = token.map(|token| Command::RevokeNodeToken { token });
    let answer = write.execute(api, command).await?;
    Ok(v1::RevokeNodeTokenResponse { revision: answer.revision })
}

/// A token as callers see it: never its hash.
pub(in crate::api) fn view(state: &State, id: TokenId) -> Option<v1::NodeToken> {
    let NodeToken { fields, created, spent } = &**state.nodes().tokens().get(&id)?;
    let (environments, all_environments) = scope(state, &fields.scope);
    Some(v1::NodeToken {
        id: id.to_string(),
        relay: fields.role == NodeRole::Relay,
        node: fields.node.as_ref().map(ToString::to_string).unwrap_or_default(),
        environments,
        all_environments,
        create_time: Some(timestamp(created.time_ms)),
        expire_time: Some(timestamp(fields.expires_ms)),
        spent_by: spent.as_ref().map(|(name, _)| name.to_string()).unwrap_or_default(),
        spend_time: spent.as_ref().map(|(_, at)| timestamp(at.time_ms)),
    })
}

/// The names of a scope's environments (of those that are gone the id), and whether it is all of them.
pub(super) fn scope(state: &State, scope: &NodeScope) -> (Vec<String>, bool) {
    let name = |id| {
        let found = state.environments().get(id);
        found.map_or_else(|| format!("{id}"), |found| found.fields.name.to_string())
    };
    (scope.named().iter().map(name).collect(), *scope == NodeScope::All)
}
