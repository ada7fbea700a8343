//! What a run ends with when something does not hold.

/// A promise that was broken, as a sentence.
#[derive(Debug)]
pub(crate) struct Broken(pub(crate) String);

impl Broken {
    pub(crate) fn unless(holds: bool, says: impl FnOnce() -> String) -> Result<(), Self> {
        if holds { Ok(()) } else { Err(Self(says())) }
    }
}
