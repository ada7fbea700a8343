//! The contract of `verifiers/README.md` over this crate's `verify`, which leaves to its caller
//! the body's limit, further required headers, replays, and to look up no empty secret.

use countersign_shared::secret::Secret;
use countersign_shared::signing::{Received, Scheme, VerifyOptions, verify};
use sha2::{Digest, Sha256};

use crate::case::{BASIC, Expected, HMAC, KEYS};
use crate::request::Request;

pub(crate) fn outcome(request: &Request) -> Expected {
    let verified = verified(request);
    let is_before = |codes: &[&'static str]| matches!(&verified, Expected::Refused(code) if codes.contains(code));
    if is_before(BEFORE_REQUIRED_HEADERS) || is_basic(request) {
        return verified;
    }
    if !has_required_headers(request) {
        return Expected::Refused("SIGNED_HEADER_MISSING");
    }
    let is_unread = request.value("x-sdk-content-sha256") == Some(b"UNSIGNED-PAYLOAD");
    let is_large = request.options.body_bytes_max.is_some_and(|max| request.body.len() > max);
    if is_large && !is_unread && !is_before(BEFORE_BODY) {
        return Expected::Refused("BODY_TOO_LARGE");
    }
    let is_replay = request.options.replay_guard_answers == Some(false);
    match verified {
        Expected::Verified { .. } if is_replay => Expected::Refused("REPLAYED"),
        outcome => outcome,
    }
}

/// The reasons that are looked for before further required headers are.
const BEFORE_REQUIRED_HEADERS: &[&str] = &[
    "MISSING_AUTHORIZATION",
    "MALFORMED_AUTHORIZATION",
    "UNKNOWN_KEY",
    "SIGNED_HEADER_MISSING",
    "SIGNED_HEADER_REPEATED",
];

/// The reasons that are looked for before a body is read.
const BEFORE_BODY: &[&str] =
    &["DATE_MISSING_OR_UNSIGNED", "DATE_MALFORMED", "CLOCK_SKEW", "UNSIGNED_PAYLOAD"];

fn verified(request: &Request) -> Expected {
    let headers: Vec<_> =
        request.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
    let received = Received {
        method: &request.method,
        target: &request.target,
        headers: &headers,
        body_sha256: Sha256::digest(&request.body).into(),
    };
    let mut options = VerifyOptions {
        unsigned_payload_allowed: request.options.unsigned_payload_allowed,
        ..VerifyOptions::default()
    };
    if let Some(header) = request.options.signature_header {
        options.signature_header = header;
    }
    if let Some(seconds) = request.options.clock_skew_seconds_max {
        options.clock_skew_seconds_max = seconds;
    }
    let known: Vec<_> = KEYS
        .iter()
        .flat_map(|(scheme, key, secrets)| secrets.iter().map(move |text| (*scheme, *key, *text)))
        .map(|(scheme, key, text)| (scheme, key, Secret::new(text.into())))
        .filter(|(_, _, secret)| !secret.is_empty())
        .collect();
    let secrets_of = |scheme, asked: &str| {
        let (scheme, asked) = (name_of(scheme), asked.to_owned());
        known
            .iter()
            .filter_map(move |(of, key, secret)| (*of == scheme && *key == asked).then_some(secret))
    };
    match verify(&received, request.now, &options, secrets_of) {
        Ok(verified) => Expected::Verified {
            key: verified.key,
            scheme: name_of(verified.scheme),
            payload_signed: verified.payload_signed,
        },
        Err(refusal) => Expected::Refused(refusal.code()),
    }
}

fn name_of(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Hmac => HMAC,
        Scheme::Basic => BASIC,
    }
}

fn signature_header(request: &Request) -> String {
    let name = request.options.signature_header.unwrap_or("authorization");
    String::from_utf8_lossy(request.value(name).unwrap_or_default()).into_owned()
}

fn is_basic(request: &Request) -> bool {
    signature_header(request).trim_ascii().to_ascii_lowercase().starts_with("basic")
}

fn has_required_headers(request: &Request) -> bool {
    let value = signature_header(request);
    let names = value.split("SignedHeaders=").nth(1).and_then(|rest| rest.split(',').next());
    let names: Vec<_> = names.unwrap_or_default().split(';').collect();
    request.options.required_headers.iter().all(|name| names.contains(name))
}
