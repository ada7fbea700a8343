//! Mistakes with the method and the path.

use super::mistake::{
    ESCAPES_IN_LOWER_CASE, METHOD_CHANGED, METHOD_LOWER_CASE, PATH_AS_SENT, PATH_CLEANED,
    PATH_DECODED, PATH_ESCAPED_LIKE_JAVASCRIPT, PATH_ESCAPED_TWICE, PATH_PREFIX_REMOVED,
    PATH_WITHOUT_FINAL_SLASH,
};
use super::recipe::{Part, Recipe, canonical_uri};
use super::{Change, Questioned};
use crate::signing::clean_path;
use crate::signing::percent::{Reading, decoded};

const METHODS: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"];
/// As many first segments are taken off in turn.
const PREFIX_SEGMENTS_MAX: usize = 8;

pub(super) fn changes(right: &Recipe, request: &Questioned<'_>, changes: &mut Vec<Change>) {
    changes.extend(METHODS.map(|method| (METHOD_CHANGED, Part::Method(method.to_owned()))));
    changes.push((METHOD_LOWER_CASE, Part::Method(right.method.to_ascii_lowercase())));

    let (path, _) = request.received.path_and_query();
    let mut push = |mistake, uri: Vec<u8>| {
        let without_slash = uri.strip_suffix(b"/").map(<[u8]>::to_vec);
        changes.push((mistake, Part::Uri(uri)));
        // Who makes one of these seldom adds the slash.
        changes.extend(without_slash.map(|uri| (mistake, Part::Uri(uri))));
    };
    let without_slash = right.uri.strip_suffix(b"/").unwrap_or(&right.uri).to_vec();
    push(PATH_WITHOUT_FINAL_SLASH, without_slash);
    if let Ok(clean) = clean_path(path) {
        push(PATH_CLEANED, canonical_uri(&clean));
    }
    push(PATH_AS_SENT, with_slash(path.as_bytes().to_vec()));
    push(PATH_DECODED, with_slash(decoded(path.as_bytes(), Reading::Path).collect()));
    push(PATH_ESCAPED_TWICE, escaped_again(&right.uri));
    push(PATH_ESCAPED_LIKE_JAVASCRIPT, like_javascript(&right.uri));
    push(ESCAPES_IN_LOWER_CASE, lower_case_escapes(&right.uri));
    let mut rest = path;
    for _ in 0..PREFIX_SEGMENTS_MAX {
        let Some(slash) = rest.get(1..).and_then(|tail| tail.find('/')) else { break };
        rest = rest.get(slash + 1..).unwrap_or_default();
        push(PATH_PREFIX_REMOVED, canonical_uri(rest));
    }
}

fn with_slash(mut path: Vec<u8>) -> Vec<u8> {
    if path.last() != Some(&b'/') {
        path.push(b'/');
    }
    path
}

pub(super) fn escaped_again(text: &[u8]) -> Vec<u8> {
    replaced(text, b"%", b"%25")
}

/// What `encodeURIComponent` leaves as it is.
pub(super) fn like_javascript(text: &[u8]) -> Vec<u8> {
    let escapes: [(&[u8], &[u8]); 5] =
        [(b"%21", b"!"), (b"%27", b"'"), (b"%28", b"("), (b"%29", b")"), (b"%2A", b"*")];
    escapes.iter().fold(text.to_vec(), |text, (escape, byte)| replaced(&text, escape, byte))
}

pub(super) fn lower_case_escapes(text: &[u8]) -> Vec<u8> {
    let mut text = text.to_vec();
    let escapes: Vec<usize> =
        text.iter().enumerate().filter(|(_, byte)| **byte == b'%').map(|(at, _)| at).collect();
    for at in escapes {
        if let Some(digits) = text.get_mut(at + 1..at + 3) {
            digits.make_ascii_lowercase();
        }
    }
    text
}

pub(super) fn replaced(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.first() {
        if let Some(tail) = rest.strip_prefix(from) {
            out.extend_from_slice(to);
            rest = tail;
        } else {
            out.push(*first);
            rest = rest.get(1..).unwrap_or_default();
        }
    }
    out
}
