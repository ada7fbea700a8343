//! Why a verifier refuses a request, with codes that scripts may rely on.
//! It never carries a secret, nor the signature that would have been right.

use thiserror::Error;

/// A refusal: a 401, or 413 for [`Self::BodyTooLarge`]. The variants stand in the order in which they are looked for.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Refusal {
    #[error("the request has no {header} header; only requests through the gateway are accepted")]
    MissingAuthorization { header: String },
    #[error(
        "the {header} header is sent twice, or is neither `SDK-HMAC-SHA256 Access=…, SignedHeaders=…, Signature=…` nor `Basic …`"
    )]
    MalformedAuthorization { header: String },
    #[error("the verifier knows no secret for the key that the request names")]
    UnknownKey,
    #[error("the header `{name}` is among the signed headers, but the request does not carry it")]
    SignedHeaderMissing { name: String },
    #[error("the header `{name}` must be signed, but the signed headers do not name it")]
    RequiredHeaderUnsigned { name: String },
    #[error("the header `{name}` is sent twice, so it cannot be told which one was signed")]
    SignedHeaderRepeated { name: String },
    #[error("the request carries no `x-sdk-date`, or does not sign it")]
    DateMissingOrUnsigned,
    #[error("the `x-sdk-date` is no moment in the form YYYYMMDDTHHMMSSZ")]
    DateMalformed,
    #[error(
        "the request was signed {seconds} s {}, more than the {max_seconds} s allowed; compare the clocks",
        if *.is_early { "ahead of this clock" } else { "ago" }
    )]
    ClockSkew { seconds: u64, max_seconds: u64, is_early: bool },
    #[error("the signature does not cover the body, and this verifier asks that it does")]
    UnsignedPayload,
    #[error("the body has more than the {bytes_max} bytes that this verifier reads")]
    BodyTooLarge { bytes_max: u64 },
    #[error(
        "the signature does not fit the request: the secret differs, or the method, path, query, a signed header or the body was changed on the way"
    )]
    SignatureMismatch,
    #[error("the body is not the one whose hash `x-sdk-content-sha256` carries")]
    BodyMismatch,
    #[error("the request was received before: a signature is good once here")]
    Replayed,
}

impl Refusal {
    /// The stable name of the reason.
    pub fn code(&self) -> &'static str {
        match self {
            Self::MissingAuthorization { .. } => "MISSING_AUTHORIZATION",
            Self::MalformedAuthorization { .. } => "MALFORMED_AUTHORIZATION",
            Self::UnknownKey => "UNKNOWN_KEY",
            Self::SignedHeaderMissing { .. } | Self::RequiredHeaderUnsigned { .. } => {
                "SIGNED_HEADER_MISSING"
            }
            Self::SignedHeaderRepeated { .. } => "SIGNED_HEADER_REPEATED",
            Self::DateMissingOrUnsigned => "DATE_MISSING_OR_UNSIGNED",
            Self::DateMalformed => "DATE_MALFORMED",
            Self::ClockSkew { .. } => "CLOCK_SKEW",
            Self::UnsignedPayload => "UNSIGNED_PAYLOAD",
            Self::BodyTooLarge { .. } => "BODY_TOO_LARGE",
            Self::SignatureMismatch => "SIGNATURE_MISMATCH",
            Self::BodyMismatch => "BODY_MISMATCH",
            Self::Replayed => "REPLAYED",
        }
    }
}
