//! The Merkle tree over the log, by the hashes of RFC 6962 and RFC 9162: leaf `n` is the chain's
//! hash at revision `n + 1`, so that a leaf stands for its record, its place and its past. Kept
//! in memory and made anew at each opening, from the same pass that verifies the chain: nothing
//! of it lies on the disk, so nothing of it can disagree with the log.
//!
//! A block is 256 leaves. The hashes of whole blocks and of whole subtrees above them are kept
//! (a quarter of a byte for each record), and the leaves of the last block; the leaves of older
//! blocks are read from the log when a proof needs them.

use std::fmt;
use std::ops::Range;

use data_encoding::BASE64;
use imbl::Vector;
use sha2::{Digest, Sha256};

use super::ChainHash;

/// A block has this many leaves: two to the power of `BLOCK_HEIGHT`.
pub const BLOCK_LEAVES: u64 = 1 << BLOCK_HEIGHT;
const BLOCK_HEIGHT: u32 = 8;

/// The hash of a leaf, of a subtree, or of the tree.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TreeHash([u8; TreeHash::BYTES]);

impl TreeHash {
    pub const BYTES: usize = 32;

    /// The root of the tree without leaves.
    pub fn empty() -> Self {
        Self(Sha256::digest(b"").into())
    }

    pub fn leaf(entry: ChainHash) -> Self {
        Self(Sha256::new_with_prefix([0]).chain_update(entry.as_bytes()).finalize().into())
    }

    #[must_use]
    pub fn beside(self, right: Self) -> Self {
        Self(
            Sha256::new_with_prefix([1])
                .chain_update(self.0)
                .chain_update(right.0)
                .finalize()
                .into(),
        )
    }

    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

/// Base64, as checkpoints have it.
impl fmt::Display for TreeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64.encode(&self.0))
    }
}

impl fmt::Debug for TreeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TreeHash({self})")
    }
}

/// The tree of a log up to a revision. A clone costs next to nothing.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    size: u64,
    /// The hashes of whole subtrees, from those of one block upwards; each level has half as many.
    levels: Vector<Vector<TreeHash>>,
    /// The leaves of the last block, which is not whole.
    tail: Vector<TreeHash>,
}

impl Tree {
    /// How many leaves it has: the revision it reaches.
    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn push(&mut self, entry: ChainHash) {
        self.size += 1;
        self.tail.push_back(TreeHash::leaf(entry));
        if self.size.is_multiple_of(BLOCK_LEAVES) {
            let leaves: Vec<TreeHash> = std::mem::take(&mut self.tail).into_iter().collect();
            self.raise(root_of(&leaves));
        }
    }

    /// The root of the whole tree.
    pub fn root(&self) -> TreeHash {
        let tail: Vec<TreeHash> = self.tail.iter().copied().collect();
        // The whole subtrees from the last and smallest one to the first, each left of what is had.
        let mut root = (!tail.is_empty()).then(|| root_of(&tail));
        for level in &self.levels {
            if level.len() % 2 == 1
                && let Some(whole) = level.last()
            {
                root = Some(root.map_or(*whole, |right| whole.beside(right)));
            }
        }
        root.unwrap_or_else(TreeHash::empty)
    }

    /// Proofs about this tree. `leaves` gives the leaves of an older block, by its number.
    pub fn proofs<E>(
        &self,
        leaves: impl FnMut(u64) -> Result<Vec<TreeHash>, E>,
    ) -> Proofs<'_, impl FnMut(u64) -> Result<Vec<TreeHash>, E>> {
        Proofs { tree: self, leaves, read: Vec::new() }
    }

    fn raise(&mut self, mut hash: TreeHash) {
        for level in &mut self.levels {
            level.push_back(hash);
            if level.len() % 2 == 1 {
                return;
            }
            let Some(left) = level.len().checked_sub(2).and_then(|left| level.get(left)) else {
                return;
            };
            hash = left.beside(hash);
        }
        self.levels.push_back(Vector::unit(hash));
    }

    /// A whole subtree of one block or more: its height above the leaves and its number in its row.
    fn whole(&self, height: u32, number: u64) -> Option<TreeHash> {
        let level = self.levels.get(usize::try_from(height.checked_sub(BLOCK_HEIGHT)?).ok()?)?;
        level.get(usize::try_from(number).ok()?).copied()
    }
}

/// What proves something about a tree, in the order of RFC 9162.
#[expect(missing_debug_implementations, reason = "it holds a closure")]
pub struct Proofs<'a, F> {
    tree: &'a Tree,
    leaves: F,
    /// The blocks read so far: a proof needs two at most.
    read: Vec<(u64, Vec<TreeHash>)>,
}

impl<E, F: FnMut(u64) -> Result<Vec<TreeHash>, E>> Proofs<'_, F> {
    /// The root that the tree had at a size; none beyond its own.
    pub fn root(&mut self, size: u64) -> Result<Option<TreeHash>, E> {
        if size > self.tree.size {
            return Ok(None);
        }
        self.hash(0..size).map(Some)
    }

    /// That a leaf, counted from 0, is in the tree of a size (RFC 9162, 2.1.3.1).
    pub fn inclusion(&mut self, leaf: u64, size: u64) -> Result<Option<Vec<TreeHash>>, E> {
        if leaf >= size || size > self.tree.size {
            return Ok(None);
        }
        let mut proof = Vec::new();
        let mut range = 0..size;
        while range.end - range.start > 1 {
            let middle = middle(&range);
            let (left, right) = (range.start..middle, middle..range.end);
            let (other, with_leaf) = if leaf < middle { (right, left) } else { (left, right) };
            proof.push(self.hash(other)?);
            range = with_leaf;
        }
        proof.reverse();
        Ok(Some(proof))
    }

    /// That the tree of a size goes on from that of an older one (RFC 9162, 2.1.4.1).
    pub fn consistency(&mut self, old: u64, size: u64) -> Result<Option<Vec<TreeHash>>, E> {
        if old > size || size > self.tree.size {
            return Ok(None);
        }
        let mut proof = Vec::new();
        if old == 0 || old == size {
            return Ok(Some(proof));
        }
        let mut range = 0..size;
        // Whether all that is left of the old tree is one whole subtree, whose hash the verifier has.
        let mut known = true;
        while old < range.end {
            let middle = middle(&range);
            let (left, right) = (range.start..middle, middle..range.end);
            let (other, with_end) = if old <= middle { (right, left) } else { (left, right) };
            known &= old <= middle;
            proof.push(self.hash(other)?);
            range = with_end;
        }
        if !known {
            proof.push(self.hash(range)?);
        }
        proof.reverse();
        Ok(Some(proof))
    }

    /// The hash over a range of leaves that begins where a subtree of its size does.
    fn hash(&mut self, range: Range<u64>) -> Result<TreeHash, E> {
        let count = range.end - range.start;
        if count == 0 {
            return Ok(TreeHash::empty());
        }
        if count.is_power_of_two()
            && let Some(whole) = self.tree.whole(count.ilog2(), range.start >> count.ilog2())
        {
            return Ok(whole);
        }
        if count <= BLOCK_LEAVES {
            return self.hash_in_block(&range);
        }
        let middle = middle(&range);
        Ok(self.hash(range.start..middle)?.beside(self.hash(middle..range.end)?))
    }

    fn hash_in_block(&mut self, range: &Range<u64>) -> Result<TreeHash, E> {
        let block = range.start / BLOCK_LEAVES;
        if !self.read.iter().any(|(number, _)| *number == block) {
            let leaves = if block == self.tree.size / BLOCK_LEAVES {
                self.tree.tail.iter().copied().collect()
            } else {
                (self.leaves)(block)?
            };
            self.read.push((block, leaves));
        }
        let place = |leaf: u64| usize::try_from(leaf - block * BLOCK_LEAVES).unwrap_or(usize::MAX);
        let leaves = self.read.iter().find(|(number, _)| *number == block);
        let leaves =
            leaves.and_then(|(_, leaves)| leaves.get(place(range.start)..place(range.end)));
        Ok(leaves.map_or_else(TreeHash::empty, root_of))
    }
}

/// Where the left subtree ends: the largest power of two that is smaller than the range.
fn middle(range: &Range<u64>) -> u64 {
    let count = range.end - range.start;
    range.start + (1 << (count - 1).ilog2())
}

/// The root over some leaves.
fn root_of(leaves: &[TreeHash]) -> TreeHash {
    match leaves {
        [] => TreeHash::empty(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(1 << (leaves.len() - 1).ilog2());
            root_of(left).beside(root_of(right))
        }
    }
}
