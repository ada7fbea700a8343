//! The query of a request, made such that every reader takes it for the same parameters.
//! It never sorts; that is the canonical request's business.

use std::borrow::Cow;

use super::TargetError;
use super::percent::{Reading, recode, split_normal};

/// Rewrites a query so that all readers of forms and of signatures agree on it: every name and
/// value is decoded as a form would be (`+` is a space) and encoded again in place with the
/// unreserved set (`A-Za-z0-9-_.~`, upper-case hex). The order stays, and so does whether a name
/// has a `=`; parameters without a name are dropped.
///
/// A `%` that begins no escape is taken literally and sent as `%25`, as the public signers read
/// it; escapes that are not UTF-8 stay the bytes they are. A normal query is borrowed.
pub fn normalize_query(query: &str) -> Cow<'_, str> {
    if query.is_empty() || is_normal(query.as_bytes()) {
        return Cow::Borrowed(query);
    }
    let mut out = Vec::with_capacity(query.len() + query.len() / 2);
    for parameter in query.split('&') {
        let (name, value) = split_parameter(parameter);
        if name.is_empty() {
            continue;
        }
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

/// Whether a query would be written again as it is, found in one pass.
fn is_normal(query: &[u8]) -> bool {
    let mut rest = query;
    loop {
        let (name, tail) = split_normal(rest, Reading::Form);
        let tail = match tail {
            [b'=', value @ ..] => split_normal(value, Reading::Form).1,
            _ => tail,
        };
        match tail {
            _ if name.is_empty() => return false,
            [] => return true,
            [b'&', tail @ ..] => rest = tail,
            _ => return false,
        }
    }
}

/// A parameter's name, and its value where it has a `=`.
fn split_parameter(parameter: &str) -> (&str, Option<&str>) {
    match parameter.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (parameter, None),
    }
}

/// A raw query as it is, unless a request line cannot hold it.
pub(super) fn sendable_query(query: &str) -> Result<Cow<'_, str>, TargetError> {
    match query.bytes().enumerate().find(|(_, byte)| !byte.is_ascii_graphic() || *byte == b'#') {
        Some((at, byte)) => Err(TargetError::ForbiddenByte { byte, at }),
        None => Ok(Cow::Borrowed(query)),
    }
}
