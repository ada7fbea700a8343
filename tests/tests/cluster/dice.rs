//! Random choices, the same in each run as far as a scheduler lets them be; with the variable
//! `CLUSTER_SEED` set to a number, others.

#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Each with another number throws otherwise.
    pub(crate) fn new(number: u64) -> Self {
        let seed = std::env::var("CLUSTER_SEED").map_or(0, |seed| seed.parse().expect("a number"));
        Self(number ^ u64::rotate_left(seed, 32))
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    /// `SplitMix64`.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}
