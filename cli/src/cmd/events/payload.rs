//! An event's type and what it says, in one line for a table.

use countersign_proto::v1::event::Payload;
use countersign_proto::v1::{AccessGranted, ApiDefinition, Event, SecretVersion};

use crate::cmd::api::show;
use crate::names::{Names, Resource};
use crate::output::{enum_name, time};

/// The name of the payload's field, as `--type` takes it.
pub(in crate::cmd) fn type_of(event: &Event) -> &'static str {
    let Some(payload) = &event.payload else { return "unknown" };
    match payload {
        Payload::LogCreated(_) => "log_created",
        Payload::EnvironmentCreated(_) => "environment_created",
        Payload::EnvironmentUpdated(_) => "environment_updated",
        Payload::EnvironmentDeleted(_) => "environment_deleted",
        Payload::ApiGroupCreated(_) => "api_group_created",
        Payload::ApiGroupUpdated(_) => "api_group_updated",
        Payload::ApiGroupDeleted(_) => "api_group_deleted",
        Payload::ApiCreated(_) => "api_created",
        Payload::ApiUpdated(_) => "api_updated",
        Payload::ApiDeleted(_) => "api_deleted",
        Payload::ApiPublished(_) => "api_published",
        Payload::ApiTakenOffline(_) => "api_taken_offline",
        Payload::SignatureKeyCreated(_) => "signature_key_created",
        Payload::SignatureKeyRenamed(_) => "signature_key_renamed",
        Payload::SecretReplaced(_) => "secret_replaced",
        Payload::SignatureKeyDeleted(_) => "signature_key_deleted",
        Payload::KeyBound(_) => "key_bound",
        Payload::KeyRebound(_) => "key_rebound",
        Payload::KeyUnbound(_) => "key_unbound",
        Payload::NodeTokenCreated(_) => "node_token_created",
        Payload::NodeTokenRevoked(_) => "node_token_revoked",
        Payload::NodeEnrolled(_) => "node_enrolled",
        Payload::NodeRevoked(_) => "node_revoked",
        Payload::AccessGranted(_) => "access_granted",
        Payload::AccessRevoked(_) => "access_revoked",
        Payload::TokenCreated(_) => "token_created",
        Payload::TokenRevoked(_) => "token_revoked",
        Payload::MasterKeyRotated(_) => "master_key_rotated",
    }
}

/// What happened, with names rather than ids. Names are today's, or, of what is gone, the last
/// one that was seen.
pub(super) async fn summary(event: &Event, names: &mut Names) -> String {
    let Some(payload) = &event.payload else {
        return "of a kind that this command line does not know".to_owned();
    };
    learn(payload, names).await;
    match payload {
        Payload::LogCreated(e) => format!("log {}", e.log_id),
        Payload::EnvironmentCreated(e) => remarked(&e.name, &e.remark),
        Payload::EnvironmentUpdated(e) => remarked(&e.name, &e.remark),
        Payload::EnvironmentDeleted(e) => e.name.clone(),
        Payload::ApiGroupCreated(e) => domains(&e.name, &e.domains),
        Payload::ApiGroupUpdated(e) => domains(&e.name, &e.domains),
        Payload::ApiGroupDeleted(e) => e.name.clone(),
        Payload::ApiCreated(e) => {
            let api = names.of(Resource::Api, &e.id).await;
            format!("{api}: {}", definition(e.definition.as_ref()))
        }
        Payload::ApiUpdated(e) => {
            let api = names.of(Resource::Api, &e.id).await;
            format!("{api}: {}", definition(e.definition.as_ref()))
        }
        Payload::ApiDeleted(e) => names.of(Resource::Api, &e.id).await,
        Payload::ApiPublished(e) => {
            let place = place(&e.api, &e.environment, names).await;
            format!("{place}: {}", definition(e.definition.as_ref()))
        }
        Payload::ApiTakenOffline(e) => place(&e.api, &e.environment, names).await,
        Payload::SignatureKeyCreated(e) => {
            let key_type = enum_name(e.r#type().as_str_name());
            format!("{} ({key_type} {}): {}", e.name, e.key, secret(e.secret.as_ref()))
        }
        Payload::SignatureKeyRenamed(e) => format!("{} → {}", e.former_name, e.name),
        Payload::SecretReplaced(e) => {
            let key = names.of(Resource::Key, &e.id).await;
            format!("{key}: {}", secret(e.secret.as_ref()))
        }
        Payload::SignatureKeyDeleted(e) => format!("{} ({})", e.name, e.key),
        Payload::KeyBound(e) => {
            let key = names.of(Resource::Key, &e.signature_key).await;
            format!("{key} → {}", place(&e.api, &e.environment, names).await)
        }
        Payload::KeyRebound(e) => {
            let key = names.of(Resource::Key, &e.signature_key).await;
            let former = names.of(Resource::Key, &e.former_signature_key).await;
            format!("{key} → {}, was {former}", place(&e.api, &e.environment, names).await)
        }
        Payload::KeyUnbound(e) => {
            let key = names.of(Resource::Key, &e.signature_key).await;
            format!("{key} ← {}", place(&e.api, &e.environment, names).await)
        }
        Payload::NodeTokenCreated(e) => {
            let role = if e.relay { "relay" } else { "node" };
            let node = if e.node.is_empty() { "of any name" } else { &e.node };
            let scope = scope(&e.environments, names).await;
            let until = time(e.expire_time.as_ref());
            format!("{} for a {role} {node} in {scope}, until {until}", e.id)
        }
        Payload::NodeTokenRevoked(e) => e.id.clone(),
        Payload::NodeEnrolled(e) => {
            let role = if e.relay { "relay" } else { "node" };
            let scope = scope(&e.environments, names).await;
            format!("{role} {} in {scope}, by token {}", e.node, e.token)
        }
        Payload::NodeRevoked(e) => e.node.clone(),
        Payload::AccessGranted(e) => granted(e, names).await,
        Payload::AccessRevoked(e) => format!("{}: grant {}", e.operator, e.id),
        Payload::TokenCreated(e) => remarked(&format!("{} of {}", e.id, e.operator), &e.remark),
        Payload::TokenRevoked(e) => format!("{} of {}", e.id, e.operator),
        Payload::MasterKeyRotated(e) => format!("to number {}", e.number),
    }
}

/// Keeps the names that events carry, so that resources that are gone still have one.
async fn learn(payload: &Payload, names: &mut Names) {
    match payload {
        Payload::EnvironmentCreated(e) => names.learn(&e.id, &e.name),
        Payload::EnvironmentUpdated(e) => names.learn(&e.id, &e.name),
        Payload::EnvironmentDeleted(e) => names.learn(&e.id, &e.name),
        Payload::ApiGroupCreated(e) => names.learn(&e.id, &e.name),
        Payload::ApiGroupUpdated(e) => names.learn(&e.id, &e.name),
        Payload::ApiGroupDeleted(e) => names.learn(&e.id, &e.name),
        Payload::ApiCreated(e) => learn_api(&e.id, &e.api_group, &e.name, names).await,
        Payload::ApiUpdated(e) => learn_api(&e.id, &e.api_group, &e.name, names).await,
        Payload::ApiDeleted(e) => learn_api(&e.id, &e.api_group, &e.name, names).await,
        Payload::SignatureKeyCreated(e) => names.learn(&e.id, &e.name),
        Payload::SignatureKeyRenamed(e) => names.learn(&e.id, &e.name),
        Payload::SignatureKeyDeleted(e) => names.learn(&e.id, &e.name),
        Payload::LogCreated(_)
        | Payload::ApiPublished(_)
        | Payload::ApiTakenOffline(_)
        | Payload::SecretReplaced(_)
        | Payload::KeyBound(_)
        | Payload::KeyRebound(_)
        | Payload::KeyUnbound(_)
        | Payload::NodeTokenCreated(_)
        | Payload::NodeTokenRevoked(_)
        | Payload::NodeEnrolled(_)
        | Payload::NodeRevoked(_)
        | Payload::AccessGranted(_)
        | Payload::AccessRevoked(_)
        | Payload::TokenCreated(_)
        | Payload::TokenRevoked(_)
        | Payload::MasterKeyRotated(_) => {}
    }
}

async fn learn_api(id: &str, group: &str, name: &str, names: &mut Names) {
    let group = names.of(Resource::Group, group).await;
    names.learn(id, format!("{group}/{name}"));
}

async fn place(api: &str, environment: &str, names: &mut Names) -> String {
    let api = names.of(Resource::Api, api).await;
    format!("{api} in {}", names.of(Resource::Environment, environment).await)
}

/// The environments of a node's scope, by name.
async fn scope(ids: &[String], names: &mut Names) -> String {
    if ids.is_empty() {
        return "all environments".to_owned();
    }
    let mut named = Vec::with_capacity(ids.len());
    for id in ids {
        named.push(names.of(Resource::Environment, id).await);
    }
    named.join(", ")
}

async fn granted(grant: &AccessGranted, names: &mut Names) -> String {
    let role = enum_name(grant.role().as_str_name());
    let environments = scope(&grant.environments, names).await;
    let mut groups = Vec::with_capacity(grant.api_groups.len());
    for group in &grant.api_groups {
        groups.push(names.of(Resource::Group, group).await);
    }
    let groups = if groups.is_empty() { "all groups".to_owned() } else { groups.join(", ") };
    format!("{}: {role} in {environments} for {groups}", grant.operator)
}

fn remarked(name: &str, remark: &str) -> String {
    if remark.is_empty() { name.to_owned() } else { format!("{name}: {remark}") }
}

fn domains(name: &str, domains: &[String]) -> String {
    if domains.is_empty() {
        format!("{name}: any host")
    } else {
        format!("{name}: {}", domains.join(", "))
    }
}

fn definition(definition: Option<&ApiDefinition>) -> String {
    let Some(it) = definition else { return "-".to_owned() };
    let method = show::method(it.method());
    let mode = show::match_mode(it.match_mode());
    format!("{method} {} ({mode}) → {}", it.path, show::backend(it.backend.as_ref()))
}

fn secret(secret: Option<&SecretVersion>) -> String {
    let Some(it) = secret else { return "-".to_owned() };
    let origin = if it.generated { "generated" } else { "given" };
    format!("secret {} {}, {origin}", it.number, it.fingerprint)
}
