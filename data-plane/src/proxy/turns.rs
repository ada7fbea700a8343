//! Whose turn it is, where only every so-many-th request is looked at.

use std::cell::Cell;

#[derive(Debug)]
pub(super) struct Turns {
    /// 0: it is nobody's turn.
    every: u32,
    until_next: Cell<u32>,
}

impl Turns {
    pub(super) fn every(every: u32) -> Self {
        Self { every, until_next: Cell::new(every) }
    }

    pub(super) fn is_next(&self) -> bool {
        match self.until_next.get() {
            0 => false,
            1 => {
                self.until_next.set(self.every);
                true
            }
            left => {
                self.until_next.set(left - 1);
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_so_many_th() {
        let taken = |every| {
            let turns = Turns::every(every);
            (0..7).map(|_| turns.is_next()).collect::<Vec<_>>()
        };
        assert_eq!(taken(3), [false, false, true, false, false, true, false]);
        assert_eq!(taken(1), [true; 7]);
        assert_eq!(taken(0), [false; 7]);
    }
}
