//! When something happened: the place in the log, and the time for people.

/// When something happened: the log's revision and milliseconds since 1970 (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, PartialOrd, Ord)]
pub struct Stamp {
    pub revision: u64,
    pub time_ms: i64,
}
