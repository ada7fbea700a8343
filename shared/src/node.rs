//! What is known of nodes beside their streams: the tokens by which they are enrolled, and those that
//! were. A certificate names a node; what the node may ask for stands here, and in no request.

use std::fmt;
use std::sync::Arc;

use data_encoding::HEXLOWER;

use crate::id::{EnvironmentId, TokenId};
use crate::stamp::Stamp;
use crate::text::NodeName;

/// What a token makes of whoever has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeRole {
    Node,
    Relay,
}

/// Which environments a node may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeScope {
    All,
    /// These alone; they may be gone by now.
    Only(Arc<[EnvironmentId]>),
}

impl NodeScope {
    pub fn allows(&self, environment: EnvironmentId) -> bool {
        match self {
            Self::All => true,
            Self::Only(environments) => environments.contains(&environment),
        }
    }

    /// Those that are named; none where all are allowed.
    pub fn named(&self) -> &[EnvironmentId] {
        match self {
            Self::All => &[],
            Self::Only(environments) => environments,
        }
    }
}

/// SHA-256 over a public key as certificates have it (`SubjectPublicKeyInfo`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublicKeyDigest(pub [u8; 32]);

/// SHA-256 over the text of a token. The text itself is with whom it was given to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TokenHash(pub [u8; 32]);

impl fmt::Display for PublicKeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for PublicKeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKeyDigest({self})")
    }
}

/// Not told: whoever could guess tokens would know by it that one is right.
impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

/// A token as it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeTokenFields {
    pub id: TokenId,
    pub hash: TokenHash,
    pub role: NodeRole,
    /// The only name that it is good for; none: any that is free.
    pub node: Option<NodeName>,
    pub scope: NodeScope,
    pub expires_ms: i64,
}

/// A token as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeToken {
    pub fields: NodeTokenFields,
    pub created: Stamp,
    /// Who was enrolled by it.
    pub spent: Option<(NodeName, Stamp)>,
}

/// A node or relay that was enrolled or revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownNode {
    pub name: NodeName,
    /// The newest one. None: nobody but its name is known, which was revoked.
    pub enrolment: Option<Enrolment>,
    pub revoked: Option<Stamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolment {
    pub role: NodeRole,
    pub token: TokenId,
    pub scope: NodeScope,
    pub key: PublicKeyDigest,
    pub enrolled: Stamp,
}
