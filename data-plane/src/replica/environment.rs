//! The copy of one environment: every resource with its term of the digest. It owns the rule
//! that nothing may hang in the air: a binding has its signature key, a route its group.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use countersign_delivery::DeliveryKey;
use countersign_proto::v1;
use countersign_shared::digest::{TableDigest, Term, term};
use countersign_shared::id::EnvironmentId;
use prost::Message;

use super::contents::Kept;
use super::resource::{Key, Resource, Unusable};
use crate::table::Destinations;

/// One environment as the node holds it.
#[derive(Debug)]
pub struct EnvironmentReplica {
    id: EnvironmentId,
    name: String,
    /// What secrets are opened with.
    delivery: Option<Arc<DeliveryKey>>,
    resources: HashMap<Key, Held>,
    digest: TableDigest,
    destinations: Destinations,
    /// The same resources as they came, where somebody wants them.
    kept: Option<Kept>,
}

#[derive(Debug)]
struct Held {
    resource: Resource,
    term: Term,
}

/// A resource that is decoded and not yet held.
#[derive(Debug)]
pub(super) struct Coming {
    held: Held,
    encoded: Option<Bytes>,
}

/// Changes that are decoded and not yet made; `None` removes. The last one of a key counts.
pub(super) type Pending = HashMap<Key, Option<Coming>>;

impl EnvironmentReplica {
    pub(super) fn new(
        id: EnvironmentId,
        name: &str,
        delivery: Option<Arc<DeliveryKey>>,
        keeps_encoded: bool,
    ) -> Self {
        Self {
            id,
            name: name.to_owned(),
            delivery,
            resources: HashMap::new(),
            digest: TableDigest::ZERO,
            destinations: Destinations::default(),
            kept: keeps_encoded.then(Kept::new),
        }
    }

    pub(super) fn kept(&self) -> Option<&Kept> {
        self.kept.as_ref()
    }

    pub fn id(&self) -> EnvironmentId {
        self.id
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn delivery(&self) -> Option<&Arc<DeliveryKey>> {
        self.delivery.as_ref()
    }

    /// From here on secrets are opened with this one.
    pub(super) fn deliver_with(&mut self, delivery: Option<Arc<DeliveryKey>>) {
        self.delivery = delivery;
    }

    pub fn digest(&self) -> TableDigest {
        self.digest
    }

    pub fn get(&self, key: Key) -> Option<&Resource> {
        self.resources.get(&key).map(|held| &held.resource)
    }

    pub fn keys(&self) -> impl Iterator<Item = Key> {
        self.resources.keys().copied()
    }

    /// Adds an encoded `ChangeSet` to what is pending.
    pub(super) fn decode(
        &mut self,
        change_set: &Bytes,
        pending: &mut Pending,
    ) -> Result<(), Unusable> {
        let set = v1::ChangeSet::decode(change_set.clone())
            .map_err(|_| Unusable::message("the bytes of a change set are none"))?;
        for change in &set.changes {
            let key = Key::parse(change)?;
            let coming = match &change.resource {
                None => None,
                Some(encoded) => Some(Coming {
                    held: Held {
                        resource: Resource::decode(
                            key,
                            encoded,
                            &mut self.destinations,
                            self.delivery.as_deref(),
                        )?,
                        term: term(self.id, key.kind_byte(), key.id(), encoded),
                    },
                    encoded: self.kept.is_some().then(|| Bytes::copy_from_slice(encoded)),
                }),
            };
            pending.insert(key, coming);
        }
        Ok(())
    }

    /// Makes the changes and yields their keys.
    pub(super) fn commit(&mut self, pending: Pending) -> impl Iterator<Item = Key> {
        pending.into_iter().map(|(key, coming)| {
            let former = if let Some(Coming { held, encoded }) = coming {
                if let (Some(kept), Some(encoded)) = (&mut self.kept, encoded) {
                    kept.insert(key, encoded);
                }
                self.digest = self.digest.add(held.term);
                self.resources.insert(key, held)
            } else {
                if let Some(kept) = &mut self.kept {
                    kept.remove(&key);
                }
                self.resources.remove(&key)
            };
            if let Some(former) = former {
                self.digest = self.digest.sub(former.term);
            }
            key
        })
    }

    /// The first resource that refers to one that is not here.
    pub(super) fn dangling(&self) -> Option<Unusable> {
        self.resources.iter().find_map(|(key, held)| {
            refers_to(&held.resource)
                .filter(|needed| !self.resources.contains_key(needed))
                .map(|needed| hanging(*key, needed))
        })
    }

    /// The same, after the pending changes.
    pub(super) fn dangling_after(&self, pending: &Pending) -> Option<Unusable> {
        let is_here = |key: &Key| match pending.get(key) {
            Some(change) => change.is_some(),
            None => self.resources.contains_key(key),
        };
        let put = pending.iter().filter_map(|(key, coming)| Some((key, &coming.as_ref()?.held)));
        let dangling = |(key, held): (&Key, &Held)| {
            let needed = refers_to(&held.resource)?;
            (!is_here(&needed)).then(|| hanging(*key, needed))
        };
        if let Some(unusable) = put.map(dangling).find_map(|found| found) {
            return Some(unusable);
        }
        // Only where something that others may refer to goes, all others are looked at.
        let is_needed = |key: &Key| matches!(key, Key::Group(_) | Key::Signer(_));
        if !pending.iter().any(|(key, held)| held.is_none() && is_needed(key)) {
            return None;
        }
        self.resources.iter().filter(|(key, _)| !pending.contains_key(key)).find_map(dangling)
    }
}

fn refers_to(resource: &Resource) -> Option<Key> {
    match resource {
        Resource::Route(route) => Some(Key::Group(route.group())),
        Resource::Binding(signature_key) => Some(Key::Signer(*signature_key)),
        Resource::Group(_) | Resource::Signer(_) => None,
    }
}

fn hanging(key: Key, needed: Key) -> Unusable {
    let reason = match needed {
        Key::Group(id) => format!("its group {id} is not here"),
        Key::Signer(id) => format!("its signature key {id} is not here"),
        Key::Route(id) | Key::Binding(id) => format!("its API {id} is not here"),
    };
    Unusable::resource(key, reason)
}
