//! Who may do what: roles and the rights that they have, and grants, each of which gives an
//! operator a role in a scope. Which call needs which right stands with the calls.

use std::collections::BTreeSet;
use std::fmt;

use crate::id::{EnvironmentId, GrantId, GroupId, OperatorTokenId};
use crate::text::{Actor, Remark};

/// What an operator is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Viewer,
    Auditor,
    Operator,
    KeyAdmin,
    Admin,
}

/// What a call may need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// See what is there now.
    View,
    /// See what was, and who did it.
    Audit,
    /// Publish and take offline, bind and unbind.
    Operate,
    /// Create, rename, rotate and delete signature keys.
    Keys,
    /// Create, change and delete environments, API groups and APIs.
    Define,
    /// Grants, tokens, nodes, and whatever else concerns the gateway as a whole.
    Administer,
}

/// Which role has which right.
const RIGHTS: [(Role, &[Right]); 5] = [
    (Role::Viewer, &[Right::View]),
    (Role::Auditor, &[Right::View, Right::Audit]),
    (Role::Operator, &[Right::View, Right::Operate]),
    (Role::KeyAdmin, &[Right::View, Right::Keys]),
    (Role::Admin, &Right::ALL),
];

impl Role {
    pub const ALL: [Self; 5] =
        [Self::Viewer, Self::Auditor, Self::Operator, Self::KeyAdmin, Self::Admin];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Auditor => "auditor",
            Self::Operator => "operator",
            Self::KeyAdmin => "key-admin",
            Self::Admin => "admin",
        }
    }

    pub fn has(self, right: Right) -> bool {
        RIGHTS.iter().any(|(role, rights)| *role == self && rights.contains(&right))
    }

    /// Whether a grant of it may be limited: the log and the signature keys are everybody's, so that
    /// whoever reads or changes them does so for all environments and groups.
    pub fn may_be_scoped(self) -> bool {
        !matches!(self, Self::Auditor | Self::KeyAdmin)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Right {
    pub const ALL: [Self; 6] =
        [Self::View, Self::Audit, Self::Operate, Self::Keys, Self::Define, Self::Administer];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Audit => "audit",
            Self::Operate => "operate",
            Self::Keys => "keys",
            Self::Define => "define",
            Self::Administer => "administer",
        }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// All of a kind of resource, or some of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope<T: Ord> {
    All,
    Only(BTreeSet<T>),
}

impl<T: Ord> Scope<T> {
    /// No member means all: a scope of nothing would be no grant.
    pub fn of(members: impl IntoIterator<Item = T>) -> Self {
        let members: BTreeSet<T> = members.into_iter().collect();
        if members.is_empty() { Self::All } else { Self::Only(members) }
    }

    pub fn holds(&self, member: &T) -> bool {
        match self {
            Self::All => true,
            Self::Only(members) => members.contains(member),
        }
    }

    pub fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }

    /// None where it is all.
    pub fn members(&self) -> impl Iterator<Item = &T> {
        match self {
            Self::All => None,
            Self::Only(members) => Some(members.iter()),
        }
        .into_iter()
        .flatten()
    }
}

/// A role that an operator has, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub id: GrantId,
    pub operator: Actor,
    pub role: Role,
    pub environments: Scope<EnvironmentId>,
    pub groups: Scope<GroupId>,
}

/// What a right is needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Anywhere: what is seen is limited by who shows it.
    Somewhere,
    /// The gateway as a whole.
    Everywhere,
    /// An environment, with all groups that publish there.
    Environment(EnvironmentId),
    /// A group, in all environments.
    Group(GroupId),
    /// The APIs of a group, of which no environment is told until they are published.
    ApisOf(GroupId),
    /// The APIs of a group in an environment.
    Place(EnvironmentId, GroupId),
}

impl Grant {
    pub fn allows(&self, right: Right, target: Target) -> bool {
        let reaches = match target {
            Target::Somewhere => true,
            Target::Everywhere => self.environments.is_all() && self.groups.is_all(),
            Target::Environment(environment) => {
                self.environments.holds(&environment) && self.groups.is_all()
            }
            Target::Group(group) => self.environments.is_all() && self.groups.holds(&group),
            Target::ApisOf(group) => self.groups.holds(&group),
            Target::Place(environment, group) => {
                self.environments.holds(&environment) && self.groups.holds(&group)
            }
        };
        self.role.has(right) && reaches
    }
}

/// SHA-256 of a token, which is 256 random bits: nobody finds it from this.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct BearerHash(pub [u8; 32]);

/// It goes into no log but the one of events.
impl fmt::Debug for BearerHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerHash")
    }
}

/// What is known of a token: everything but the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenFields {
    pub id: OperatorTokenId,
    pub operator: Actor,
    pub hash: BearerHash,
    pub expires_ms: i64,
    pub remark: Remark,
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAGING: EnvironmentId = EnvironmentId::from_bytes([1; 16]);
    const RELEASE: EnvironmentId = EnvironmentId::from_bytes([2; 16]);
    const SHOP: GroupId = GroupId::from_bytes([3; 16]);
    const BANK: GroupId = GroupId::from_bytes([4; 16]);

    fn grant(environments: &[EnvironmentId], groups: &[GroupId]) -> Grant {
        Grant {
            id: GrantId::from_bytes([9; 16]),
            operator: Actor::parse("ann").unwrap(),
            role: Role::Admin,
            environments: Scope::of(environments.iter().copied()),
            groups: Scope::of(groups.iter().copied()),
        }
    }

    #[test]
    fn a_grant_reaches_what_lies_in_its_scope_and_no_more() {
        let targets = [
            Target::Somewhere,
            Target::Everywhere,
            Target::Environment(STAGING),
            Target::Environment(RELEASE),
            Target::Group(SHOP),
            Target::ApisOf(SHOP),
            Target::ApisOf(BANK),
            Target::Place(STAGING, SHOP),
            Target::Place(RELEASE, SHOP),
            Target::Place(STAGING, BANK),
        ];
        let reached = |grant: Grant| {
            let reached = targets.map(|target| grant.allows(Right::Define, target));
            reached.map(|reached| if reached { '+' } else { '-' }).iter().collect::<String>()
        };
        assert_eq!(reached(grant(&[], &[])), "++++++++++");
        assert_eq!(reached(grant(&[STAGING], &[])), "+-+--+++-+");
        assert_eq!(reached(grant(&[], &[SHOP])), "+---++-++-");
        assert_eq!(reached(grant(&[STAGING], &[SHOP])), "+----+-+--");
    }

    #[test]
    fn every_role_sees_and_the_admin_alone_administers() {
        for role in Role::ALL {
            assert!(role.has(Right::View));
            assert_eq!(role.has(Right::Administer), role == Role::Admin);
            assert_eq!(role.has(Right::Define), role == Role::Admin);
        }
    }
}
