//! `project`: what an event means to the nodes of an environment, and no more than they need to
//! sign. Pure. A resource is a view of the state; a change is a view that differs before and
//! after. Unbound keys, unpublished APIs, names and remarks stay on the control plane.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use countersign_proto::convert::{definition_to_proto, key_type_to_proto};
use countersign_proto::v1;
use countersign_shared::api::ApiDefinition;
use countersign_shared::event::Event;
use countersign_shared::id::{ApiId, EnvironmentId, GroupId, KeyId};
use countersign_shared::key::SignatureKey;
use countersign_shared::state::State;
use countersign_shared::text::Domain;
use prost::Message;

/// The kind and id of a resource. Within an environment there is one of each at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    Group(GroupId),
    Route(ApiId),
    Signer(KeyId),
    Binding(ApiId),
}

/// One resource of an environment.
#[derive(Debug, Clone, PartialEq)]
pub enum Resource {
    Group { domains: Vec<Domain> },
    Route { group: GroupId, definition: Arc<ApiDefinition> },
    Signer(Arc<SignatureKey>),
    Binding { key: KeyId },
}

/// What became of one resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub environment: EnvironmentId,
    pub name: Name,
    pub before: Option<Resource>,
    pub after: Option<Resource>,
}

/// The changes that events made between two states, each resource once.
pub fn project<'a>(
    before: &State,
    after: &State,
    events: impl Iterator<Item = &'a Event>,
) -> Vec<Change> {
    let mut touched = BTreeSet::new();
    for event in events {
        touch(&mut touched, before, after, event);
    }
    let change = |(environment, name): (EnvironmentId, Name)| {
        let before = view(before, environment, name);
        let after = view(after, environment, name);
        (!same(before.as_ref(), after.as_ref())).then_some(Change {
            environment,
            name,
            before,
            after,
        })
    };
    touched.into_iter().filter_map(change).collect()
}

/// Everything that a node of the environment gets.
pub fn snapshot(
    state: &State,
    environment: EnvironmentId,
) -> impl Iterator<Item = (Name, Resource)> + '_ {
    let least = (environment, ApiId::from_bytes([0; 16]));
    let most = (environment, ApiId::from_bytes([0xff; 16]));
    let published = move || state.publications().range(least..=most).map(|((_, api), _)| *api);
    let groups: BTreeSet<GroupId> =
        published().filter_map(|api| Some(state.apis().get(&api)?.fields.group)).collect();
    let keys: BTreeSet<KeyId> = published()
        .filter_map(|api| Some(state.bindings().get(&(environment, api))?.key))
        .collect();
    let names = (groups.into_iter().map(Name::Group))
        .chain(keys.into_iter().map(Name::Signer))
        .chain(published().flat_map(|api| [Name::Route(api), Name::Binding(api)]));
    names.filter_map(move |name| Some((name, view(state, environment, name)?)))
}

fn view(state: &State, environment: EnvironmentId, name: Name) -> Option<Resource> {
    match name {
        Name::Group(id) => {
            let group = state.groups().get(&id)?;
            let domains = || Resource::Group { domains: group.fields.domains.clone() };
            state.group_published_in(id, environment).then(domains)
        }
        Name::Route(api) => {
            let publication = state.publications().get(&(environment, api))?;
            let group = state.apis().get(&api)?.fields.group;
            Some(Resource::Route { group, definition: Arc::clone(&publication.definition) })
        }
        Name::Signer(id) => {
            let key = state.keys().get(&id)?;
            state.signs_in(id, environment).then(|| Resource::Signer(Arc::clone(key)))
        }
        Name::Binding(api) => {
            state.publications().get(&(environment, api))?;
            state
                .bindings()
                .get(&(environment, api))
                .map(|binding| Resource::Binding { key: binding.key })
        }
    }
}

/// A renamed key is the same signer: what nodes do not get does not make a change.
fn same(before: Option<&Resource>, after: Option<&Resource>) -> bool {
    match (before, after) {
        (Some(Resource::Signer(a)), Some(Resource::Signer(b))) => {
            (a.key_type, &a.key, &a.secret) == (b.key_type, &b.key, &b.secret)
        }
        (before, after) => before == after,
    }
}

/// The resources whose views an event may have changed.
fn touch(
    touched: &mut BTreeSet<(EnvironmentId, Name)>,
    before: &State,
    after: &State,
    event: &Event,
) {
    let everywhere: Vec<EnvironmentId> =
        before.environments().keys().chain(after.environments().keys()).copied().collect();
    match event {
        Event::GroupUpdated(fields) => {
            touched.extend(everywhere.into_iter().map(|env| (env, Name::Group(fields.id))));
        }
        Event::SecretReplaced { id, .. } => {
            touched.extend(everywhere.into_iter().map(|env| (env, Name::Signer(*id))));
        }
        Event::ApiPublished { api, environment, .. }
        | Event::ApiTakenOffline { api, environment } => {
            touched
                .extend([(*environment, Name::Route(*api)), (*environment, Name::Binding(*api))]);
            for state in [before, after] {
                let group = state.apis().get(api).map(|api| Name::Group(api.fields.group));
                let key = state.bindings().get(&(*environment, *api)).map(|b| Name::Signer(b.key));
                touched.extend(group.into_iter().chain(key).map(|name| (*environment, name)));
            }
        }
        Event::KeyBound { key, api, environment } | Event::KeyUnbound { key, api, environment } => {
            touched
                .extend([(*environment, Name::Binding(*api)), (*environment, Name::Signer(*key))]);
        }
        Event::KeyRebound { key, former_key, api, environment } => {
            let names = [Name::Binding(*api), Name::Signer(*key), Name::Signer(*former_key)];
            touched.extend(names.map(|name| (*environment, name)));
        }
        // What these are about is offline and unbound, or nothing that a node gets.
        Event::LogCreated { .. }
        | Event::EnvironmentCreated(_)
        | Event::EnvironmentUpdated(_)
        | Event::EnvironmentDeleted { .. }
        | Event::GroupCreated(_)
        | Event::GroupDeleted { .. }
        | Event::ApiCreated(_)
        | Event::ApiUpdated(_)
        | Event::ApiDeleted { .. }
        | Event::KeyCreated { .. }
        | Event::KeyRenamed { .. }
        | Event::KeyDeleted { .. }
        | Event::NodeTokenCreated(_)
        | Event::NodeTokenRevoked { .. }
        | Event::NodeEnrolled { .. }
        | Event::NodeRevoked { .. }
        | Event::AccessGranted(_)
        | Event::AccessRevoked { .. }
        | Event::TokenCreated(_)
        | Event::TokenRevoked { .. }
        | Event::MasterKeyRotated { .. } => {}
    }
}

impl Name {
    pub fn kind(self) -> v1::ResourceKind {
        match self {
            Self::Group(_) => v1::ResourceKind::Group,
            Self::Route(_) => v1::ResourceKind::Route,
            Self::Signer(_) => v1::ResourceKind::Signer,
            Self::Binding(_) => v1::ResourceKind::Binding,
        }
    }

    pub fn id(&self) -> &[u8; 16] {
        match self {
            Self::Group(id) => id.as_bytes(),
            Self::Route(id) | Self::Binding(id) => id.as_bytes(),
            Self::Signer(id) => id.as_bytes(),
        }
    }
}

impl Resource {
    /// The bytes that go to the nodes. `seal` gives the secret of a signer as it travels.
    pub fn encode<E>(
        &self,
        seal: impl FnOnce(&SignatureKey) -> Result<Vec<u8>, E>,
    ) -> Result<Bytes, E> {
        Ok(Bytes::from(match self {
            Self::Group { domains } => {
                let domains = domains.iter().map(ToString::to_string).collect();
                v1::GroupResource { domains }.encode_to_vec()
            }
            Self::Route { group, definition } => {
                let definition = Some(definition_to_proto(definition));
                v1::RouteResource { group_id: group.as_bytes().to_vec(), definition }
                    .encode_to_vec()
            }
            Self::Signer(key) => v1::SignerResource {
                r#type: key_type_to_proto(key.key_type).into(),
                key: key.key.to_string(),
                secret_version: key.secret.number,
                secret_id: key.secret.sealed.secret_id.as_bytes().to_vec(),
                sealed_secret: seal(key)?,
            }
            .encode_to_vec(),
            Self::Binding { key } => {
                v1::BindingResource { signature_key_id: key.as_bytes().to_vec() }.encode_to_vec()
            }
        }))
    }
}
