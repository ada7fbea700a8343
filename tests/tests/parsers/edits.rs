//! Changes of valid bytes: flipped, overwritten, cut, repeated, moved and inserted.

use proptest::prelude::*;
use proptest::sample::Index;

#[derive(Debug, Clone)]
pub(crate) enum Edit {
    Flip(Index, u8),
    Write(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, Index),
    /// A piece is put in at another place.
    Copy(Index, Index, Index),
    Truncate(Index),
}

/// Up to so many changes, one after the other.
pub(crate) fn edits(most: usize) -> impl Strategy<Value = Vec<Edit>> {
    let edit = prop_oneof![
        4 => (any::<Index>(), 0..8_u8).prop_map(|(at, bit)| Edit::Flip(at, bit)),
        2 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Edit::Write(at, byte)),
        1 => (any::<Index>(), prop::collection::vec(any::<u8>(), 1..9))
            .prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        1 => (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Edit::Remove(from, to)),
        1 => (any::<Index>(), any::<Index>(), any::<Index>())
            .prop_map(|(from, to, at)| Edit::Copy(from, to, at)),
        1 => any::<Index>().prop_map(Edit::Truncate),
    ];
    prop::collection::vec(edit, 1..=most)
}

pub(crate) fn changed(valid: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut bytes = valid.to_vec();
    for edit in edits {
        let length = bytes.len();
        let range = |from: &Index, to: &Index| {
            let (from, to) = (from.index(length + 1), to.index(length + 1));
            from.min(to)..from.max(to)
        };
        match edit {
            Edit::Flip(at, bit) if length > 0 => bytes[at.index(length)] ^= 1 << bit,
            Edit::Write(at, byte) if length > 0 => bytes[at.index(length)] = *byte,
            Edit::Flip(..) | Edit::Write(..) => {}
            Edit::Insert(at, inserted) => {
                let at = at.index(length + 1);
                bytes.splice(at..at, inserted.iter().copied());
            }
            Edit::Remove(from, to) => drop(bytes.drain(range(from, to))),
            Edit::Copy(from, to, at) => {
                let (piece, at) = (bytes[range(from, to)].to_vec(), at.index(length + 1));
                bytes.splice(at..at, piece);
            }
            Edit::Truncate(at) => bytes.truncate(at.index(length + 1)),
        }
    }
    bytes
}
