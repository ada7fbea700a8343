//! Why a signature does not fit: makes the signature that would, then makes the known mistakes
//! one after the other, alone and in pairs, until one of them reproduces the signature that was
//! given. It never judges a request (`verify` does) and never shows a secret.

mod body;
mod headers;
mod mistake;
mod path;
mod query;
mod recipe;
mod secret;

use super::authorization::Authorization;
use super::received::{Found, Received};
use super::{DATE_HEADER, Refusal, SdkDate};
use crate::secret::Secret;
pub use mistake::Mistake;
use recipe::{Part, Recipe};

/// A signature taken apart.
#[derive(Debug)]
pub struct Explanation {
    /// As it has to be.
    pub canonical_request: Vec<u8>,
    pub string_to_sign: Vec<u8>,
    /// In lower-case hex, as the other one.
    pub signature: String,
    pub given_signature: String,
    /// What the signer of the given signature did, where that is known: one mistake, or two made
    /// together. Several where each of them explains it.
    pub causes: Vec<Vec<Mistake>>,
    /// The canonical request as who makes the first cause's mistakes writes it.
    pub mistaken_request: Option<Vec<u8>>,
}

impl Explanation {
    pub fn fits(&self) -> bool {
        self.signature == self.given_signature
    }
}

/// A request whose signature is to be explained.
#[derive(Clone, Copy, Debug)]
pub struct Questioned<'a> {
    pub received: Received<'a>,
    pub body: &'a [u8],
    pub signature_header: &'a str,
    /// Hosts that the signer may have meant, besides those that the request names.
    pub other_hosts: &'a [&'a str],
}

/// Explains an HMAC signature. Refuses a request in which there is none to explain, for the reason
/// that a verifier has; nothing else than the signature is looked at.
pub fn explain(request: &Questioned<'_>, secret: &Secret) -> Result<Explanation, Refusal> {
    let malformed = || Refusal::MalformedAuthorization { header: request.signature_header.into() };
    let value = match request.received.header(request.signature_header) {
        Found::Once(value) => value,
        Found::Repeated => return Err(malformed()),
        Found::Nowhere => {
            let header = request.signature_header.into();
            return Err(Refusal::MissingAuthorization { header });
        }
    };
    let Some(Authorization::Hmac(claim)) = Authorization::parse(value) else {
        return Err(malformed());
    };
    let mut headers = Vec::new();
    for name in &claim.signed_headers {
        match request.received.header(name) {
            Found::Once(value) => headers.push(((*name).to_owned(), value.trim_ascii().to_vec())),
            Found::Repeated => {
                return Err(Refusal::SignedHeaderRepeated { name: (*name).to_owned() });
            }
            Found::Nowhere => {
                return Err(Refusal::SignedHeaderMissing { name: (*name).to_owned() });
            }
        }
    }
    let date = match request.received.header(DATE_HEADER) {
        Found::Once(value) => SdkDate::parse(value.trim_ascii()).ok_or(Refusal::DateMalformed)?,
        Found::Nowhere | Found::Repeated => return Err(Refusal::DateMissingOrUnsigned),
    };
    let right = Recipe::right(request, headers, date, secret);
    let (causes, mistaken_request) = if right.signature() == claim.signature {
        (Vec::new(), None)
    } else {
        causes(&right, &changes(&right, request, claim.key), &claim.signature)
    };
    Ok(Explanation {
        canonical_request: right.canonical_request(),
        string_to_sign: right.string_to_sign(),
        signature: hex(&right.signature()),
        given_signature: hex(&claim.signature),
        causes,
        mistaken_request,
    })
}

/// A mistake, and what a signer writes who makes it.
type Change = (Mistake, Part);

/// Every mistake that changes anything about this request.
fn changes(right: &Recipe, request: &Questioned<'_>, key: &str) -> Vec<Change> {
    let mut changes = Vec::new();
    path::changes(right, request, &mut changes);
    query::changes(right, request, &mut changes);
    headers::changes(right, request, &mut changes);
    body::changes(right, request, &mut changes);
    secret::changes(right, key, &mut changes);
    changes.retain(|(_, part)| right.differs(part));
    changes
}

/// The causes, and what the first of them makes of the canonical request.
fn causes(
    right: &Recipe,
    changes: &[Change],
    given: &[u8; 32],
) -> (Vec<Vec<Mistake>>, Option<Vec<u8>>) {
    let mut mistaken = None;
    let mut alone = Vec::new();
    for (mistake, part) in changes {
        let wrong = right.with(part);
        if wrong.signature() == *given {
            mistaken.get_or_insert_with(|| wrong.canonical_request());
            alone.push(vec![*mistake]);
        }
    }
    alone.dedup();
    if !alone.is_empty() {
        return (alone, mistaken);
    }
    let mut pairs = Vec::new();
    for (position, (first, part)) in changes.iter().enumerate() {
        let once_wrong = right.with(part);
        for (second, other) in changes.iter().skip(position + 1) {
            if part.is_same_place(other) {
                continue;
            }
            let twice_wrong = once_wrong.with(other);
            if twice_wrong.signature() == *given {
                mistaken.get_or_insert_with(|| twice_wrong.canonical_request());
                pairs.push(vec![*first, *second]);
            }
        }
    }
    pairs.dedup();
    (pairs, mistaken)
}

fn hex(signature: &[u8; 32]) -> String {
    data_encoding::HEXLOWER.encode(signature)
}
