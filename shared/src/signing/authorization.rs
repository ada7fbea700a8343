//! The `Authorization` header, read strictly. It never decides whether what it says is true.

use base64::{Engine, engine::general_purpose::STANDARD};
use data_encoding::HEXLOWER;
use zeroize::Zeroizing;

use super::ALGORITHM;

/// What an `Authorization` header says.
pub(super) enum Authorization<'a> {
    Hmac(HmacClaim<'a>),
    Basic(BasicClaim),
}

pub(super) struct HmacClaim<'a> {
    pub(super) key: &'a str,
    /// In lower case, ascending, none twice.
    pub(super) signed_headers: Vec<&'a str>,
    pub(super) signature: [u8; 32],
}

pub(super) struct BasicClaim {
    credentials: Zeroizing<Vec<u8>>,
    key_len: usize,
}

impl<'a> Authorization<'a> {
    /// Reads `SDK-HMAC-SHA256 Access=…, SignedHeaders=…, Signature=…` or `Basic …`; anything
    /// else, and anything before or after, is none.
    pub(super) fn parse(value: &'a [u8]) -> Option<Self> {
        let value = std::str::from_utf8(value.trim_ascii()).ok()?;
        let (scheme, rest) = value.split_once([' ', '\t'])?;
        let rest = rest.trim_ascii_start();
        if scheme == ALGORITHM {
            HmacClaim::parse(rest).map(Self::Hmac)
        } else if scheme.eq_ignore_ascii_case("basic") {
            BasicClaim::parse(rest).map(Self::Basic)
        } else {
            None
        }
    }
}

impl<'a> HmacClaim<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (key, rest) = text.strip_prefix("Access=")?.split_once(',')?;
        let (names, rest) = after_space(rest).strip_prefix("SignedHeaders=")?.split_once(',')?;
        let signature = after_space(rest).strip_prefix("Signature=")?;
        let signature = HEXLOWER.decode(signature.as_bytes()).ok()?.try_into().ok()?;
        let signed_headers: Vec<_> = names.split(';').collect();
        let is_canonical = signed_headers.iter().all(|name| is_lower_case_name(name))
            && signed_headers.is_sorted_by(|before, after| before < after);
        (!key.is_empty() && is_canonical).then_some(Self { key, signed_headers, signature })
    }
}

impl BasicClaim {
    fn parse(text: &str) -> Option<Self> {
        let credentials = Zeroizing::new(STANDARD.decode(text).ok()?);
        let key_len = credentials.iter().position(|byte| *byte == b':')?;
        std::str::from_utf8(credentials.split_at(key_len).0).ok()?;
        Some(Self { credentials, key_len })
    }

    pub(super) fn key(&self) -> &str {
        std::str::from_utf8(self.credentials.split_at(self.key_len).0).unwrap_or_default()
    }

    pub(super) fn password(&self) -> &[u8] {
        let rest = self.credentials.split_at(self.key_len).1;
        rest.strip_prefix(b":").unwrap_or(rest)
    }
}

/// One space may follow a comma.
fn after_space(text: &str) -> &str {
    text.strip_prefix(' ').unwrap_or(text)
}

/// A header name by RFC 9110, without upper-case letters.
fn is_lower_case_name(name: &str) -> bool {
    let is_allowed = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte)
    };
    !name.is_empty() && name.bytes().all(is_allowed)
}
