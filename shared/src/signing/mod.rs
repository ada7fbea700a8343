//! The signature: how a request towards a backend is written, signed and verified.
//! Pure: the time, the secret and the body's hash are arguments. It never reads a socket,
//! a clock or a configuration.
//!
//! A request goes through here once, forward:
//!
//! 1. [`clean_path`] makes the path that is routed, and [`Target::join`] the target that is
//!    sent. Only a [`Target`] can be signed, so what is sent is what is signed.
//! 2. [`HmacSigner::sign`] or [`BasicSigner::authorization`] makes the header value.
//! 3. [`verify`] does the reverse at the backend and says why not; [`verify_head`] begins it before
//!    the body is read.
//!
//! [`explain`] finds out what a signer did whose signature does not fit.
//!
//! [`CanonicalRequest`] and [`string_to_sign`] are the stages between, for verifiers and for
//! whoever has to find out where two signers differ.

mod authorization;
mod basic;
mod byte_set;
mod canonical;
mod date;
pub mod explain;
mod hmac;
mod path;
mod percent;
mod query;
mod received;
mod refusal;
pub mod target;
mod verify;

pub use basic::BasicSigner;
pub use canonical::{CanonicalRequest, EMPTY_BODY_SHA256, UNSIGNED_PAYLOAD, string_to_sign};
pub use date::SdkDate;
pub use hmac::{HmacSigner, Payload, SignRequest};
pub use path::clean_path;
pub use query::normalize_query;
pub use received::Received;
pub use refusal::Refusal;
pub use target::{QueryMode, Target, TargetError};
pub use verify::{
    AwaitsBody, Checked, ReplayMark, Scheme, Verified, VerifyOptions, verify, verify_head,
};

/// The first word of an HMAC signature and of its string to sign.
pub const ALGORITHM: &str = "SDK-HMAC-SHA256";

/// The header that says when a request was signed, as it is named in `SignedHeaders`.
pub const DATE_HEADER: &str = "x-sdk-date";

/// The header that says what stands in for the body's hash, as it is named in `SignedHeaders`.
pub const CONTENT_HEADER: &str = "x-sdk-content-sha256";

/// The header a signature travels in unless an environment names another.
pub const AUTHORIZATION_HEADER: &str = "authorization";
