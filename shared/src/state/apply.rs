//! `apply`: the only thing that changes the state. No rules (those are in `decide`) and no
//! wildcard arm: a new kind of event must say here what it does.

use std::sync::Arc;

use super::{Api, Binding, Environment, Group, Place, Publication, State};
use crate::event::{ApiFields, EnvironmentFields, Event, GroupFields, Record};
use crate::id::{ApiId, EnvironmentId, GroupId, KeyId};
use crate::key::SignatureKey;
use crate::node::Enrolment;
use crate::stamp::Stamp;

impl State {
    /// Makes the state what it is after the record, which is the next one of its log.
    pub fn apply(&mut self, record: &Record) {
        let at = record.at;
        self.head = at;
        if let Some(mark) = &record.origin.request {
            self.requests.remember(mark, record.first_revision, at.revision);
        }
        match &record.event {
            Event::LogCreated { log_id } => self.log_id = Some(*log_id),
            Event::EnvironmentCreated(fields) => self.put_environment(fields, at, at),
            Event::EnvironmentUpdated(fields) => {
                let created = self.environments.get(&fields.id).map_or(at, |e| e.created);
                self.drop_environment(fields.id);
                self.put_environment(fields, created, at);
            }
            Event::EnvironmentDeleted { id, .. } => self.drop_environment(*id),
            Event::GroupCreated(fields) => self.put_group(fields, at, at),
            Event::GroupUpdated(fields) => {
                let created = self.groups.get(&fields.id).map_or(at, |g| g.created);
                self.replace_group(fields, created, at);
            }
            Event::GroupDeleted { id, .. } => self.drop_group(*id),
            Event::ApiCreated(fields) => self.put_api(fields, at, at),
            Event::ApiUpdated(fields) => {
                let created = self.apis.get(&fields.id).map_or(at, |a| a.created);
                self.drop_api(fields.id);
                self.put_api(fields, created, at);
            }
            Event::ApiDeleted { id, .. } => self.drop_api(*id),
            Event::ApiPublished { api, environment, definition } => {
                let publication = Publication { definition: Arc::clone(definition), published: at };
                self.publish((*environment, *api), publication);
            }
            Event::ApiTakenOffline { api, environment } => self.take_offline((*environment, *api)),
            Event::KeyCreated { id, name, key_type, key, secret } => self.put_key(SignatureKey {
                id: *id,
                name: name.clone(),
                key_type: *key_type,
                key: key.clone(),
                secret: secret.clone(),
                created: at,
                updated: at,
            }),
            Event::KeyRenamed { id, name, .. } => {
                self.change_key(*id, at, |key| key.name = name.clone());
            }
            Event::SecretReplaced { id, secret } => {
                self.change_key(*id, at, |key| key.secret = secret.clone());
            }
            Event::KeyDeleted { id, .. } => self.drop_key(*id),
            Event::KeyBound { key, api, environment } => self.bind(*key, (*environment, *api), at),
            Event::KeyRebound { key, api, environment, .. } => {
                self.unbind((*environment, *api));
                self.bind(*key, (*environment, *api), at);
            }
            Event::KeyUnbound { api, environment, .. } => self.unbind((*environment, *api)),
            Event::NodeTokenCreated(fields) => self.nodes.create_token(fields, at),
            Event::NodeTokenRevoked { id } => self.nodes.drop_token(*id),
            Event::NodeEnrolled { node, role, token, scope, key } => {
                let scope = scope.clone();
                let enrolment =
                    Enrolment { role: *role, token: *token, scope, key: *key, enrolled: at };
                self.nodes.enrol(node, enrolment);
            }
            Event::NodeRevoked { node } => self.nodes.revoke(node, at),
            Event::AccessGranted(grant) => self.access.put_grant(grant, at),
            Event::AccessRevoked { id, .. } => self.access.drop_grant(*id),
            Event::TokenCreated(fields) => self.access.put_token(fields, at),
            Event::TokenRevoked { id, .. } => self.access.drop_token(*id),
            Event::MasterKeyRotated { number } => self.master_key = *number,
        }
    }

    pub(crate) fn put_environment(
        &mut self,
        fields: &EnvironmentFields,
        created: Stamp,
        updated: Stamp,
    ) {
        self.index.put_environment(fields);
        let environment = Environment { fields: fields.clone(), created, updated };
        self.environments.insert(fields.id, Arc::new(environment));
    }

    fn drop_environment(&mut self, id: EnvironmentId) {
        if let Some(environment) = self.environments.remove(&id) {
            self.index.drop_environment(&environment.fields);
        }
    }

    pub(crate) fn put_group(&mut self, fields: &GroupFields, created: Stamp, updated: Stamp) {
        let group = Group { fields: fields.clone(), created, updated };
        self.index.put_group(&group);
        self.groups.insert(fields.id, Arc::new(group));
    }

    fn drop_group(&mut self, id: GroupId) {
        if let Some(group) = self.groups.remove(&id) {
            self.index.drop_group(&group);
        }
    }

    /// With its first domain a group leaves the hosts that all others share; with its last it joins them.
    fn replace_group(&mut self, fields: &GroupFields, created: Stamp, updated: Stamp) {
        let before = self.hosts_of(fields.id);
        self.drop_group(fields.id);
        self.put_group(fields, created, updated);
        let after = self.hosts_of(fields.id);
        if before == after {
            return;
        }
        let apis: Vec<ApiId> = self.index.apis_of_group(fields.id).collect();
        for api in apis {
            let environments: Vec<EnvironmentId> = self.published_in(api).collect();
            for environment in environments {
                if let Some(publication) = self.publications.get(&(environment, api)) {
                    let shape = publication.definition.shape();
                    self.index.drop_route(environment, before, shape.clone());
                    self.index.put_route(environment, after, shape, api);
                }
            }
        }
    }

    pub(crate) fn put_api(&mut self, fields: &ApiFields, created: Stamp, updated: Stamp) {
        let api = Api { fields: fields.clone(), created, updated };
        self.index.put_api(&api);
        self.apis.insert(fields.id, Arc::new(api));
    }

    fn drop_api(&mut self, id: ApiId) {
        if let Some(api) = self.apis.remove(&id) {
            self.index.drop_api(&api);
        }
    }

    pub(crate) fn publish(&mut self, place: Place, publication: Publication) {
        self.take_offline(place);
        let (environment, api) = place;
        self.index.put_route(
            environment,
            self.hosts_of_api(api),
            publication.definition.shape(),
            api,
        );
        self.publications.insert(place, Arc::new(publication));
    }

    fn take_offline(&mut self, place: Place) {
        if let Some(publication) = self.publications.remove(&place) {
            self.index.drop_route(
                place.0,
                self.hosts_of_api(place.1),
                publication.definition.shape(),
            );
        }
    }

    pub(crate) fn put_key(&mut self, key: SignatureKey) {
        let key = Arc::new(key);
        self.index.put_key(&key);
        self.keys.insert(key.id, key);
    }

    fn drop_key(&mut self, id: KeyId) {
        if let Some(key) = self.keys.remove(&id) {
            self.index.drop_key(&key);
        }
    }

    fn change_key(&mut self, id: KeyId, at: Stamp, change: impl FnOnce(&mut SignatureKey)) {
        if let Some(key) = self.keys.get(&id).cloned() {
            self.drop_key(id);
            let mut key = Arc::unwrap_or_clone(key);
            change(&mut key);
            key.updated = at;
            self.put_key(key);
        }
    }

    pub(crate) fn bind(&mut self, key: KeyId, place: Place, at: Stamp) {
        self.index.put_binding(key, place);
        self.bindings.insert(place, Binding { key, bound: at });
    }

    fn unbind(&mut self, place: Place) {
        if let Some(binding) = self.bindings.remove(&place) {
            self.index.drop_binding(binding.key, place);
        }
    }
}
