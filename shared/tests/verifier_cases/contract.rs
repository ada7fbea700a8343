//! A case, put to this crate's own verifier. The replay guard is its caller's, so here it is ours.

use countersign_shared::secret::Secret;
use countersign_shared::signing::{Received, Refusal, Scheme, Verified, VerifyOptions, verify};

use crate::case::{BASIC, Expected, HMAC, KEYS};
use crate::request::Request;

pub(crate) fn outcome(request: &Request) -> Expected {
    let is_replay = request.options.replay_guard_answers == Some(false);
    match verified(request) {
        Ok(verified) if is_replay && verified.mark.is_some() => {
            Expected::Refused(Refusal::Replayed.code())
        }
        Ok(verified) => Expected::Verified {
            key: verified.key,
            scheme: name_of(verified.scheme),
            payload_signed: verified.payload_signed,
        },
        Err(refusal) => Expected::Refused(refusal.code()),
    }
}

fn verified(request: &Request) -> Result<Verified, Refusal> {
    let headers: Vec<_> =
        request.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
    let received = Received { method: &request.method, target: &request.target, headers: &headers };
    let asked = &request.options;
    let usual = VerifyOptions::default();
    let options = VerifyOptions {
        signature_header: asked.signature_header.unwrap_or(usual.signature_header),
        clock_skew_seconds_max: asked
            .clock_skew_seconds_max
            .unwrap_or(usual.clock_skew_seconds_max),
        required_headers: asked.required_headers,
        unsigned_payload_allowed: asked.unsigned_payload_allowed,
        body_bytes_max: asked.body_bytes_max.map_or(usual.body_bytes_max, |bytes| bytes as u64),
    };
    let known: Vec<_> = KEYS
        .iter()
        .flat_map(|(scheme, key, secrets)| secrets.iter().map(move |text| (*scheme, *key, *text)))
        .map(|(scheme, key, text)| (scheme, key, Secret::new(text.into())))
        .collect();
    let secrets_of = |scheme, asked: &str| {
        let (scheme, asked) = (name_of(scheme), asked.to_owned());
        known
            .iter()
            .filter_map(move |(of, key, secret)| (*of == scheme && *key == asked).then_some(secret))
    };
    verify(&received, &request.body, request.now, &options, secrets_of)
}

fn name_of(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Hmac => HMAC,
        Scheme::Basic => BASIC,
    }
}
