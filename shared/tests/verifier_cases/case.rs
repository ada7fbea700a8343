//! A case: a request, and what every verifier has to say about it; and the keys it may know.

use crate::request::Request;

pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) says: String,
    pub(crate) request: Request,
    pub(crate) expected: Expected,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Verified { key: String, scheme: &'static str, payload_signed: bool },
    Refused(&'static str),
}

pub(crate) const HMAC: &str = "SDK-HMAC-SHA256";
pub(crate) const BASIC: &str = "Basic";

/// A key that a verifier of these cases knows: its scheme, name and secrets.
pub(crate) type Known = (&'static str, &'static str, &'static [&'static str]);

pub(crate) const KEY: &str = "signature_key1";
pub(crate) const SECRET: &str = "signature_secret1";

/// Longer than a block of SHA-256, so that HMAC hashes it first.
pub(crate) const LONG_SECRET: &str =
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef+";

pub(crate) const KEYS: [Known; 14] = [
    (HMAC, KEY, &[SECRET]),
    (HMAC, "signature_key2", &["signature_secret2"]),
    (HMAC, "rotating_key", &["secret_of_today", "secret_of_yesterday", "secret_of_old"]),
    (HMAC, "retired_key", &[]),
    (HMAC, "empty_key", &[""]),
    (HMAC, "key with spaces; and = signs", &["spaced_secret"]),
    (HMAC, "ключ", &["пароль-你好-🔑"]),
    (HMAC, "long_secret_key", &[LONG_SECRET]),
    (HMAC, "newline_key", &["ends_in_newline\n"]),
    (HMAC, "QTWAOYTTINDUT2QVKYUC", &["MFyfvK41ba2giqM7Uio6PznpdUKGpownRZlmVmHc"]),
    (BASIC, "basic_key", &["basic_secret1", "basic_secret2"]),
    (BASIC, "empty_basic_key", &[""]),
    (BASIC, "colon_key", &["a:secret:with:colons"]),
    (BASIC, "ключ", &["пароль-你好-🔑"]),
];
