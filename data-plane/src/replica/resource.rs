//! Decodes what the stream brings into what the table is made of. A resource that exists can
//! be used; whatever cannot is refused here with a sentence. It keeps nothing.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use countersign_delivery::{Bound, DeliveryKey};
use countersign_proto::convert::{definition_from_proto, key_type_from_proto};
use countersign_proto::v1;
use countersign_shared::id::{ApiId, GroupId, KeyId, SecretId};
use countersign_shared::text::Domain;
use prost::Message;

use crate::table::{Destinations, Route, SignatureKey};

/// What a resource is filed under in its environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    Group(GroupId),
    Route(ApiId),
    Signer(KeyId),
    Binding(ApiId),
}

/// A resource, ready for use. A clone shares it.
#[derive(Debug, Clone)]
pub enum Resource {
    Group(Arc<[Domain]>),
    Route(Route),
    Signer(Arc<SignatureKey>),
    Binding(KeyId),
}

/// A change that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable {
    /// As the contract numbers kinds; 0 where it is not about one resource.
    pub kind: i32,
    pub id: Vec<u8>,
    pub reason: String,
}

impl Unusable {
    /// Not about one resource.
    pub fn message(reason: impl Into<String>) -> Self {
        Self { kind: 0, id: Vec::new(), reason: reason.into() }
    }

    pub fn resource(key: Key, reason: impl Into<String>) -> Self {
        Self { kind: key.kind().into(), id: key.id().to_vec(), reason: reason.into() }
    }
}

impl Key {
    pub fn parse(change: &v1::Change) -> Result<Self, Unusable> {
        let refused = |reason: &str| Unusable {
            kind: change.kind,
            id: change.id.clone(),
            reason: reason.to_owned(),
        };
        let id: [u8; 16] =
            change.id.as_slice().try_into().map_err(|_| refused("an id has 16 bytes"))?;
        match v1::ResourceKind::try_from(change.kind) {
            Ok(v1::ResourceKind::Group) => Ok(Self::Group(GroupId::from_bytes(id))),
            Ok(v1::ResourceKind::Route) => Ok(Self::Route(ApiId::from_bytes(id))),
            Ok(v1::ResourceKind::Signer) => Ok(Self::Signer(KeyId::from_bytes(id))),
            Ok(v1::ResourceKind::Binding) => Ok(Self::Binding(ApiId::from_bytes(id))),
            Ok(v1::ResourceKind::Unspecified) | Err(_) => {
                Err(refused("a kind of resource that this version of the node does not know"))
            }
        }
    }

    pub fn id(&self) -> &[u8; 16] {
        match self {
            Self::Group(id) => id.as_bytes(),
            Self::Route(id) | Self::Binding(id) => id.as_bytes(),
            Self::Signer(id) => id.as_bytes(),
        }
    }

    pub fn kind(self) -> v1::ResourceKind {
        match self {
            Self::Group(_) => v1::ResourceKind::Group,
            Self::Route(_) => v1::ResourceKind::Route,
            Self::Signer(_) => v1::ResourceKind::Signer,
            Self::Binding(_) => v1::ResourceKind::Binding,
        }
    }

    /// The kind as one byte, as it goes into the digest.
    pub fn kind_byte(self) -> u8 {
        match self {
            Self::Group(_) => 1,
            Self::Route(_) => 2,
            Self::Signer(_) => 3,
            Self::Binding(_) => 4,
        }
    }
}

impl Resource {
    /// Routes share the destinations that are known; secrets are opened with the delivery key.
    pub fn decode(
        key: Key,
        encoded: &Bytes,
        destinations: &mut Destinations,
        delivery: Option<&DeliveryKey>,
    ) -> Result<Self, Unusable> {
        let refused = |reason: &dyn fmt::Display| Unusable::resource(key, reason.to_string());
        match key {
            Key::Group(_) => {
                let group: v1::GroupResource = decode(key, encoded)?;
                let domains = group.domains.iter().map(|d| Domain::parse(d));
                let domains = domains.collect::<Result<Vec<_>, _>>().map_err(|e| refused(&e))?;
                Ok(Self::Group(domains.into()))
            }
            Key::Route(_) => {
                let route: v1::RouteResource = decode(key, encoded)?;
                let group = GroupId::try_from(&*route.group_id)
                    .map_err(|_| refused(&"a group's id has 16 bytes"))?;
                let definition =
                    route.definition.ok_or_else(|| refused(&"the definition is missing"))?;
                let definition = definition_from_proto(&definition).map_err(|bad| {
                    let broken = bad.iter().map(|f| format!("{}: {}", f.field, f.reason));
                    refused(&broken.collect::<Vec<_>>().join("; "))
                })?;
                let route = Route::new(group, definition, destinations);
                Ok(Self::Route(route.map_err(|e| refused(&e))?))
            }
            Key::Signer(id) => {
                let signer: v1::SignerResource = decode(key, encoded)?;
                let key_type =
                    key_type_from_proto("type", signer.r#type).map_err(|e| refused(&e.reason))?;
                let secret_id = SecretId::try_from(&*signer.secret_id)
                    .map_err(|_| refused(&"a secret's id has 16 bytes"))?;
                let delivery =
                    delivery.ok_or_else(|| refused(&"there is no delivery key to open it with"))?;
                let bound = Bound {
                    key_id: id,
                    key_type,
                    key: &signer.key,
                    secret_id,
                    secret_version: signer.secret_version,
                };
                let secret = delivery
                    .open(&bound, &signer.sealed_secret)
                    .map_err(|e| refused(&format_args!("the sealed secret: {e}")))?;
                if secret.is_empty() {
                    return Err(refused(&"the secret is empty"));
                }
                let key = SignatureKey::new(id, key_type, &signer.key, &secret);
                Ok(Self::Signer(Arc::new(key.map_err(|e| refused(&e))?)))
            }
            Key::Binding(_) => {
                let binding: v1::BindingResource = decode(key, encoded)?;
                let id = KeyId::try_from(&*binding.signature_key_id);
                Ok(Self::Binding(id.map_err(|_| refused(&"a signature key's id has 16 bytes"))?))
            }
        }
    }
}

fn decode<M: Message + Default>(key: Key, encoded: &Bytes) -> Result<M, Unusable> {
    M::decode(encoded.as_ref()).map_err(|_| {
        Unusable::resource(key, "the resource's bytes are not the message they should be")
    })
}
