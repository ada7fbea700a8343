//! The only place of the data plane that reads clocks and randomness; everything else takes
//! them as arguments or asks here.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The time since 1970, for the date of a signature.
#[expect(clippy::disallowed_methods, reason = "this file is where the clock is read")]
pub(crate) fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The time of day, for spans.
pub(crate) fn wall() -> SystemTime {
    UNIX_EPOCH + since_1970()
}

pub(crate) fn unix_seconds() -> i64 {
    i64::try_from(since_1970().as_secs()).unwrap_or(i64::MAX)
}

pub(crate) fn unix_ms() -> i64 {
    i64::try_from(since_1970().as_millis()).unwrap_or(i64::MAX)
}

/// For durations; never goes back.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Random bytes from the system.
///
/// # Errors
/// Where the system has no random source, in which case nothing should start.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// A duration between zero and `max`, evenly spread ("full jitter"). Without randomness, `max`.
pub(crate) fn jitter(max: Duration) -> Duration {
    match random() {
        Ok(bytes) => max.mul_f64(f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)),
        Err(_) => max,
    }
}
