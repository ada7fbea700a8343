//! Builds each table from the replica and the table before it: routers only for hosts whose
//! routes changed, one slot each for everything else. It lives beside the replica and is never
//! seen by a request.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::Hash;
use std::sync::Arc;

use countersign_shared::id::{ApiId, GroupId, KeyId};
use countersign_shared::text::Domain;
use hashbrown::HashMap;
use tracing::warn;

use super::host_router::HostRouter;
use super::{Entry, Environment, RoutingTable, Slot};
use crate::replica::{Changed, EnvironmentReplica, Key, Replica, Resource};

/// What is remembered between builds.
#[derive(Debug, Default)]
pub struct TableBuilder {
    table: RoutingTable,
    environments: Vec<EnvironmentBuilder>,
}

#[derive(Debug, Default)]
struct EnvironmentBuilder {
    routes: Slots<ApiId>,
    signers: Slots<KeyId>,
    groups: BTreeMap<GroupId, Group>,
}

#[derive(Debug, Default)]
struct Group {
    domains: Arc<[Domain]>,
    apis: BTreeSet<ApiId>,
    /// Made anew when it is none; a group without domains has its routes in the shared router.
    router: Option<Arc<HostRouter>>,
}

impl TableBuilder {
    /// The table of what the replica holds now.
    pub fn build(&mut self, replica: &mut Replica) -> RoutingTable {
        let changed = match replica.take_changed() {
            Changed::Some(keys) => keys,
            Changed::All => {
                *self = Self::of(replica);
                let environments = replica.environments().iter().enumerate();
                environments.flat_map(|(at, e)| e.keys().map(move |key| (at, key))).collect()
            }
        };
        let mut by_environment: Vec<Vec<Key>> =
            self.environments.iter().map(|_| Vec::new()).collect();
        for (at, key) in changed {
            by_environment.get_mut(at).into_iter().for_each(|keys| keys.push(key));
        }
        let parts = self.environments.iter_mut().zip(&mut self.table.environments);
        for ((builder, part), (copy, keys)) in
            parts.zip(replica.environments().iter().zip(by_environment))
        {
            builder.update(part, copy, keys);
        }
        self.table.revision = replica.position().revision;
        self.table.clone()
    }

    /// Empty, for the environments that the replica serves.
    fn of(replica: &Replica) -> Self {
        let named = |e: &EnvironmentReplica| Environment {
            name: e.name().into(),
            ..Environment::default()
        };
        Self {
            table: RoutingTable {
                revision: 0,
                environments: replica.environments().iter().map(named).collect(),
            },
            environments: replica
                .environments()
                .iter()
                .map(|_| EnvironmentBuilder::default())
                .collect(),
        }
    }
}

impl EnvironmentBuilder {
    /// Keys are taken in the order of their kinds: bindings find their signers, routes their groups.
    fn update(&mut self, part: &mut Environment, copy: &EnvironmentReplica, mut keys: Vec<Key>) {
        keys.sort_unstable();
        keys.dedup();
        let mut dirty = Dirty::default();
        for key in keys {
            match (key, copy.get(key)) {
                (Key::Group(id), resource) => self.group(id, resource, &mut dirty),
                (Key::Route(id), Some(Resource::Route(route))) => {
                    let signer = self.bound_signer(copy, id);
                    let entry = Entry { api: id, route: route.clone(), signer };
                    self.route(part, id, Some(entry), &mut dirty);
                }
                (Key::Route(id), _) => self.route(part, id, None, &mut dirty),
                (Key::Signer(id), Some(Resource::Signer(signer))) => {
                    let slot = self.signers.take(id);
                    part.signers.put(slot, Some(Arc::clone(signer)));
                }
                (Key::Signer(id), _) => {
                    if let Some(slot) = self.signers.release(id) {
                        part.signers.put(slot, None);
                    }
                }
                (Key::Binding(api), _) => {
                    let signer = self.bound_signer(copy, api);
                    if let Some(entry) = self.routes.get(api).and_then(|s| part.entries.get_mut(s))
                    {
                        entry.signer = signer;
                    }
                }
            }
        }
        self.rebuild(part, &dirty);
    }

    fn group(&mut self, id: GroupId, resource: Option<&Resource>, dirty: &mut Dirty) {
        let group = self.groups.entry(id).or_default();
        let domains = match resource {
            Some(Resource::Group(domains)) => Arc::clone(domains),
            _ => Arc::default(),
        };
        dirty.any_host |= group.domains.is_empty() != domains.is_empty();
        dirty.domains = true;
        group.domains = domains;
    }

    fn route(
        &mut self,
        part: &mut Environment,
        api: ApiId,
        entry: Option<Entry>,
        dirty: &mut Dirty,
    ) {
        let former = self.routes.get(api).and_then(|slot| part.entries.get(slot).cloned());
        let answers_as_before = match (&former, &entry) {
            (Some(former), Some(entry)) => {
                former.route.group() == entry.route.group()
                    && former.route.definition().shape() == entry.route.definition().shape()
            }
            _ => false,
        };
        if !answers_as_before {
            if let Some(former) = &former {
                self.touch(former.route.group(), dirty).remove(&api);
            }
            if let Some(entry) = &entry {
                self.touch(entry.route.group(), dirty).insert(api);
            }
        }
        let slot =
            if entry.is_some() { Some(self.routes.take(api)) } else { self.routes.release(api) };
        if let Some(slot) = slot {
            part.entries.put(slot, entry);
        }
    }

    /// The APIs of a group whose routes change.
    fn touch(&mut self, id: GroupId, dirty: &mut Dirty) -> &mut BTreeSet<ApiId> {
        dirty.groups.insert(id);
        &mut self.groups.entry(id).or_default().apis
    }

    /// The slot of the signer; a bound key that is not here gets a slot with nothing in it, so
    /// that the route refuses to forward instead of forwarding unsigned.
    fn bound_signer(&mut self, copy: &EnvironmentReplica, api: ApiId) -> Option<Slot> {
        match copy.get(Key::Binding(api)) {
            Some(Resource::Binding(signature_key)) => Some(self.signers.take(*signature_key)),
            _ => None,
        }
    }

    fn rebuild(&mut self, part: &mut Environment, dirty: &Dirty) {
        let mut any_host = dirty.any_host;
        for id in &dirty.groups {
            let Some(group) = self.groups.get_mut(id) else { continue };
            group.router = None;
            any_host |= group.domains.is_empty();
        }
        if dirty.domains || !dirty.groups.is_empty() {
            part.by_domain = Arc::new(self.by_domain(part));
        }
        if dirty.domains {
            let groups = self.groups.iter().filter(|(_, group)| !group.domains.is_empty());
            let domains = groups.map(|(id, group)| (*id, Arc::clone(&group.domains)));
            part.domains = Arc::new(domains.collect());
        }
        if any_host {
            let without = self.groups.values().filter(|group| group.domains.is_empty());
            let apis: BTreeSet<ApiId> =
                without.flat_map(|group| group.apis.iter().copied()).collect();
            part.any_host = Arc::new(self.router(part, &apis));
        }
    }

    fn by_domain(&mut self, part: &Environment) -> HashMap<Box<str>, Arc<HostRouter>> {
        self.groups.retain(|_, group| !group.apis.is_empty() || !group.domains.is_empty());
        let mut by_domain = HashMap::new();
        let ids: Vec<GroupId> = self.groups.keys().copied().collect();
        for id in ids {
            let Some(group) = self.groups.get(&id).filter(|group| !group.domains.is_empty()) else {
                continue;
            };
            let router = match &group.router {
                Some(router) => Arc::clone(router),
                None => Arc::new(self.router(part, &group.apis)),
            };
            let Some(group) = self.groups.get_mut(&id) else { continue };
            group.router = Some(Arc::clone(&router));
            for domain in group.domains.iter() {
                by_domain.entry(Box::from(domain.as_str())).or_insert_with(|| Arc::clone(&router));
            }
        }
        by_domain
    }

    /// Oldest first: of two APIs that answer the same requests the older one stays.
    fn router(&self, part: &Environment, apis: &BTreeSet<ApiId>) -> HostRouter {
        let routes = apis.iter().filter_map(|api| {
            let slot = self.routes.get(*api)?;
            let entry = part.entries.get(slot)?;
            Some((*api, &entry.route, slot))
        });
        let (router, shadowed) = HostRouter::build(routes);
        for api in shadowed {
            warn!(%api, "an older API answers these requests; this one gets none");
        }
        router
    }
}

/// Which routers no longer say what the replica says.
#[derive(Debug, Default)]
struct Dirty {
    groups: HashSet<GroupId>,
    any_host: bool,
    domains: bool,
}

/// Numbers for ids, used again when they are free.
#[derive(Debug)]
struct Slots<K> {
    taken: HashMap<K, Slot>,
    free: Vec<Slot>,
}

impl<K> Default for Slots<K> {
    fn default() -> Self {
        Self { taken: HashMap::new(), free: Vec::new() }
    }
}

impl<K: Hash + Eq + Copy> Slots<K> {
    fn get(&self, id: K) -> Option<Slot> {
        self.taken.get(&id).copied()
    }

    fn take(&mut self, id: K) -> Slot {
        let next = self.taken.len() + self.free.len();
        *self.taken.entry(id).or_insert_with(|| self.free.pop().unwrap_or(next))
    }

    fn release(&mut self, id: K) -> Option<Slot> {
        let slot = self.taken.remove(&id)?;
        self.free.push(slot);
        Some(slot)
    }
}
