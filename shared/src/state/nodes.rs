//! Tokens and enrolled nodes in the state: found by id, by hash, by name and by public key.

use std::sync::Arc;

use imbl::OrdMap;

use crate::id::TokenId;
use crate::node::{Enrolment, KnownNode, NodeToken, NodeTokenFields, PublicKeyDigest, TokenHash};
use crate::stamp::Stamp;
use crate::text::NodeName;

/// How long a token is remembered after it has expired, so that whoever comes with it is told so.
pub const TOKEN_REMEMBERED_MS: i64 = 24 * 60 * 60 * 1000;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Nodes {
    tokens: OrdMap<TokenId, Arc<NodeToken>>,
    by_hash: OrdMap<TokenHash, TokenId>,
    known: OrdMap<NodeName, Arc<KnownNode>>,
    /// Every key that was ever enrolled, and for whom: none is enrolled twice.
    keys: OrdMap<PublicKeyDigest, NodeName>,
}

impl Nodes {
    /// Those that can be used, were used or have expired not long ago.
    pub fn tokens(&self) -> &OrdMap<TokenId, Arc<NodeToken>> {
        &self.tokens
    }

    pub fn token_of(&self, hash: TokenHash) -> Option<&Arc<NodeToken>> {
        self.tokens.get(self.by_hash.get(&hash)?)
    }

    /// Those that were enrolled or revoked.
    pub fn known(&self) -> &OrdMap<NodeName, Arc<KnownNode>> {
        &self.known
    }

    pub fn get(&self, name: &str) -> Option<&Arc<KnownNode>> {
        self.known.get(&NodeName::parse(name).ok()?)
    }

    pub fn keys(&self) -> &OrdMap<PublicKeyDigest, NodeName> {
        &self.keys
    }

    pub(super) fn create_token(&mut self, fields: &NodeTokenFields, at: Stamp) {
        let is_over = |token: &NodeToken| {
            token.fields.expires_ms.saturating_add(TOKEN_REMEMBERED_MS) < at.time_ms
        };
        let over: Vec<TokenId> =
            self.tokens.iter().filter(|(_, token)| is_over(token)).map(|(id, _)| *id).collect();
        for id in over {
            self.drop_token(id);
        }
        self.put_token(NodeToken { fields: fields.clone(), created: at, spent: None });
    }

    pub(super) fn put_token(&mut self, token: NodeToken) {
        self.by_hash.insert(token.fields.hash, token.fields.id);
        self.tokens.insert(token.fields.id, Arc::new(token));
    }

    pub(super) fn drop_token(&mut self, id: TokenId) {
        if let Some(token) = self.tokens.remove(&id) {
            self.by_hash.remove(&token.fields.hash);
        }
    }

    /// A node that was revoked is so no longer: it has another key now.
    pub(super) fn enrol(&mut self, name: &NodeName, enrolment: Enrolment) {
        if let Some(token) = self.tokens.get_mut(&enrolment.token) {
            Arc::make_mut(token).spent = Some((name.clone(), enrolment.enrolled));
        }
        self.keys.insert(enrolment.key, name.clone());
        let name = name.clone();
        self.put(KnownNode { name, enrolment: Some(enrolment), revoked: None });
    }

    pub(super) fn revoke(&mut self, name: &NodeName, at: Stamp) {
        let enrolment = self.known.get(name).and_then(|node| node.enrolment.clone());
        self.put(KnownNode { name: name.clone(), enrolment, revoked: Some(at) });
    }

    pub(super) fn put(&mut self, node: KnownNode) {
        self.known.insert(node.name.clone(), Arc::new(node));
    }

    pub(super) fn put_key(&mut self, key: PublicKeyDigest, name: &NodeName) {
        self.keys.insert(key, name.clone());
    }
}
