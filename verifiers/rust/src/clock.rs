//! The system's clock: the only file that reads it.

use std::time::{SystemTime, UNIX_EPOCH};

/// Unix seconds.
#[expect(clippy::disallowed_methods, reason = "this is the file that reads the clock")]
pub(crate) fn now() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_secs()).unwrap_or(i64::MAX)
}
