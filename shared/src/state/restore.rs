//! A state out of a stored snapshot: the same insertions as `apply`, without events.

use super::{Place, Publication, State};
use crate::access::{Grant, TokenFields};
use crate::event::{ApiFields, EnvironmentFields, GroupFields, RequestMark};
use crate::id::{KeyId, LogId};
use crate::key::SignatureKey;
use crate::node::{KnownNode, NodeToken, PublicKeyDigest};
use crate::stamp::Stamp;
use crate::text::NodeName;

/// Builds a state piece by piece. Groups go before APIs, APIs before publications.
#[derive(Debug, Default)]
pub struct Restore(State);

impl Restore {
    pub fn new(log_id: LogId, head: Stamp) -> Self {
        Self(State { log_id: Some(log_id), head, ..State::default() })
    }

    pub fn environment(&mut self, fields: &EnvironmentFields, created: Stamp, updated: Stamp) {
        self.0.put_environment(fields, created, updated);
    }

    pub fn group(&mut self, fields: &GroupFields, created: Stamp, updated: Stamp) {
        self.0.put_group(fields, created, updated);
    }

    pub fn api(&mut self, fields: &ApiFields, created: Stamp, updated: Stamp) {
        self.0.put_api(fields, created, updated);
    }

    pub fn publication(&mut self, place: Place, publication: Publication) {
        self.0.publish(place, publication);
    }

    pub fn key(&mut self, key: SignatureKey) {
        self.0.put_key(key);
    }

    pub fn binding(&mut self, key: KeyId, place: Place, bound: Stamp) {
        self.0.bind(key, place, bound);
    }

    pub fn node_token(&mut self, token: NodeToken) {
        self.0.nodes.put_token(token);
    }

    pub fn node(&mut self, node: KnownNode) {
        self.0.nodes.put(node);
    }

    /// A key that was enrolled for this node, be it its newest or not.
    pub fn node_key(&mut self, key: PublicKeyDigest, name: &NodeName) {
        self.0.nodes.put_key(key, name);
    }

    pub fn grant(&mut self, grant: &Grant, granted: Stamp) {
        self.0.access.put_grant(grant, granted);
    }

    pub fn token(&mut self, fields: &TokenFields, created: Stamp) {
        self.0.access.put_token(fields, created);
    }

    pub fn master_key(&mut self, number: u32) {
        self.0.master_key = number;
    }

    /// Oldest first.
    pub fn request(&mut self, mark: &RequestMark, first_revision: u64, last_revision: u64) {
        self.0.requests.remember(mark, first_revision, last_revision);
    }

    pub fn finish(self) -> State {
        self.0
    }
}
