//! The HMAC signer: a key whose HMAC state is prepared once, and one `Authorization` value per
//! request. It never keeps the secret's text, and never alters a request.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::canonical::{
    CanonicalRequest, EMPTY_BODY_SHA256, UNSIGNED_PAYLOAD, lower_hex, string_to_sign,
};
use super::{ALGORITHM, CONTENT_HEADER, DATE_HEADER, SdkDate, Target};
use crate::secret::Secret;

/// What of a body goes into the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// There is no body, or one of zero bytes.
    Empty,
    /// The body's SHA-256.
    Hash([u8; 32]),
    /// Nothing: the request carries `x-sdk-content-sha256: UNSIGNED-PAYLOAD`, which is signed.
    Unsigned,
}

impl Payload {
    pub fn of(body: &[u8]) -> Self {
        if body.is_empty() { Self::Empty } else { Self::Hash(Sha256::digest(body).into()) }
    }
}

/// A request as it is about to be sent.
#[derive(Clone, Copy, Debug)]
pub struct SignRequest<'a> {
    pub method: &'a str,
    pub target: &'a Target,
    /// The `Host` that the backend will see.
    pub host: &'a str,
    /// The value of the `X-Sdk-Date` that is sent along.
    pub date: &'a SdkDate,
    pub payload: Payload,
}

impl SignRequest<'_> {
    /// Appends the canonical request.
    pub fn write_canonical(&self, out: &mut Vec<u8>) {
        let host = ("host", self.host.as_bytes());
        let date = (DATE_HEADER, self.date.as_bytes().as_slice());
        let content = (CONTENT_HEADER, UNSIGNED_PAYLOAD.as_bytes());
        let write = |headers: &[_], payload: &[u8], out: &mut Vec<u8>| {
            let (method, path, query) = (self.method, self.target.path(), self.target.query());
            CanonicalRequest { method, path, query, headers, payload }.write(out);
        };
        match self.payload {
            Payload::Empty => write(&[host, date], EMPTY_BODY_SHA256.as_bytes(), out),
            Payload::Hash(hash) => write(&[host, date], &lower_hex(&hash), out),
            Payload::Unsigned => write(&[host, content, date], UNSIGNED_PAYLOAD.as_bytes(), out),
        }
    }
}

/// Signs with one key. Cheap to keep and quick to use: per request it copies the HMAC state.
#[derive(Clone, Debug)]
pub struct HmacSigner {
    /// The header value up to the key, ready to be copied.
    opening: Box<str>,
    mac: Hmac<Sha256>,
}

impl HmacSigner {
    pub fn new(key: &str, secret: &Secret) -> Self {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mac = Hmac::new_from_slice(secret.expose().as_bytes()).expect("any length will do");
        Self { opening: format!("{ALGORITHM} Access={key}, SignedHeaders=").into(), mac }
    }

    /// Appends the complete `Authorization` value. `out` is also the scratch space for the
    /// canonical request, so a buffer that is used again makes this free of allocation.
    pub fn sign(&self, request: &SignRequest<'_>, out: &mut Vec<u8>) {
        let start = out.len();
        request.write_canonical(out);
        let canonical = out.split_at(start).1;
        let signature = self.signature(&string_to_sign(request.date, canonical));
        out.truncate(start);

        let signed_headers: &[u8] = match request.payload {
            Payload::Unsigned => b"host;x-sdk-content-sha256;x-sdk-date",
            Payload::Empty | Payload::Hash(_) => b"host;x-sdk-date",
        };
        out.extend_from_slice(self.opening.as_bytes());
        out.extend_from_slice(signed_headers);
        out.extend_from_slice(b", Signature=");
        out.extend_from_slice(&lower_hex(&signature));
    }

    /// The `Authorization` value for a request that is given as it is written; its headers are the
    /// signed ones, `host` and `x-sdk-date` among them.
    pub fn authorization(&self, request: &CanonicalRequest<'_>, date: &SdkDate) -> String {
        let mut canonical = Vec::new();
        request.write(&mut canonical);
        let signature = lower_hex(&self.signature(&string_to_sign(date, &canonical)));
        let names: Vec<&str> = request.headers.iter().map(|(name, _)| *name).collect();
        let signature = String::from_utf8_lossy(&signature);
        format!("{}{}, Signature={signature}", self.opening, names.join(";"))
    }

    /// The HMAC of a string to sign.
    pub fn signature(&self, string_to_sign: &[u8]) -> [u8; 32] {
        self.mac.clone().chain_update(string_to_sign).finalize().into_bytes().into()
    }
}
