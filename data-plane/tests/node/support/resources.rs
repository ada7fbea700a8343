//! Resources in the contract's own bytes, with their digest.

use std::fmt::Display;

use bytes::Bytes;
use countersign_delivery::{Bound, DeliveryKey, KEY_BYTES};
use countersign_proto::v1;
use countersign_shared::digest::{TableDigest, term};
use countersign_shared::id::{EnvironmentId, KeyId, SecretId};
use countersign_shared::key::SignatureKeyType;
use countersign_shared::secret::Secret;
use prost::Message;

pub(crate) const HMAC_SECRET: &str = "MFyfvK41ba2giqM7Uio6PznpdUKGpownRZlmVmHc";

/// Changes for the node's environments, in order.
#[derive(Clone, Default)]
pub(crate) struct Resources(Vec<(usize, v1::Change)>);

impl Resources {
    pub(crate) fn of(changes: impl IntoIterator<Item = v1::Change>) -> Self {
        Self::default().and(0, changes)
    }

    /// The same and these, in the environment with this place in the served order.
    #[must_use]
    pub(crate) fn and(
        mut self,
        environment: usize,
        changes: impl IntoIterator<Item = v1::Change>,
    ) -> Self {
        self.0.extend(changes.into_iter().map(|change| (environment, change)));
        self
    }

    pub(crate) fn environment(at: usize) -> EnvironmentId {
        EnvironmentId::from_bytes([0xe0 + u8::try_from(at).unwrap(); 16])
    }

    pub(crate) fn environment_changes(&self) -> Vec<v1::EnvironmentChanges> {
        self.0.iter().map(|(at, change)| changes_of(*at, vec![change.clone()])).collect()
    }

    /// One chunk for each resource, so that a snapshot comes in parts.
    pub(crate) fn chunks(&self) -> Vec<v1::SnapshotChunk> {
        let environments = self.environment_changes().into_iter();
        environments.map(|one| v1::SnapshotChunk { environments: vec![one] }).collect()
    }

    pub(crate) fn digest(&self) -> TableDigest {
        self.0.iter().fold(TableDigest::ZERO, |sum, (at, change)| {
            let id = change.id.as_slice().try_into().unwrap();
            let kind = u8::try_from(change.kind).unwrap();
            sum.add(term(Self::environment(*at), kind, &id, change.resource.as_ref().unwrap()))
        })
    }
}

fn changes_of(at: usize, changes: Vec<v1::Change>) -> v1::EnvironmentChanges {
    v1::EnvironmentChanges {
        environment_id: Resources::environment(at).as_bytes().to_vec(),
        change_set: v1::ChangeSet { changes }.encode_to_vec().into(),
    }
}

/// A made-up id, whatever it is the id of.
pub(crate) fn id(number: u8) -> Vec<u8> {
    [number; 16].to_vec()
}

pub(crate) fn put(kind: v1::ResourceKind, number: u8, resource: &impl Message) -> v1::Change {
    v1::Change {
        kind: kind.into(),
        id: id(number),
        resource: Some(Bytes::from(resource.encode_to_vec())),
    }
}

pub(crate) fn remove(kind: v1::ResourceKind, number: u8) -> v1::Change {
    v1::Change { kind: kind.into(), id: id(number), resource: None }
}

pub(crate) fn group(number: u8, domains: &[&str]) -> v1::Change {
    let domains = domains.iter().map(ToString::to_string).collect();
    put(v1::ResourceKind::Group, number, &v1::GroupResource { domains })
}

/// The same for every environment.
pub(crate) fn delivery_key() -> DeliveryKey {
    DeliveryKey::from_bytes([7; KEY_BYTES].into())
}

pub(crate) fn hmac(number: u8) -> v1::Change {
    signer(number, v1::SignatureKeyType::Hmac, "signature_key1", HMAC_SECRET)
}

pub(crate) fn signer(
    number: u8,
    key_type: v1::SignatureKeyType,
    key: &str,
    secret: &str,
) -> v1::Change {
    let of = match key_type {
        v1::SignatureKeyType::Basic => SignatureKeyType::Basic,
        _ => SignatureKeyType::Hmac,
    };
    let (key_id, secret_id) = (KeyId::from_bytes([number; 16]), SecretId::from_bytes([number; 16]));
    let bound = Bound { key_id, key_type: of, key, secret_id, secret_version: 1 };
    let signer = v1::SignerResource {
        r#type: key_type.into(),
        key: key.into(),
        secret_version: 1,
        secret_id: id(number),
        sealed_secret: delivery_key().seal(&bound, &Secret::new(secret.into())).unwrap(),
    };
    put(v1::ResourceKind::Signer, number, &signer)
}

pub(crate) fn binding(api: u8, signature_key: u8) -> v1::Change {
    let binding = v1::BindingResource { signature_key_id: id(signature_key) };
    put(v1::ResourceKind::Binding, api, &binding)
}

/// An API of group 1: ANY, a prefix, no backend path; the test changes what it wants otherwise.
pub(crate) fn api(
    path: &str,
    backend: impl Display,
    change: impl FnOnce(&mut v1::ApiDefinition),
) -> v1::ApiDefinition {
    let mut definition = v1::ApiDefinition {
        method: v1::Method::Any.into(),
        path: path.into(),
        match_mode: v1::MatchMode::Swa.into(),
        backend: Some(v1::Backend {
            scheme: "http".into(),
            targets: vec![backend.to_string()],
            timeout_ms: 5_000,
            ..v1::Backend::default()
        }),
        body_policy: v1::BodyPolicy::Required.into(),
        query_mode: v1::QueryMode::Normalize.into(),
        ..v1::ApiDefinition::default()
    };
    change(&mut definition);
    definition
}

pub(crate) fn route(number: u8, group: u8, definition: v1::ApiDefinition) -> v1::Change {
    let route = v1::RouteResource { group_id: id(group), definition: Some(definition) };
    put(v1::ResourceKind::Route, number, &route)
}
