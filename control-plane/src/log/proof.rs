//! Verifying what `tree.rs` proves, step by step as RFC 9162 says it. Needs nothing but the
//! hashes it is given, so that whoever holds a checkpoint needs to trust nobody for the rest.

use super::TreeHash;

/// Whether a leaf, counted from 0, is in the tree of a size and a root (RFC 9162, 2.1.3.2).
pub fn verify_inclusion(
    leaf: u64,
    hash: TreeHash,
    size: u64,
    root: TreeHash,
    proof: &[TreeHash],
) -> bool {
    if leaf >= size {
        return false;
    }
    let (mut number, mut last) = (leaf, size - 1);
    let mut found = hash;
    for other in proof {
        if last == 0 {
            return false;
        }
        if number % 2 == 1 || number == last {
            found = other.beside(found);
            while number.is_multiple_of(2) && number != 0 {
                (number, last) = (number / 2, last / 2);
            }
        } else {
            found = found.beside(*other);
        }
        (number, last) = (number / 2, last / 2);
    }
    last == 0 && found == root
}

/// Whether a tree goes on from an older one: none of its leaves is changed, removed or moved
/// (RFC 9162, 2.1.4.2). Each is its size and its root.
pub fn verify_consistency(
    (old, old_root): (u64, TreeHash),
    (size, root): (u64, TreeHash),
    proof: &[TreeHash],
) -> bool {
    if old == 0 || old == size {
        let same = if old == 0 { old_root == TreeHash::empty() } else { old_root == root };
        return same && old <= size && proof.is_empty();
    }
    if old > size {
        return false;
    }
    // Where the old tree is one whole subtree, its root is the proof's first hash.
    let mut proof = proof.iter().copied();
    let first = if old.is_power_of_two() { Some(old_root) } else { proof.next() };
    let Some(first) = first else { return false };
    let (mut number, mut last) = (old - 1, size - 1);
    while number % 2 == 1 {
        (number, last) = (number / 2, last / 2);
    }
    let (mut found_old, mut found) = (first, first);
    for other in proof {
        if last == 0 {
            return false;
        }
        if number % 2 == 1 || number == last {
            found_old = other.beside(found_old);
            found = other.beside(found);
            while number.is_multiple_of(2) && number != 0 {
                (number, last) = (number / 2, last / 2);
            }
        } else {
            found = found.beside(other);
        }
        (number, last) = (number / 2, last / 2);
    }
    last == 0 && found_old == old_root && found == root
}

#[cfg(test)]
mod tests {
    #![expect(clippy::cast_possible_truncation, reason = "the trees are small")]

    use std::convert::Infallible;

    use countersign_shared::id::LogId;
    use data_encoding::HEXLOWER;
    use proptest::prelude::*;

    use super::super::tree::{BLOCK_LEAVES, Tree};
    use super::super::{ChainHash, Head};
    use super::*;

    fn entries(count: u64) -> Vec<ChainHash> {
        let mut head = Head::genesis(LogId::from_bytes([7; 16]));
        let next = |_| {
            head = head.then(b"record");
            head.hash
        };
        (0..count).map(next).collect()
    }

    fn tree(entries: &[ChainHash]) -> Tree {
        let mut tree = Tree::default();
        for entry in entries {
            tree.push(*entry);
        }
        tree
    }

    /// The definition of RFC 9162, 2.1.1, word for word.
    fn by_definition(entries: &[ChainHash]) -> TreeHash {
        match entries.len() {
            0 => TreeHash::empty(),
            1 => TreeHash::leaf(entries[0]),
            count => {
                let left = count.next_power_of_two() / 2;
                by_definition(&entries[..left]).beside(by_definition(&entries[left..]))
            }
        }
    }

    fn leaves(entries: &[ChainHash]) -> impl FnMut(u64) -> Result<Vec<TreeHash>, Infallible> {
        |block| {
            let block = entries.chunks(BLOCK_LEAVES as usize).nth(block as usize).unwrap();
            Ok(block.iter().map(|entry| TreeHash::leaf(*entry)).collect())
        }
    }

    /// Worked out with Python's hashlib, after RFC 6962.
    #[test]
    fn the_hashes_are_pinned() {
        let root = tree(&entries(7)).root();
        assert_eq!(
            HEXLOWER.encode(TreeHash::empty().as_bytes()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(
            HEXLOWER.encode(root.as_bytes()),
            "ffed7e8f5b43a18e43d190f45d37b35ef566a496517e6a9823a58474b8117fc7"
        );
    }

    #[test]
    fn the_root_is_that_of_the_definition_at_every_size() {
        let entries = entries(1100);
        let mut growing = Tree::default();
        for (size, entry) in (1..).zip(&entries) {
            growing.push(*entry);
            assert_eq!(growing.root(), by_definition(&entries[..size]), "size {size}");
        }
        for size in (0..1100_usize).step_by(37) {
            let found = growing.proofs(leaves(&entries)).root(size as u64).unwrap();
            assert_eq!(found, Some(by_definition(&entries[..size])), "size {size}");
        }
    }

    #[test]
    fn every_proof_of_small_trees_holds_and_no_other() {
        let entries = entries(40);
        let tree = tree(&entries);
        let mut proofs = tree.proofs(leaves(&entries));
        for size in 1..=40_u64 {
            let root = by_definition(&entries[..size as usize]);
            for leaf in 0..size {
                let hash = TreeHash::leaf(entries[leaf as usize]);
                let proof = proofs.inclusion(leaf, size).unwrap().unwrap();
                assert!(verify_inclusion(leaf, hash, size, root, &proof), "{leaf} in {size}");
                assert!(!verify_inclusion(leaf + 1, hash, size, root, &proof));
                assert!(!verify_inclusion(leaf, root, size, root, &proof) || size == 1);
            }
            for old in 0..=size {
                let old_root = by_definition(&entries[..old as usize]);
                let proof = proofs.consistency(old, size).unwrap().unwrap();
                assert!(verify_consistency((old, old_root), (size, root), &proof), "{old} {size}");
                let wrong = TreeHash::leaf(entries[0]).beside(old_root);
                assert!(!verify_consistency((old, wrong), (size, root), &proof));
                assert!(!verify_consistency((old, old_root), (size, wrong), &proof) || old == 0);
            }
        }
        assert_eq!(proofs.inclusion(40, 40).unwrap(), None);
        assert_eq!(proofs.consistency(3, 41).unwrap(), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn proofs_of_large_trees_hold_and_a_changed_one_does_not(
            size in 1..3000_u64, leaf: prop::sample::Index, old: prop::sample::Index, bit in 0..256_usize,
        ) {
            let entries = entries(3000);
            let tree = tree(&entries);
            let root = by_definition(&entries[..size as usize]);
            let mut proofs = tree.proofs(leaves(&entries));
            let leaf = leaf.index(size as usize) as u64;
            let hash = TreeHash::leaf(entries[leaf as usize]);
            let mut proof = proofs.inclusion(leaf, size).unwrap().unwrap();
            prop_assert!(verify_inclusion(leaf, hash, size, root, &proof));
            let old = old.index(size as usize) as u64 + 1;
            let old_root = by_definition(&entries[..old as usize]);
            let consistency = proofs.consistency(old, size).unwrap().unwrap();
            prop_assert!(verify_consistency((old, old_root), (size, root), &consistency));
            if let Some(first) = proof.first_mut() {
                let mut bytes = *first.as_bytes();
                bytes[bit / 8] ^= 1 << (bit % 8);
                *first = TreeHash::from_bytes(bytes);
                prop_assert!(!verify_inclusion(leaf, hash, size, root, &proof));
            }
        }
    }
}
