//! Signature keys of the suites, and what a backend that has them says of a request: verified by
//! the verifier of `countersign-shared`, and beside it taken apart by hand, so that a mistake in
//! the one does not hide in the other.

use countersign_proto::v1::SignatureKeyType;
use countersign_shared::secret::Secret;
use countersign_shared::signing::{Received, Refusal, Verified, VerifyOptions, verify};
use data_encoding::BASE64;

use crate::backend::Seen;
use crate::clock;

/// A key whose secret the backend knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    pub name: &'static str,
    pub key_type: SignatureKeyType,
    pub key: &'static str,
    pub secret: &'static str,
}

/// The parts of an `SDK-HMAC-SHA256` header, read by position and not by the verifier's parser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HmacClaim {
    pub key: String,
    pub signed_headers: String,
    pub signature: String,
}

impl Key {
    pub const fn hmac(name: &'static str, key: &'static str, secret: &'static str) -> Self {
        Self { name, key_type: SignatureKeyType::Hmac, key, secret }
    }

    pub const fn basic(name: &'static str, key: &'static str, secret: &'static str) -> Self {
        Self { name, key_type: SignatureKeyType::Basic, key, secret }
    }

    /// Whether a request was signed with this key, as a strict backend would find.
    pub fn verify(&self, seen: &Seen) -> Result<Verified, Refusal> {
        self.verify_with(seen, &VerifyOptions::default())
    }

    /// The same for a backend that takes bodies that are not signed.
    pub fn verify_unsigned_payload(&self, seen: &Seen) -> Result<Verified, Refusal> {
        let options = VerifyOptions { unsigned_payload_allowed: true, ..VerifyOptions::default() };
        self.verify_with(seen, &options)
    }

    fn verify_with(&self, seen: &Seen, options: &VerifyOptions<'_>) -> Result<Verified, Refusal> {
        let headers: Vec<(&str, &[u8])> =
            seen.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        let received = Received { method: &seen.method, target: &seen.target, headers: &headers };
        let secret = Secret::new(self.secret.to_owned());
        verify(&received, &seen.body, clock::unix_seconds(), options, |_, key| {
            (key == self.key).then_some(&secret)
        })
    }

    /// Panics unless the request was signed with this key, whole, in the form of its type.
    pub fn assert_signed(&self, seen: &Seen) {
        if let Err(refusal) = self.verify(seen) {
            panic!("{refusal}: {seen:#?}");
        }
        if self.key_type == SignatureKeyType::Basic {
            let pair = BASE64.encode(format!("{}:{}", self.key, self.secret).as_bytes());
            assert_eq!(seen.header("authorization"), Some(format!("Basic {pair}").as_str()));
            assert_eq!(seen.header("x-sdk-date"), None, "Basic has no date");
            return;
        }
        let claim = HmacClaim::of(seen);
        assert_eq!(
            (claim.key.as_str(), claim.signed_headers.as_str()),
            (self.key, "host;x-sdk-date")
        );
        assert_eq!(claim.signature.len(), 64, "{claim:?}");
        assert!(claim.signature.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)));
        let date = seen.header("x-sdk-date").expect("an X-Sdk-Date header").as_bytes();
        let form = date.iter().map(|b| if b.is_ascii_digit() { b'9' } else { *b });
        assert_eq!(form.collect::<Vec<u8>>(), b"99999999T999999Z");
        assert_eq!(seen.header("x-sdk-content-sha256"), None);
    }
}

impl HmacClaim {
    /// `SDK-HMAC-SHA256 Access=…, SignedHeaders=…, Signature=…`, exactly so.
    pub fn of(seen: &Seen) -> Self {
        let value = seen.header("authorization").expect("an Authorization header");
        let parts: Vec<&str> = value.split(", ").collect();
        let [access, signed_headers, signature] = parts.as_slice() else {
            panic!("three fields, parted by a comma and a space, are expected: {value}");
        };
        let text = |part: &str, begin: &str| {
            let rest = part.strip_prefix(begin);
            rest.unwrap_or_else(|| panic!("`{begin}` is expected in {value}")).to_owned()
        };
        Self {
            key: text(access, "SDK-HMAC-SHA256 Access="),
            signed_headers: text(signed_headers, "SignedHeaders="),
            signature: text(signature, "Signature="),
        }
    }
}
