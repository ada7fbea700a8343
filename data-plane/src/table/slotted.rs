//! Values by their slots, of which tables of many revisions share what is the same: a change copies
//! what leads to its slot. A request finds a value with one wait for memory, where the value is:
//! what leads there is small enough to be in the processor's cache. (A vector of imbl looks at the
//! bounds of each chunk as well, which are in none.)

use std::sync::Arc;

use super::Slot;

const LEAF: usize = 64;
const BRANCH: usize = 64;

type Leaf<T> = Arc<[Option<T>]>;

#[derive(Debug, Clone)]
pub(super) struct Slotted<T> {
    branches: Vec<Arc<[Leaf<T>]>>,
}

impl<T> Default for Slotted<T> {
    fn default() -> Self {
        Self { branches: Vec::new() }
    }
}

/// Branch, leaf, and place in it.
fn way(slot: Slot) -> (usize, usize, usize) {
    (slot / LEAF / BRANCH, slot / LEAF % BRANCH, slot % LEAF)
}

impl<T: Clone> Slotted<T> {
    pub(super) fn get(&self, slot: Slot) -> Option<&T> {
        let (branch, leaf, place) = way(slot);
        self.branches.get(branch)?.get(leaf)?.get(place)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut T> {
        self.place(slot)?.as_mut()
    }

    pub(super) fn put(&mut self, slot: Slot, value: Option<T>) {
        let empty = || Leaf::from(vec![None; LEAF]);
        while self.branches.len() <= way(slot).0 {
            self.branches.push(Arc::from(vec![empty(); BRANCH]));
        }
        if let Some(place) = self.place(slot) {
            *place = value;
        }
    }

    /// All values from a slot on.
    pub(super) fn from(&self, first: Slot) -> impl Iterator<Item = (Slot, &T)> {
        let leaves = self.branches.iter().flat_map(|branch| branch.iter());
        let leaves = leaves.enumerate().skip(first / LEAF);
        let places = leaves.flat_map(|(leaf, places)| (leaf * LEAF..).zip(places.iter()));
        places
            .skip_while(move |(slot, _)| *slot < first)
            .filter_map(|(slot, value)| Some((slot, value.as_ref()?)))
    }

    fn place(&mut self, slot: Slot) -> Option<&mut Option<T>> {
        let (branch, leaf, place) = way(slot);
        let leaves = Arc::make_mut(self.branches.get_mut(branch)?);
        Arc::make_mut(leaves.get_mut(leaf)?).get_mut(place)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Slots on both sides of where a leaf and a branch end.
    fn slots() -> impl Strategy<Value = Slot> {
        let ends = [0, LEAF, LEAF * BRANCH, 2 * LEAF * BRANCH];
        (0..ends.len(), 0..4_usize).prop_map(move |(end, by)| (ends[end] + by).saturating_sub(2))
    }

    proptest! {
        #[test]
        fn it_is_a_map_and_a_copy_stays_what_it_was(
            puts in prop::collection::vec((slots(), prop::option::of(any::<u8>())), 0..40),
            from in slots(),
        ) {
            let (mut slotted, mut map) = (Slotted::default(), BTreeMap::new());
            let mut copies = Vec::new();
            for (slot, value) in puts {
                copies.push((slotted.clone(), map.clone()));
                slotted.put(slot, value);
                match value {
                    Some(value) => map.insert(slot, value),
                    None => map.remove(&slot),
                };
                prop_assert_eq!(slotted.get_mut(slot).copied(), value);
            }
            copies.push((slotted, map));
            for (slotted, map) in copies {
                let all: Vec<_> = slotted.from(from).map(|(slot, value)| (slot, *value)).collect();
                let wanted: Vec<_> = map.range(from..).map(|(slot, value)| (*slot, *value)).collect();
                prop_assert_eq!(all, wanted);
                for slot in 0..=2 * LEAF * BRANCH {
                    prop_assert_eq!(slotted.get(slot), map.get(&slot));
                }
            }
        }
    }
}
