//! What the state is asked for by something else than an id. Kept in step by `apply` alone.

use std::sync::Arc;

use imbl::{HashMap, OrdMap, OrdSet};

use super::{Api, Group, Place};
use crate::api::RouteShape;
use crate::event::EnvironmentFields;
use crate::id::{ApiId, EnvironmentId, GroupId, KeyId};
use crate::key::{KeyText, SignatureKey};
use crate::text::{ApiName, Domain, EnvironmentName, GroupName, KeyName};

/// On which hosts an API answers: on those of its group, or, where the group has none, on any.
pub type Hosts = Option<GroupId>;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Index {
    environment_names: HashMap<EnvironmentName, EnvironmentId>,
    group_names: HashMap<GroupName, GroupId>,
    domains: HashMap<Domain, GroupId>,
    api_names: OrdMap<(ApiName, GroupId), ApiId>,
    api_shapes: HashMap<(GroupId, RouteShape), ApiId>,
    group_apis: OrdSet<(GroupId, ApiId)>,
    key_names: HashMap<KeyName, KeyId>,
    key_texts: HashMap<KeyText, KeyId>,
    key_bindings: OrdSet<(KeyId, EnvironmentId, ApiId)>,
    key_binding_counts: HashMap<KeyId, u32>,
    /// The published APIs, by the hosts on which they answer.
    routes: HashMap<(EnvironmentId, Hosts, RouteShape), ApiId>,
}

impl Index {
    pub fn environment_named(&self, name: &EnvironmentName) -> Option<EnvironmentId> {
        self.environment_names.get(name).copied()
    }

    pub fn group_named(&self, name: &GroupName) -> Option<GroupId> {
        self.group_names.get(name).copied()
    }

    pub fn group_with_domain(&self, domain: &Domain) -> Option<GroupId> {
        self.domains.get(domain).copied()
    }

    /// All APIs of that name, whatever their group.
    pub fn apis_named<'a>(&'a self, name: &ApiName) -> impl Iterator<Item = ApiId> + 'a {
        let least = GroupId::from_bytes([0; 16]);
        let most = GroupId::from_bytes([0xff; 16]);
        self.api_names.range((name.clone(), least)..=(name.clone(), most)).map(|(_, id)| *id)
    }

    pub fn api_named(&self, group: GroupId, name: &ApiName) -> Option<ApiId> {
        self.api_names.get(&(name.clone(), group)).copied()
    }

    pub fn api_with_shape(&self, group: GroupId, shape: &RouteShape) -> Option<ApiId> {
        self.api_shapes.get(&(group, shape.clone())).copied()
    }

    /// The published API that answers such requests on these hosts.
    pub fn route(
        &self,
        environment: EnvironmentId,
        hosts: Hosts,
        shape: &RouteShape,
    ) -> Option<ApiId> {
        self.routes.get(&(environment, hosts, shape.clone())).copied()
    }

    pub fn apis_of_group(&self, group: GroupId) -> impl Iterator<Item = ApiId> + '_ {
        let least = ApiId::from_bytes([0; 16]);
        let most = ApiId::from_bytes([0xff; 16]);
        self.group_apis.range((group, least)..=(group, most)).map(|(_, api)| *api)
    }

    pub fn key_named(&self, name: &KeyName) -> Option<KeyId> {
        self.key_names.get(name).copied()
    }

    pub fn key_with_text(&self, text: &KeyText) -> Option<KeyId> {
        self.key_texts.get(text).copied()
    }

    pub fn bindings_of_key(&self, key: KeyId) -> impl Iterator<Item = Place> + '_ {
        let least = (EnvironmentId::from_bytes([0; 16]), ApiId::from_bytes([0; 16]));
        let most = (EnvironmentId::from_bytes([0xff; 16]), ApiId::from_bytes([0xff; 16]));
        self.key_bindings
            .range((key, least.0, least.1)..=(key, most.0, most.1))
            .map(|(_, env, api)| (*env, *api))
    }

    pub fn binding_count(&self, key: KeyId) -> u32 {
        self.key_binding_counts.get(&key).copied().unwrap_or(0)
    }

    pub(super) fn put_environment(&mut self, fields: &EnvironmentFields) {
        self.environment_names.insert(fields.name.clone(), fields.id);
    }

    pub(super) fn drop_environment(&mut self, fields: &EnvironmentFields) {
        self.environment_names.remove(&fields.name);
    }

    pub(super) fn put_group(&mut self, group: &Group) {
        self.group_names.insert(group.fields.name.clone(), group.fields.id);
        for domain in &group.fields.domains {
            self.domains.insert(domain.clone(), group.fields.id);
        }
    }

    pub(super) fn drop_group(&mut self, group: &Group) {
        self.group_names.remove(&group.fields.name);
        for domain in &group.fields.domains {
            self.domains.remove(domain);
        }
    }

    pub(super) fn put_api(&mut self, api: &Api) {
        let fields = &api.fields;
        self.api_names.insert((fields.name.clone(), fields.group), fields.id);
        self.api_shapes.insert((fields.group, fields.definition.shape()), fields.id);
        self.group_apis.insert((fields.group, fields.id));
    }

    pub(super) fn drop_api(&mut self, api: &Api) {
        let fields = &api.fields;
        self.api_names.remove(&(fields.name.clone(), fields.group));
        self.api_shapes.remove(&(fields.group, fields.definition.shape()));
        self.group_apis.remove(&(fields.group, fields.id));
    }

    pub(super) fn put_key(&mut self, key: &Arc<SignatureKey>) {
        self.key_names.insert(key.name.clone(), key.id);
        self.key_texts.insert(key.key.clone(), key.id);
    }

    pub(super) fn drop_key(&mut self, key: &Arc<SignatureKey>) {
        self.key_names.remove(&key.name);
        self.key_texts.remove(&key.key);
    }

    pub(super) fn put_binding(&mut self, key: KeyId, (environment, api): Place) {
        if self.key_bindings.insert((key, environment, api)).is_none() {
            let count = self.binding_count(key);
            self.key_binding_counts.insert(key, count + 1);
        }
    }

    pub(super) fn drop_binding(&mut self, key: KeyId, (environment, api): Place) {
        if self.key_bindings.remove(&(key, environment, api)).is_some() {
            match self.binding_count(key) {
                0 | 1 => self.key_binding_counts.remove(&key),
                count => self.key_binding_counts.insert(key, count - 1),
            };
        }
    }

    pub(super) fn put_route(
        &mut self,
        environment: EnvironmentId,
        hosts: Hosts,
        shape: RouteShape,
        api: ApiId,
    ) {
        self.routes.insert((environment, hosts, shape), api);
    }

    pub(super) fn drop_route(
        &mut self,
        environment: EnvironmentId,
        hosts: Hosts,
        shape: RouteShape,
    ) {
        self.routes.remove(&(environment, hosts, shape));
    }
}
