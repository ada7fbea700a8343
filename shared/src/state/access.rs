//! Grants and tokens, and how they are found by operator and by hash.

use std::sync::Arc;

use imbl::{HashMap, OrdMap, OrdSet};

use crate::access::{BearerHash, Grant, Right, Role, Target, TokenFields};
use crate::id::{GrantId, OperatorTokenId};
use crate::stamp::Stamp;
use crate::text::Actor;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    pub grant: Grant,
    pub granted: Stamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub fields: TokenFields,
    pub created: Stamp,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    grants: OrdMap<GrantId, Arc<Granted>>,
    by_operator: OrdSet<(Actor, GrantId)>,
    tokens: OrdMap<OperatorTokenId, Arc<Token>>,
    by_hash: HashMap<BearerHash, OperatorTokenId>,
}

impl Access {
    pub fn grants(&self) -> &OrdMap<GrantId, Arc<Granted>> {
        &self.grants
    }

    pub fn tokens(&self) -> &OrdMap<OperatorTokenId, Arc<Token>> {
        &self.tokens
    }

    pub fn token_with_hash(&self, hash: &BearerHash) -> Option<&Arc<Token>> {
        self.tokens.get(self.by_hash.get(hash)?)
    }

    pub fn grants_of<'a>(&'a self, operator: &Actor) -> impl Iterator<Item = &'a Grant> + 'a {
        let least = GrantId::from_bytes([0; 16]);
        let most = GrantId::from_bytes([0xff; 16]);
        self.by_operator
            .range((operator.clone(), least)..=(operator.clone(), most))
            .filter_map(|(_, id)| self.grants.get(id).map(|granted| &granted.grant))
    }

    /// Whether any of the operator's grants gives the right there.
    pub fn allows(&self, operator: &Actor, right: Right, target: Target) -> bool {
        self.grants_of(operator).any(|grant| grant.allows(right, target))
    }

    /// Those of the operator's roles that have a right, each once.
    pub fn roles_with(&self, operator: &Actor, right: Right) -> Vec<Role> {
        let grants = self.grants_of(operator).map(|grant| grant.role);
        let mut roles: Vec<Role> = grants.filter(|role| role.has(right)).collect();
        roles.sort_unstable();
        roles.dedup();
        roles
    }

    pub(crate) fn put_grant(&mut self, grant: &Grant, granted: Stamp) {
        self.by_operator.insert((grant.operator.clone(), grant.id));
        self.grants.insert(grant.id, Arc::new(Granted { grant: grant.clone(), granted }));
    }

    pub(crate) fn drop_grant(&mut self, id: GrantId) {
        if let Some(granted) = self.grants.remove(&id) {
            self.by_operator.remove(&(granted.grant.operator.clone(), id));
        }
    }

    pub(crate) fn put_token(&mut self, fields: &TokenFields, created: Stamp) {
        self.by_hash.insert(fields.hash, fields.id);
        self.tokens.insert(fields.id, Arc::new(Token { fields: fields.clone(), created }));
    }

    pub(crate) fn drop_token(&mut self, id: OperatorTokenId) {
        if let Some(token) = self.tokens.remove(&id) {
            self.by_hash.remove(&token.fields.hash);
        }
    }
}
