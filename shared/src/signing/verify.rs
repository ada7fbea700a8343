//! The verifier: whether a request that arrived is the one that was signed, and if not, why.
//! It never reads a clock or a body; both are arguments.

use subtle::ConstantTimeEq;

use super::authorization::{Authorization, BasicClaim, HmacClaim};
use super::basic::is_password;
use super::canonical::{CanonicalRequest, UNSIGNED_PAYLOAD, lower_hex, string_to_sign};
use super::{AUTHORIZATION_HEADER, CONTENT_HEADER, DATE_HEADER, HmacSigner, Refusal, SdkDate};
use crate::secret::Secret;

/// How far `x-sdk-date` may lie from the verifier's clock, either way, unless configured.
const CLOCK_SKEW_SECONDS_MAX: u64 = 900;

/// A request as it arrived.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    pub method: &'a str,
    /// Path and query byte for byte as received, without scheme and authority.
    pub target: &'a str,
    /// All headers, names in any case. Over HTTP/2 the caller adds `host` from `:authority`.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The SHA-256 of the body.
    pub body_sha256: [u8; 32],
}

/// What a verifier insists on.
#[derive(Clone, Copy, Debug)]
pub struct VerifyOptions<'a> {
    /// The header that carries the signature (`custom_auth_header`), in any case.
    pub signature_header: &'a str,
    pub clock_skew_seconds_max: u64,
    /// Whether `x-sdk-content-sha256: UNSIGNED-PAYLOAD` is good enough.
    pub unsigned_payload_allowed: bool,
}

impl Default for VerifyOptions<'_> {
    fn default() -> Self {
        Self {
            signature_header: AUTHORIZATION_HEADER,
            clock_skew_seconds_max: CLOCK_SKEW_SECONDS_MAX,
            unsigned_payload_allowed: false,
        }
    }
}

/// The two ways to sign. A key is good for one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    Hmac,
    Basic,
}

/// Who signed a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    pub key: String,
    pub scheme: Scheme,
    /// Whether the signature covers the body; never for Basic.
    pub payload_signed: bool,
}

/// Verifies a request in the order of [`Refusal`].
///
/// `secrets_of` gives the secrets of a key, several while one replaces another, none where the
/// key is unknown or is not a key of that scheme. `now` is in Unix seconds.
///
/// Strict where readers could differ: the signature header or a signed header sent twice is
/// refused, `host` and `x-sdk-date` must be signed, the names in `SignedHeaders` must be in lower
/// case and ascending. An absent `x-sdk-date` is always `DATE_MISSING_OR_UNSIGNED`, even where
/// `SignedHeaders` names it.
pub fn verify<'s, S>(
    request: &Received<'_>,
    now: i64,
    options: &VerifyOptions<'_>,
    secrets_of: impl FnOnce(Scheme, &str) -> S,
) -> Result<Verified, Refusal>
where
    S: IntoIterator<Item = &'s Secret>,
{
    let header = options.signature_header;
    let value = match header_value(request, header) {
        Found::Once(value) => value,
        Found::Nowhere => {
            return Err(Refusal::MissingAuthorization { header: header.to_owned() });
        }
        Found::Repeated => {
            return Err(Refusal::MalformedAuthorization { header: header.to_owned() });
        }
    };
    match Authorization::parse(value) {
        None => Err(Refusal::MalformedAuthorization { header: header.to_owned() }),
        Some(Authorization::Basic(claim)) => {
            verify_basic(&claim, secrets_of(Scheme::Basic, claim.key()))
        }
        Some(Authorization::Hmac(claim)) => {
            let secrets = secrets_of(Scheme::Hmac, claim.key);
            verify_hmac(request, now, options, &claim, secrets)
        }
    }
}

fn verify_basic<'s>(
    claim: &BasicClaim,
    secrets: impl IntoIterator<Item = &'s Secret>,
) -> Result<Verified, Refusal> {
    let mut refusal = Refusal::UnknownKey;
    for secret in secrets {
        if is_password(claim.password(), secret) {
            let key = claim.key().to_owned();
            return Ok(Verified { key, scheme: Scheme::Basic, payload_signed: false });
        }
        refusal = Refusal::SignatureMismatch;
    }
    Err(refusal)
}

fn verify_hmac<'s>(
    request: &Received<'_>,
    now: i64,
    options: &VerifyOptions<'_>,
    claim: &HmacClaim<'_>,
    secrets: impl IntoIterator<Item = &'s Secret>,
) -> Result<Verified, Refusal> {
    let mut secrets = secrets.into_iter().peekable();
    if secrets.peek().is_none() {
        return Err(Refusal::UnknownKey);
    }
    let headers = signed_headers(request, claim)?;
    let date = signed_date(&headers)?;
    check_clock(date, now, options.clock_skew_seconds_max)?;
    let sent_payload = content_header(request)?;
    let payload_signed = sent_payload != Some(UNSIGNED_PAYLOAD.as_bytes());
    if !payload_signed && !options.unsigned_payload_allowed {
        return Err(Refusal::UnsignedPayload);
    }

    let body_hex = lower_hex(&request.body_sha256);
    let (path, query) = request.target.split_once('?').unwrap_or((request.target, ""));
    let payload = sent_payload.unwrap_or(&body_hex);
    let canonical =
        CanonicalRequest { method: request.method, path, query, headers: &headers, payload };
    let mut text = Vec::new();
    canonical.write(&mut text);
    let text = string_to_sign(&date, &text);
    let is_signed_with = |secret: &Secret| -> bool {
        HmacSigner::new(claim.key, secret).signature(&text).ct_eq(&claim.signature).into()
    };
    if !secrets.any(is_signed_with) {
        return Err(Refusal::SignatureMismatch);
    }
    if payload_signed && !payload.eq_ignore_ascii_case(&body_hex) {
        return Err(Refusal::BodyMismatch);
    }
    Ok(Verified { key: claim.key.to_owned(), scheme: Scheme::Hmac, payload_signed })
}

/// The headers that the claim names, in its order, each found exactly once.
fn signed_headers<'r>(
    request: &Received<'r>,
    claim: &HmacClaim<'r>,
) -> Result<Vec<(&'r str, &'r [u8])>, Refusal> {
    let mut headers = Vec::with_capacity(claim.signed_headers.len());
    for &name in &claim.signed_headers {
        match header_value(request, name) {
            Found::Once(value) => headers.push((name, value)),
            Found::Repeated => {
                return Err(Refusal::SignedHeaderRepeated { name: name.to_owned() });
            }
            // The date has a reason of its own, which comes next.
            Found::Nowhere if name == DATE_HEADER => {}
            Found::Nowhere => return Err(Refusal::SignedHeaderMissing { name: name.to_owned() }),
        }
    }
    if !claim.signed_headers.contains(&"host") {
        return Err(Refusal::RequiredHeaderUnsigned { name: "host".to_owned() });
    }
    Ok(headers)
}

fn signed_date(headers: &[(&str, &[u8])]) -> Result<SdkDate, Refusal> {
    let (_, value) = headers
        .iter()
        .find(|(name, _)| *name == DATE_HEADER)
        .ok_or(Refusal::DateMissingOrUnsigned)?;
    SdkDate::parse(value.trim_ascii()).ok_or(Refusal::DateMalformed)
}

fn check_clock(date: SdkDate, now: i64, max_seconds: u64) -> Result<(), Refusal> {
    let seconds = date.unix_seconds().abs_diff(now);
    if seconds > max_seconds {
        let is_early = date.unix_seconds() > now;
        return Err(Refusal::ClockSkew { seconds, max_seconds, is_early });
    }
    Ok(())
}

/// What the request says about its body. Signed or not it stands in the canonical request, so
/// the signature covers it.
fn content_header<'r>(request: &Received<'r>) -> Result<Option<&'r [u8]>, Refusal> {
    match header_value(request, CONTENT_HEADER) {
        Found::Nowhere => Ok(None),
        Found::Once(value) => Ok(Some(value.trim_ascii())),
        Found::Repeated => Err(Refusal::SignedHeaderRepeated { name: CONTENT_HEADER.to_owned() }),
    }
}

enum Found<'a> {
    Nowhere,
    Once(&'a [u8]),
    Repeated,
}

fn header_value<'a>(request: &Received<'a>, name: &str) -> Found<'a> {
    let mut values = request
        .headers
        .iter()
        .filter(|(sent, _)| sent.eq_ignore_ascii_case(name))
        .map(|(_, value)| *value);
    match (values.next(), values.next()) {
        (None, _) => Found::Nowhere,
        (Some(value), None) => Found::Once(value),
        (Some(_), Some(_)) => Found::Repeated,
    }
}
