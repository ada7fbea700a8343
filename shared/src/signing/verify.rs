//! The verifier: whether a request that arrived is the one that was signed, and if not, why.
//! What can be refused without the body is refused before a byte of it is read. It never reads
//! a clock or a body; both are arguments.

use std::borrow::Borrow;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::authorization::{Authorization, BasicClaim, HmacClaim};
use super::basic::is_password;
use super::canonical::{CanonicalRequest, UNSIGNED_PAYLOAD, lower_hex, string_to_sign};
use super::received::{Found, Received};
use super::{AUTHORIZATION_HEADER, CONTENT_HEADER, DATE_HEADER, HmacSigner, Refusal, SdkDate};
use crate::secret::Secret;

/// How far `x-sdk-date` may lie from the verifier's clock, either way, unless configured.
const CLOCK_SKEW_SECONDS_MAX: u64 = 900;
/// The largest body that is read to be hashed, unless configured: the field's limit.
const BODY_BYTES_MAX: u64 = 12 * 1024 * 1024;

/// What a verifier insists on.
#[derive(Clone, Copy, Debug)]
pub struct VerifyOptions<'a> {
    /// The header that carries the signature (`custom_auth_header`), in any case.
    pub signature_header: &'a str,
    pub clock_skew_seconds_max: u64,
    /// Names in lower case of what must be signed besides `host` and `x-sdk-date`.
    pub required_headers: &'a [&'a str],
    /// Whether `x-sdk-content-sha256: UNSIGNED-PAYLOAD` is good enough.
    pub unsigned_payload_allowed: bool,
    /// The largest body that is hashed. Bodies that no signature covers are not limited by this.
    pub body_bytes_max: u64,
}

impl Default for VerifyOptions<'_> {
    fn default() -> Self {
        Self {
            signature_header: AUTHORIZATION_HEADER,
            clock_skew_seconds_max: CLOCK_SKEW_SECONDS_MAX,
            required_headers: &[],
            unsigned_payload_allowed: false,
            body_bytes_max: BODY_BYTES_MAX,
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
    /// What tells this request from its copies; none for Basic, which signs all requests alike.
    pub mark: Option<ReplayMark>,
}

/// What a replay guard remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReplayMark {
    pub signature: [u8; 32],
    /// The last Unix second in which the clock still accepts the signature.
    pub good_until: i64,
}

/// What is known from a request's head alone.
#[derive(Debug)]
pub enum Checked {
    /// All there is to verify: the signature covers no body.
    Verified(Verified),
    /// The signature covers the body, whose hash is wanted.
    AwaitsBody(AwaitsBody),
}

/// A request whose signature fits or not, depending on its body.
#[derive(Debug)]
pub struct AwaitsBody {
    key: String,
    /// One for each secret of the key.
    signers: Vec<HmacSigner>,
    date: SdkDate,
    /// The canonical request without its last line.
    canonical_opening: Vec<u8>,
    /// What `x-sdk-content-sha256` says, where it is sent.
    sent_payload: Option<Vec<u8>>,
    mark: ReplayMark,
    bytes_max: u64,
}

/// Verifies a request whose body is at hand, in the order of [`Refusal`].
///
/// `secrets_of` gives the secrets of a key, several while one replaces another, none where the
/// key is unknown or is not a key of that scheme; an empty one counts as none. `now` is in Unix
/// seconds.
///
/// Strict where readers could differ: the signature header or a signed header sent twice is
/// refused, `host` and `x-sdk-date` must be signed, the names in `SignedHeaders` must be in lower
/// case and ascending. An absent `x-sdk-date` is always `DATE_MISSING_OR_UNSIGNED`, even where
/// `SignedHeaders` names it.
pub fn verify<S>(
    request: &Received<'_>,
    body: &[u8],
    now: i64,
    options: &VerifyOptions<'_>,
    secrets_of: impl FnOnce(Scheme, &str) -> S,
) -> Result<Verified, Refusal>
where
    S: IntoIterator<Item: Borrow<Secret>>,
{
    match verify_head(request, now, options, secrets_of)? {
        Checked::Verified(verified) => Ok(verified),
        Checked::AwaitsBody(awaiting) => {
            awaiting.admit(body.len() as u64)?;
            awaiting.finish(Sha256::digest(body).into())
        }
    }
}

/// The first half of [`verify`], for bodies that are read only when the head is good.
pub fn verify_head<S>(
    request: &Received<'_>,
    now: i64,
    options: &VerifyOptions<'_>,
    secrets_of: impl FnOnce(Scheme, &str) -> S,
) -> Result<Checked, Refusal>
where
    S: IntoIterator<Item: Borrow<Secret>>,
{
    let malformed = || Refusal::MalformedAuthorization { header: options.signature_header.into() };
    let value = match request.header(options.signature_header) {
        Found::Once(value) => value,
        Found::Repeated => return Err(malformed()),
        Found::Nowhere => {
            let header = options.signature_header.into();
            return Err(Refusal::MissingAuthorization { header });
        }
    };
    match Authorization::parse(value).ok_or_else(malformed)? {
        Authorization::Basic(claim) => {
            let secrets = present(secrets_of(Scheme::Basic, claim.key()));
            verify_basic(&claim, secrets).map(Checked::Verified)
        }
        Authorization::Hmac(claim) => {
            let secrets = present(secrets_of(Scheme::Hmac, claim.key));
            verify_hmac(request, now, options, &claim, secrets)
        }
    }
}

/// Anybody could sign with an empty secret.
fn present<S: Borrow<Secret>>(secrets: impl IntoIterator<Item = S>) -> impl Iterator<Item = S> {
    secrets.into_iter().filter(|secret| !secret.borrow().is_empty())
}

fn verify_basic(
    claim: &BasicClaim,
    secrets: impl Iterator<Item: Borrow<Secret>>,
) -> Result<Verified, Refusal> {
    let mut refusal = Refusal::UnknownKey;
    for secret in secrets {
        if is_password(claim.password(), secret.borrow()) {
            let key = claim.key().to_owned();
            return Ok(Verified { key, scheme: Scheme::Basic, payload_signed: false, mark: None });
        }
        refusal = Refusal::SignatureMismatch;
    }
    Err(refusal)
}

fn verify_hmac(
    request: &Received<'_>,
    now: i64,
    options: &VerifyOptions<'_>,
    claim: &HmacClaim<'_>,
    secrets: impl Iterator<Item: Borrow<Secret>>,
) -> Result<Checked, Refusal> {
    let signers: Vec<_> =
        secrets.map(|secret| HmacSigner::new(claim.key, secret.borrow())).collect();
    if signers.is_empty() {
        return Err(Refusal::UnknownKey);
    }
    let headers = signed_headers(request, claim, options.required_headers)?;
    let date = signed_date(&headers)?;
    check_clock(date, now, options.clock_skew_seconds_max)?;
    let sent_payload = content_header(request)?;
    let is_unsigned = sent_payload == Some(UNSIGNED_PAYLOAD.as_bytes());
    if is_unsigned && !options.unsigned_payload_allowed {
        return Err(Refusal::UnsignedPayload);
    }

    let (path, query) = request.path_and_query();
    let mut canonical_opening = Vec::new();
    CanonicalRequest { method: request.method, path, query, headers: &headers, payload: b"" }
        .write(&mut canonical_opening);
    let skew = i64::try_from(options.clock_skew_seconds_max).unwrap_or(i64::MAX);
    let good_until = date.unix_seconds().saturating_add(skew);
    let awaiting = AwaitsBody {
        key: claim.key.to_owned(),
        signers,
        date,
        canonical_opening,
        sent_payload: sent_payload.map(<[u8]>::to_vec),
        mark: ReplayMark { signature: claim.signature, good_until },
        bytes_max: options.body_bytes_max,
    };
    if is_unsigned {
        return awaiting.settle(UNSIGNED_PAYLOAD.as_bytes(), false).map(Checked::Verified);
    }
    Ok(Checked::AwaitsBody(awaiting))
}

impl AwaitsBody {
    /// Whether a body may have so many bytes. To be asked while it is read.
    pub fn admit(&self, body_bytes: u64) -> Result<(), Refusal> {
        if body_bytes > self.bytes_max {
            return Err(Refusal::BodyTooLarge { bytes_max: self.bytes_max });
        }
        Ok(())
    }

    /// The second half of [`verify`].
    pub fn finish(mut self, body_sha256: [u8; 32]) -> Result<Verified, Refusal> {
        let body_hex = lower_hex(&body_sha256);
        let sent = self.sent_payload.take();
        let payload = sent.as_deref().unwrap_or(&body_hex);
        let is_of_body = payload.eq_ignore_ascii_case(&body_hex);
        let verified = self.settle(payload, true)?;
        if is_of_body { Ok(verified) } else { Err(Refusal::BodyMismatch) }
    }

    fn settle(mut self, payload: &[u8], payload_signed: bool) -> Result<Verified, Refusal> {
        self.canonical_opening.extend_from_slice(payload);
        let text = string_to_sign(&self.date, &self.canonical_opening);
        let claimed = &self.mark.signature;
        let is_signed_by =
            |signer: &HmacSigner| -> bool { signer.signature(&text).ct_eq(claimed).into() };
        if !self.signers.iter().any(is_signed_by) {
            return Err(Refusal::SignatureMismatch);
        }
        let mark = Some(self.mark);
        Ok(Verified { key: self.key, scheme: Scheme::Hmac, payload_signed, mark })
    }
}

/// The headers that the claim names, in its order, each found exactly once.
fn signed_headers<'r>(
    request: &Received<'r>,
    claim: &HmacClaim<'r>,
    required: &[&str],
) -> Result<Vec<(&'r str, &'r [u8])>, Refusal> {
    let mut headers = Vec::with_capacity(claim.signed_headers.len());
    for &name in &claim.signed_headers {
        match request.header(name) {
            Found::Once(value) => headers.push((name, value)),
            Found::Repeated => {
                return Err(Refusal::SignedHeaderRepeated { name: name.to_owned() });
            }
            // The date has a reason of its own, which comes next.
            Found::Nowhere if name == DATE_HEADER => {}
            Found::Nowhere => return Err(Refusal::SignedHeaderMissing { name: name.to_owned() }),
        }
    }
    let is_signed = |name: &str| claim.signed_headers.iter().any(|n| n.eq_ignore_ascii_case(name));
    match ["host"].iter().chain(required).find(|name| !is_signed(name)) {
        Some(name) => Err(Refusal::RequiredHeaderUnsigned { name: (*name).to_owned() }),
        None => Ok(headers),
    }
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
    match request.header(CONTENT_HEADER) {
        Found::Nowhere => Ok(None),
        Found::Once(value) => Ok(Some(value.trim_ascii())),
        Found::Repeated => Err(Refusal::SignedHeaderRepeated { name: CONTENT_HEADER.to_owned() }),
    }
}
