//! The one place of this binary that reads the clock and the system's random source.

use jiff::Timestamp;

use crate::failure::Failure;

/// The time now.
#[expect(clippy::disallowed_methods, reason = "this is the binary's clock.rs")]
pub(crate) fn now() -> Timestamp {
    // A clock before 1970 or after the year 9999 is read as the nearest moment that can be told.
    Timestamp::try_from(std::time::SystemTime::now()).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Random bytes that nobody can guess.
pub(crate) fn random<const BYTES: usize>() -> Result<[u8; BYTES], Failure> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| {
        Failure::failed(format!("the system's random source gives nothing: {error}"))
    })?;
    Ok(bytes)
}
