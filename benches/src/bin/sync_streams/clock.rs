//! The time of day: the control plane says by it when it heard a node.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Since 1970.
#[expect(clippy::disallowed_methods, reason = "the one file of this measurement that reads it")]
pub(crate) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}
