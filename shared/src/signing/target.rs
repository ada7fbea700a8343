//! The request target: what goes on the wire is what is signed, made in one place.
//! It never signs, and never looks at a host or a route.

use thiserror::Error;

use super::path::clean_path;
use super::query::{normalize_query, sendable_query};

/// What happens to a query on its way to the backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum QueryMode {
    /// Rewritten by [`normalize_query`], so that every public verifier reads it alike.
    #[default]
    Normalize,
    /// Forwarded byte for byte. A query that a request line cannot hold is refused: bytes that are
    /// not visible ASCII, and `#`, behind which the rest would be lost.
    Raw,
}

/// A request target, path and query, that may be sent and signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    wire: String,
    path_len: usize,
}

impl Target {
    /// Joins a backend's base path, the rest of the received path and the received query.
    ///
    /// `base` and `rest` must have come out of [`clean_path`], whole or cut at a slash; either
    /// may be empty. One slash stands between them, so `/v2` or `/v2/` and `/users` make
    /// `/v2/users`; an empty `rest` leaves `base` as it is, and nothing at all makes `/`.
    pub fn join(
        base: &str,
        rest: &str,
        query: Option<&str>,
        mode: QueryMode,
    ) -> Result<Self, TargetError> {
        let query = match (query, mode) {
            (None, _) => None,
            (Some(query), QueryMode::Normalize) => {
                Some(normalize_query(query)).filter(|query| !query.is_empty())
            }
            (Some(query), QueryMode::Raw) => Some(sendable_query(query)?),
        };
        let base = if rest.is_empty() { base } else { base.strip_suffix('/').unwrap_or(base) };
        let needs_slash = if rest.is_empty() { base.is_empty() } else { !rest.starts_with('/') };
        let slash = if needs_slash { "/" } else { "" };

        // The capacity is exact, so that the text can become shared bytes without a copy.
        let path_len = base.len() + slash.len() + rest.len();
        let query_len = query.as_ref().map_or(0, |query| 1 + query.len());
        let mut wire = String::with_capacity(path_len + query_len);
        for piece in [base, slash, rest] {
            wire.push_str(piece);
        }
        if let Some(query) = query {
            wire.push('?');
            wire.push_str(&query);
        }
        let target = Self { wire, path_len };
        debug_assert_eq!(clean_path(target.path()).as_deref(), Ok(target.path()));
        Ok(target)
    }

    /// The target as it is sent: `/path` or `/path?query`.
    pub fn as_str(&self) -> &str {
        &self.wire
    }

    pub fn into_string(self) -> String {
        self.wire
    }

    pub fn path(&self) -> &str {
        self.wire.split_at(self.path_len).0
    }

    /// The query without its `?`; empty where there is none.
    pub fn query(&self) -> &str {
        let query = self.wire.split_at(self.path_len).1;
        query.strip_prefix('?').unwrap_or(query)
    }
}

/// Why a target cannot be forwarded. Each is the client's mistake, a 400; offsets count bytes.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum TargetError {
    #[error("the path does not begin with `/`")]
    NotAbsolute,
    #[error("the path climbs above the root")]
    AboveRoot,
    #[error("the path hides a dot segment behind `%2F` in the segment at byte {at}")]
    HiddenDotSegment { at: usize },
    #[error(
        "byte 0x{byte:02x} at {at} cannot stand in a request target; send it as a percent escape"
    )]
    ForbiddenByte { byte: u8, at: usize },
    #[error("the escape of byte 0x{byte:02x} at {at} is refused in a path")]
    ForbiddenEscape { byte: u8, at: usize },
    #[error("the `%` at byte {at} is not followed by two hex digits")]
    MalformedEscape { at: usize },
}
