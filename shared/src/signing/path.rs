//! The path of a request: the one string that is routed, forwarded and signed.
//! It never re-encodes, and never maps a path to a backend's.

use std::borrow::Cow;

use super::TargetError;
use super::byte_set::ByteSet;
use super::percent::hex_pair;

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
    // Most paths end here, after one quick look.
    if raw.bytes().all(|byte| HARMLESS.contains(byte)) {
        return Ok(Cow::Borrowed(raw));
    }
    check_bytes(raw.as_bytes())?;
    if raw.contains('%') {
        check_encoded_slashes(raw)?;
    }
    if relative.split('/').all(|segment| dots(segment) == Dots::None) {
        return Ok(Cow::Borrowed(raw));
    }
    resolve(relative).map(Cow::Owned)
}

/// Bytes that can neither be refused in a path nor begin a dot segment or an escape.
static HARMLESS: ByteSet = ByteSet::of(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/-_~!$&'()*+,:;=@\"<>[]^`{|}",
);

/// Refuses bytes and escapes that no path may have.
fn check_bytes(path: &[u8]) -> Result<(), TargetError> {
    let mut rest = path;
    while let [byte, tail @ ..] = rest {
        let at = path.len() - rest.len();
        rest = tail;
        if HARMLESS.contains(*byte) || *byte == b'.' {
            continue;
        }
        let escaped = match tail {
            _ if *byte != b'%' => return Err(TargetError::ForbiddenByte { byte: *byte, at }),
            [high, low, ..] => hex_pair(*high, *low),
            _ => None,
        };
        match escaped {
            None => return Err(TargetError::MalformedEscape { at }),
            Some(byte @ (0 | b'\\')) => return Err(TargetError::ForbiddenEscape { byte, at }),
            Some(_) => {}
        }
    }
    Ok(())
}

/// A backend that decodes `%2F` before it resolves dots would climb where routing saw none.
fn check_encoded_slashes(path: &str) -> Result<(), TargetError> {
    let mut at = 0;
    for segment in path.split('/') {
        let mut parts = segment.split("%2F").flat_map(|part| part.split("%2f"));
        if dots(segment) == Dots::None && parts.any(|part| dots(part) != Dots::None) {
            return Err(TargetError::HiddenDotSegment { at });
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
