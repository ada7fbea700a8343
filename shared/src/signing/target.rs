//! The request target: what goes on the wire is what is signed, made in one place.
//! It never signs, and never looks at a host or a route.

use std::borrow::Cow;

use thiserror::Error;

use super::percent::{Reading, hex_pair, is_normal, recode};

/// What happens to a query on its way to the backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum QueryMode {
    /// Rewritten by [`normalize_query`], so that every public verifier reads it alike.
    #[default]
    Normalize,
    /// Forwarded byte for byte.
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
        Ok(Self { wire, path_len })
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

/// Makes the one path that is routed, forwarded and signed from the path as it was received.
///
/// Dot segments, also encoded ones, are resolved; everything else stays byte for byte, `//` and
/// `%2F` too. Refused is what two readers could read differently: a climb above the root, a dot
/// segment behind `%2F` (`/a%2F..%2Fb`), a backslash or a NUL in either form, an escape that is
/// none, and any byte that is not visible ASCII. An empty path is `/`.
pub fn clean_path(raw: &str) -> Result<Cow<'_, str>, TargetError> {
    if raw.is_empty() {
        return Ok(Cow::Borrowed("/"));
    }
    let Some(relative) = raw.strip_prefix('/') else { return Err(TargetError::NotAbsolute) };
    check_bytes(raw.as_bytes())?;
    check_encoded_slashes(raw)?;
    if relative.split('/').all(|segment| dots(segment) == Dots::None) {
        return Ok(Cow::Borrowed(raw));
    }
    resolve(relative).map(Cow::Owned)
}

/// Rewrites a query so that all readers of forms and of signatures agree on it: every name and
/// value is decoded as a form would be (`+` is a space) and encoded again in place with the
/// unreserved set (`A-Za-z0-9-_.~`, upper-case hex). The order stays, and so does whether a name
/// has a `=`; parameters without a name are dropped.
///
/// A `%` that begins no escape is taken literally and sent as `%25`, as the public signers read
/// it; escapes that are not UTF-8 stay the bytes they are. A normal query is borrowed.
pub fn normalize_query(query: &str) -> Cow<'_, str> {
    if query.is_empty() || query.split('&').all(is_normal_parameter) {
        return Cow::Borrowed(query);
    }
    let mut out = Vec::with_capacity(query.len() + query.len() / 2);
    for (name, value) in query.split('&').map(split_parameter).filter(|(name, _)| !name.is_empty())
    {
        if !out.is_empty() {
            out.push(b'&');
        }
        recode(name.as_bytes(), Reading::Form, &mut out);
        if let Some(value) = value {
            out.push(b'=');
            recode(value.as_bytes(), Reading::Form, &mut out);
        }
    }
    #[expect(clippy::expect_used, reason = "only unreserved bytes, `%`, `=` and `&` were written")]
    Cow::Owned(String::from_utf8(out).expect("an encoded query is ASCII"))
}

/// A parameter's name, and its value where it has a `=`.
fn split_parameter(parameter: &str) -> (&str, Option<&str>) {
    match parameter.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (parameter, None),
    }
}

fn is_normal_parameter(parameter: &str) -> bool {
    let (name, value) = split_parameter(parameter);
    !name.is_empty()
        && is_normal(name.as_bytes(), Reading::Form)
        && value.is_none_or(|value| is_normal(value.as_bytes(), Reading::Form))
}

/// A raw query is forwarded as it is, unless it could not be sent in a request line at all,
/// or would lose its end there as a fragment.
fn sendable_query(query: &str) -> Result<Cow<'_, str>, TargetError> {
    match query.bytes().enumerate().find(|(_, byte)| !byte.is_ascii_graphic() || *byte == b'#') {
        Some((at, byte)) => Err(TargetError::ForbiddenByte { byte, at }),
        None => Ok(Cow::Borrowed(query)),
    }
}

fn check_bytes(path: &[u8]) -> Result<(), TargetError> {
    let mut rest = path;
    while let [byte, tail @ ..] = rest {
        let at = path.len() - rest.len();
        rest = tail;
        match *byte {
            b'%' => {
                let escaped = match tail {
                    [high, low, ..] => hex_pair(*high, *low),
                    _ => None,
                };
                match escaped {
                    None => return Err(TargetError::MalformedEscape { at }),
                    Some(byte @ (0 | b'\\')) => {
                        return Err(TargetError::ForbiddenEscape { byte, at });
                    }
                    Some(_) => {}
                }
            }
            byte @ (b'\\' | b'?' | b'#') => return Err(TargetError::ForbiddenByte { byte, at }),
            byte if !byte.is_ascii_graphic() => {
                return Err(TargetError::ForbiddenByte { byte, at });
            }
            _ => {}
        }
    }
    Ok(())
}

/// A backend that decodes `%2F` before it resolves dots would climb where routing saw none.
fn check_encoded_slashes(path: &str) -> Result<(), TargetError> {
    let mut at = 0;
    for segment in path.split('/') {
        if segment.contains('%') {
            let mut parts = segment.split("%2F").flat_map(|part| part.split("%2f"));
            let whole = parts.clone().nth(1).is_none();
            if !whole && parts.any(|part| dots(part) != Dots::None) {
                return Err(TargetError::HiddenDotSegment { at });
            }
        }
        at += segment.len() + 1;
    }
    Ok(())
}

fn resolve(relative: &str) -> Result<String, TargetError> {
    let mut kept = Vec::new();
    let mut ends_in_dots = false;
    for segment in relative.split('/') {
        let dots = dots(segment);
        match dots {
            Dots::None => kept.push(segment),
            Dots::Here => {}
            Dots::Up => {
                kept.pop().ok_or(TargetError::AboveRoot)?;
            }
        }
        ends_in_dots = dots != Dots::None;
    }
    if ends_in_dots {
        kept.push("");
    }
    Ok(format!("/{}", kept.join("/")))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Dots {
    None,
    Here,
    Up,
}

fn dots(segment: &str) -> Dots {
    match strip_dot(segment) {
        Some("") => Dots::Here,
        Some(rest) if strip_dot(rest) == Some("") => Dots::Up,
        _ => Dots::None,
    }
}

fn strip_dot(text: &str) -> Option<&str> {
    [".", "%2e", "%2E"].iter().find_map(|dot| text.strip_prefix(dot))
}
