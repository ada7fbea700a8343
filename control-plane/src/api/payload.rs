//! The kinds of events by name, and the resources that each is about.

use countersign_proto::v1::event::Payload;

/// The names of the payload's fields in the contract.
pub(super) const PAYLOAD_NAMES: [&str; 28] = [
    "log_created",
    "environment_created",
    "environment_updated",
    "environment_deleted",
    "api_group_created",
    "api_group_updated",
    "api_group_deleted",
    "api_created",
    "api_updated",
    "api_deleted",
    "api_published",
    "api_taken_offline",
    "signature_key_created",
    "signature_key_renamed",
    "secret_replaced",
    "signature_key_deleted",
    "key_bound",
    "key_rebound",
    "key_unbound",
    "node_token_created",
    "node_token_revoked",
    "node_enrolled",
    "node_revoked",
    "access_granted",
    "access_revoked",
    "token_created",
    "token_revoked",
    "master_key_rotated",
];

pub(super) fn payload_name(payload: &Payload) -> &'static str {
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

/// The ids of the resources that an event touches.
pub(super) fn touched(payload: &Payload) -> Vec<&str> {
    match payload {
        Payload::LogCreated(m) => vec![&m.log_id],
        Payload::EnvironmentCreated(m) => vec![&m.id],
        Payload::EnvironmentUpdated(m) => vec![&m.id],
        Payload::EnvironmentDeleted(m) => vec![&m.id],
        Payload::ApiGroupCreated(m) => vec![&m.id],
        Payload::ApiGroupUpdated(m) => vec![&m.id],
        Payload::ApiGroupDeleted(m) => vec![&m.id],
        Payload::ApiCreated(m) => vec![&m.id, &m.api_group],
        Payload::ApiUpdated(m) => vec![&m.id, &m.api_group],
        Payload::ApiDeleted(m) => vec![&m.id, &m.api_group],
        Payload::ApiPublished(m) => vec![&m.api, &m.environment],
        Payload::ApiTakenOffline(m) => vec![&m.api, &m.environment],
        Payload::SignatureKeyCreated(m) => vec![&m.id],
        Payload::SignatureKeyRenamed(m) => vec![&m.id],
        Payload::SecretReplaced(m) => vec![&m.id],
        Payload::SignatureKeyDeleted(m) => vec![&m.id],
        Payload::KeyBound(m) => vec![&m.signature_key, &m.api, &m.environment],
        Payload::KeyRebound(m) => {
            vec![&m.signature_key, &m.former_signature_key, &m.api, &m.environment]
        }
        Payload::KeyUnbound(m) => vec![&m.signature_key, &m.api, &m.environment],
        Payload::NodeTokenCreated(m) => std::iter::once(m.id.as_str())
            .chain(m.environments.iter().map(String::as_str))
            .collect(),
        Payload::NodeTokenRevoked(m) => vec![&m.id],
        Payload::NodeEnrolled(m) => vec![&m.node, &m.token],
        Payload::NodeRevoked(m) => vec![&m.node],
        Payload::AccessGranted(m) => vec![&m.id, &m.operator],
        Payload::AccessRevoked(m) => vec![&m.id, &m.operator],
        Payload::TokenCreated(m) => vec![&m.id, &m.operator],
        Payload::TokenRevoked(m) => vec![&m.id, &m.operator],
        Payload::MasterKeyRotated(_) => vec![],
    }
}
