//! What a signature is made of, part by part, each of which may be wrong. It makes a signature of
//! whatever it is given.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::Questioned;
use crate::secret::Secret;
use crate::signing::canonical::{CanonicalRequest, lower_hex};
use crate::signing::received::Found;
use crate::signing::{ALGORITHM, CONTENT_HEADER, DATE_HEADER, SdkDate};

/// The parts of a canonical request as they are written, and what signs it.
#[derive(Clone)]
pub(super) struct Recipe {
    pub(super) method: String,
    pub(super) uri: Vec<u8>,
    pub(super) query: Vec<u8>,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) payload: Vec<u8>,
    pub(super) date: SdkDate,
    pub(super) secret: Zeroizing<Vec<u8>>,
}

/// A part of a recipe as somebody else would write it.
pub(super) enum Part {
    Method(String),
    Uri(Vec<u8>),
    Query(Vec<u8>),
    /// The value of a signed header.
    Header(String, Vec<u8>),
    Payload(Vec<u8>),
    Date(SdkDate),
    Secret(Zeroizing<Vec<u8>>),
}

impl Part {
    /// Whether both change the same part, so that they cannot be made together.
    pub(super) fn is_same_place(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Header(one, _), Self::Header(two, _)) => one == two,
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

impl Recipe {
    /// As it has to be for a request whose signed headers and date are known.
    pub(super) fn right(
        request: &Questioned<'_>,
        headers: Vec<(String, Vec<u8>)>,
        date: SdkDate,
        secret: &Secret,
    ) -> Self {
        let payload = match request.received.header(CONTENT_HEADER) {
            Found::Once(value) => value.trim_ascii().to_vec(),
            Found::Nowhere | Found::Repeated => body_hash(request.body),
        };
        let (path, query) = request.received.path_and_query();
        Self {
            method: request.received.method.to_ascii_uppercase(),
            uri: canonical_uri(path),
            query: canonical_query(query),
            headers,
            payload,
            date,
            secret: Zeroizing::new(secret.expose().as_bytes().to_vec()),
        }
    }

    pub(super) fn with(&self, part: &Part) -> Self {
        let mut other = self.clone();
        match part {
            Part::Method(method) => other.method.clone_from(method),
            Part::Uri(uri) => other.uri.clone_from(uri),
            Part::Query(query) => other.query.clone_from(query),
            Part::Header(name, value) => other.set(name, value),
            Part::Payload(payload) => other.payload.clone_from(payload),
            Part::Date(date) => {
                other.date = *date;
                other.set(DATE_HEADER, date.as_bytes());
            }
            Part::Secret(secret) => other.secret.clone_from(secret),
        }
        other
    }

    fn set(&mut self, name: &str, value: &[u8]) {
        for (_, old) in self.headers.iter_mut().filter(|(sent, _)| sent == name) {
            *old = value.to_vec();
        }
    }

    /// Whether the part is another one than ours.
    pub(super) fn differs(&self, part: &Part) -> bool {
        match part {
            Part::Method(method) => *method != self.method,
            Part::Uri(uri) => *uri != self.uri,
            Part::Query(query) => *query != self.query,
            Part::Header(name, value) => self.headers.iter().any(|(n, v)| n == name && v != value),
            Part::Payload(payload) => *payload != self.payload,
            Part::Date(date) => *date != self.date,
            Part::Secret(secret) => *secret != self.secret,
        }
    }

    pub(super) fn canonical_request(&self) -> Vec<u8> {
        let mut text = self.method.clone().into_bytes();
        for part in [&self.uri, &self.query] {
            text.push(b'\n');
            text.extend_from_slice(part);
        }
        text.push(b'\n');
        for (name, value) in &self.headers {
            for part in [name.as_bytes(), b":", value, b"\n"] {
                text.extend_from_slice(part);
            }
        }
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        for part in [b"\n", names.join(";").as_bytes(), b"\n", &self.payload] {
            text.extend_from_slice(part);
        }
        text
    }

    pub(super) fn string_to_sign(&self) -> Vec<u8> {
        let hash = lower_hex(&Sha256::digest(self.canonical_request()).into());
        [ALGORITHM.as_bytes(), b"\n", self.date.as_bytes(), b"\n", &hash].concat()
    }

    pub(super) fn signature(&self) -> [u8; 32] {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mac = Hmac::<Sha256>::new_from_slice(&self.secret).expect("any length will do");
        mac.chain_update(self.string_to_sign()).finalize().into_bytes().into()
    }
}

pub(super) fn body_hash(body: &[u8]) -> Vec<u8> {
    lower_hex(&Sha256::digest(body).into()).to_vec()
}

pub(super) fn canonical_uri(path: &str) -> Vec<u8> {
    line_of(path, "", 1)
}

pub(super) fn canonical_query(query: &str) -> Vec<u8> {
    line_of("", query, 2)
}

/// A line of the canonical request, written by whom the verifier has it written.
fn line_of(path: &str, query: &str, line: usize) -> Vec<u8> {
    let mut text = Vec::new();
    CanonicalRequest { method: "", path, query, headers: &[], payload: b"" }.write(&mut text);
    text.split(|byte| *byte == b'\n').nth(line).unwrap_or_default().to_vec()
}
