//! The canonical request and the string to sign: the one form in which signer and verifier read
//! a request. It never holds a secret.

use std::cmp::Ordering;

use sha2::{Digest, Sha256};

use super::percent::{Reading, decoded, recode, split_plain};
use super::{ALGORITHM, SdkDate};

/// The payload line of a body of zero bytes.
pub const EMPTY_BODY_SHA256: &str =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The payload line of a body that the signature does not cover.
pub const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// The parts of a request that its signature covers.
#[derive(Clone, Copy, Debug)]
pub struct CanonicalRequest<'a> {
    /// In any case; written in upper case.
    pub method: &'a str,
    /// As it is sent; empty means `/`.
    pub path: &'a str,
    /// As it is sent, without the `?`; empty where there is none.
    pub query: &'a str,
    /// The signed headers, names in lower case and ascending. Values are trimmed here.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The body's SHA-256 in lower-case hex, or the value of `x-sdk-content-sha256` where sent.
    pub payload: &'a [u8],
}

impl CanonicalRequest<'_> {
    /// Appends the canonical request. Nothing else is allocated unless the query is unsorted.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.method.bytes().map(|byte| byte.to_ascii_uppercase()));
        out.push(b'\n');
        write_uri(self.path.as_bytes(), out);
        out.push(b'\n');
        write_query(self.query.as_bytes(), out);
        out.push(b'\n');
        for (name, value) in self.headers {
            out.extend_from_slice(name.as_bytes());
            out.push(b':');
            out.extend_from_slice(value.trim_ascii());
            out.push(b'\n');
        }
        out.push(b'\n');
        for (position, (name, _)) in self.headers.iter().enumerate() {
            if position > 0 {
                out.push(b';');
            }
            out.extend_from_slice(name.as_bytes());
        }
        out.push(b'\n');
        out.extend_from_slice(self.payload);
    }
}

/// Makes the string that is signed, whose length is always the same, from a canonical request.
pub fn string_to_sign(date: &SdkDate, canonical_request: &[u8]) -> [u8; STRING_TO_SIGN_BYTES] {
    let mut text = [b'\n'; STRING_TO_SIGN_BYTES];
    let (algorithm, rest) = text.split_at_mut(ALGORITHM.len());
    algorithm.copy_from_slice(ALGORITHM.as_bytes());
    let (date_text, hash) = rest.split_at_mut(1 + 16 + 1);
    if let [_, date_text @ .., _] = date_text {
        date_text.copy_from_slice(date.as_bytes());
    }
    hash.copy_from_slice(&lower_hex(&Sha256::digest(canonical_request).into()));
    text
}

/// A hash as the payload line, the string to sign and the header spell it.
pub(super) fn lower_hex(hash: &[u8; 32]) -> [u8; 64] {
    let digit = |nibble: u8| nibble + if nibble < 10 { b'0' } else { b'a' - 10 };
    let mut text = [0; 64];
    for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(hash) {
        *pair = [digit(byte >> 4), digit(byte & 0xf)];
    }
    text
}

/// Algorithm, date and hash in hex, joined by line feeds.
const STRING_TO_SIGN_BYTES: usize = ALGORITHM.len() + 1 + 16 + 1 + 64;

fn write_uri(path: &[u8], out: &mut Vec<u8>) {
    recode(path, Reading::Path, out);
    if out.last() != Some(&b'/') {
        out.push(b'/');
    }
}

fn write_query(query: &[u8], out: &mut Vec<u8>) {
    if is_canonical(query) {
        out.extend_from_slice(query);
    } else if parameters(query).is_sorted() {
        write_parameters(parameters(query), out);
    } else {
        let mut sorted: Vec<_> = parameters(query).collect();
        sorted.sort_unstable();
        write_parameters(sorted.into_iter(), out);
    }
}

/// The quick answer for most queries: sorted, every name with a `=`, nothing to escape.
fn is_canonical(query: &[u8]) -> bool {
    let mut rest = query;
    let mut before: (&[u8], &[u8]) = (b"", b"");
    loop {
        let (name, tail) = split_plain(rest, Reading::Query);
        let [b'=', tail @ ..] = tail else { return false };
        let (value, tail) = split_plain(tail, Reading::Query);
        if name.is_empty() || (name, value) < before {
            return false;
        }
        before = (name, value);
        match tail {
            [] => return true,
            [b'&', tail @ ..] => rest = tail,
            _ => return false,
        }
    }
}

fn write_parameters<'a>(parameters: impl Iterator<Item = Parameter<'a>>, out: &mut Vec<u8>) {
    let mut is_first = true;
    for parameter in parameters {
        if !is_first {
            out.push(b'&');
        }
        is_first = false;
        recode(parameter.name, Reading::Query, out);
        out.push(b'=');
        recode(parameter.value, Reading::Query, out);
    }
}

/// A parameter as it was sent, ordered by what it means.
#[derive(Clone, Copy)]
struct Parameter<'a> {
    name: &'a [u8],
    value: &'a [u8],
}

/// The parameters that have a name, in the order they were sent.
fn parameters(query: &[u8]) -> impl Iterator<Item = Parameter<'_>> {
    query.split(|byte| *byte == b'&').filter_map(|parameter| {
        let name_len = parameter.iter().position(|byte| *byte == b'=').unwrap_or(parameter.len());
        let (name, value) = parameter.split_at(name_len);
        let value = value.strip_prefix(b"=").unwrap_or(value);
        (!name.is_empty()).then_some(Parameter { name, value })
    })
}

impl Ord for Parameter<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_name = decoded(self.name, Reading::Query).cmp(decoded(other.name, Reading::Query));
        by_name.then_with(|| {
            decoded(self.value, Reading::Query).cmp(decoded(other.value, Reading::Query))
        })
    }
}

impl PartialOrd for Parameter<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Parameter<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Parameter<'_> {}
