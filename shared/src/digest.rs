//! The digest of a table: equal digests, equal tables, in whatever order they were built. It
//! owns the arithmetic and knows nothing of what the resources say.
//!
//! Each resource is a term, a SHA-256; the digest is their sum modulo 2^256 in little-endian
//! order, so that putting or removing one resource costs one addition, whatever the table's size.

use std::fmt;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::id::EnvironmentId;

/// What one resource adds to the digest.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Term([u8; 32]);

/// The term of a resource: its environment, its kind as the contract numbers it, its id, and
/// its encoded bytes exactly as they were sent.
pub fn term(environment: EnvironmentId, kind: u8, id: &[u8; 16], resource: &[u8]) -> Term {
    let hash = Sha256::new_with_prefix(environment.as_bytes())
        .chain_update([kind])
        .chain_update(id)
        .chain_update(resource)
        .finalize();
    Term(hash.into())
}

/// The sum of the terms of all resources of a table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TableDigest([u8; 32]);

#[expect(
    clippy::should_implement_trait,
    reason = "a digest is no number; `+` would hide what is added"
)]
impl TableDigest {
    /// The digest of an empty table.
    pub const ZERO: Self = Self([0; 32]);

    #[must_use]
    pub fn add(self, term: Term) -> Self {
        let mut carry = 0_u16;
        self.zip(&term.0, |ours, other| {
            let sum = u16::from(ours) + u16::from(other) + carry;
            carry = sum >> 8;
            sum.to_le_bytes()
        })
    }

    /// The digest of two tables together, such as two environments of one node.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        self.add(Term(other.0))
    }

    #[must_use]
    pub fn sub(self, term: Term) -> Self {
        let mut borrow = 0_u16;
        self.zip(&term.0, |ours, other| {
            let difference = 0x100 + u16::from(ours) - u16::from(other) - borrow;
            borrow = 1 - (difference >> 8);
            difference.to_le_bytes()
        })
    }

    /// The digest of two tables that share no resource.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self.add(Term(other.0))
    }

    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// From the least significant byte on.
    fn zip(self, other: &[u8; 32], mut step: impl FnMut(u8, u8) -> [u8; 2]) -> Self {
        let mut bytes = self.0;
        for (ours, other) in bytes.iter_mut().zip(other) {
            let [low, _] = step(*ours, *other);
            *ours = low;
        }
        Self(bytes)
    }
}

impl fmt::Debug for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Term({})", HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for TableDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TableDigest({})", HEXLOWER.encode(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn some(kind: u8, resource: &[u8]) -> Term {
        term(EnvironmentId::from_bytes([7; 16]), kind, &[9; 16], resource)
    }

    #[test]
    fn a_term_is_the_hash_of_all_its_parts() {
        let whole = [[7_u8; 16].as_slice(), &[2], &[9; 16], b"resource"].concat();
        assert_eq!(some(2, b"resource"), Term(Sha256::digest(whole).into()));
    }

    #[test]
    fn the_sum_wraps_around() {
        let one = Term(std::array::from_fn(|i| u8::from(i == 0)));
        let all_ones = TableDigest([0xff; 32]);
        assert_eq!(all_ones.add(one), TableDigest::ZERO);
        assert_eq!(TableDigest::ZERO.sub(one), all_ones);
    }

    proptest! {
        #[test]
        fn whatever_the_order_and_what_came_and_went(resources: Vec<Vec<u8>>, removed: Vec<u8>) {
            let sum = |list: &[Term]| list.iter().fold(TableDigest::ZERO, |d, t| d.add(*t));
            let mut terms: Vec<_> = resources.iter().map(|r| some(1, r)).collect();
            let forward = sum(&terms);
            terms.reverse();
            prop_assert_eq!(sum(&terms), forward);
            prop_assert_eq!(forward.add(some(3, &removed)).sub(some(3, &removed)), forward);
            let (some, others) = terms.split_at(terms.len() / 2);
            prop_assert_eq!(sum(some).union(sum(others)), forward);
        }
    }
}
