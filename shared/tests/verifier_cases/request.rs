//! A request that a case is made of: built, signed, then changed on its way.

use countersign_shared::secret::Secret;
use countersign_shared::signing::{
    CanonicalRequest, HmacSigner, SdkDate, UNSIGNED_PAYLOAD, string_to_sign,
};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::case::{Case, Expected, HMAC, KEY, SECRET};

/// 2026-11-23 12:00:00 UTC.
pub(crate) const NOW: i64 = 1_795_435_200;

#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    pub(crate) now: i64,
    pub(crate) options: Options,
    pub(crate) stages: Option<Stages>,
}

/// What differs from a verifier's defaults.
#[derive(Clone, Default)]
pub(crate) struct Options {
    pub(crate) signature_header: Option<&'static str>,
    pub(crate) clock_skew_seconds_max: Option<u64>,
    pub(crate) required_headers: &'static [&'static str],
    pub(crate) unsigned_payload_allowed: bool,
    pub(crate) body_bytes_max: Option<usize>,
    /// What the replay guard answers, where there is one: whether the signature is new.
    pub(crate) replay_guard_answers: Option<bool>,
}

/// The texts that a signature goes through.
#[derive(Clone)]
pub(crate) struct Stages {
    pub(crate) canonical_request: Vec<u8>,
    pub(crate) string_to_sign: Vec<u8>,
    pub(crate) signature: String,
}

impl Request {
    /// A request with a host and a date, without a signature.
    pub(crate) fn new(method: &str, target: &str) -> Self {
        let request = Self {
            method: method.into(),
            target: target.into(),
            headers: Vec::new(),
            body: Vec::new(),
            now: NOW,
            options: Options::default(),
            stages: None,
        };
        request.header("Host", "backend.example.com").header("X-Sdk-Date", "20261123T120000Z")
    }

    pub(crate) fn method(mut self, method: &str) -> Self {
        self.method = method.into();
        self
    }

    pub(crate) fn target(mut self, target: &str) -> Self {
        self.target = target.into();
        self
    }

    pub(crate) fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().into();
        self
    }

    pub(crate) fn now(mut self, seconds_after: i64) -> Self {
        self.now = NOW + seconds_after;
        self
    }

    pub(crate) fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Adds a header, also where one of that name is there.
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.into(), value.as_ref().into()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(sent, _)| !sent.eq_ignore_ascii_case(name));
        self
    }

    /// Changes a header where it stands.
    pub(crate) fn replaced(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        for (sent, old) in &mut self.headers {
            if sent.eq_ignore_ascii_case(name) {
                *old = value.as_ref().into();
            }
        }
        self
    }

    /// Changes the text of the signature header.
    pub(crate) fn claiming(self, from: &str, to: &str) -> Self {
        let value = String::from_utf8(self.value("authorization").unwrap().to_vec()).unwrap();
        assert!(value.contains(from), "{value} holds no {from}");
        self.replaced("authorization", value.replace(from, to))
    }

    pub(crate) fn value(&self, name: &str) -> Option<&[u8]> {
        let is_named = |(sent, _): &&(String, Vec<u8>)| sent.eq_ignore_ascii_case(name);
        self.headers.iter().find(is_named).map(|(_, value)| value.as_slice())
    }

    pub(crate) fn path_and_query(&self) -> (&str, &str) {
        self.target.split_once('?').unwrap_or((&self.target, ""))
    }

    /// Signs as the gateway does.
    pub(crate) fn signed(self) -> Self {
        let has_content = self.value("x-sdk-content-sha256").is_some();
        let names: &[&str] = if has_content {
            &["host", "x-sdk-content-sha256", "x-sdk-date"]
        } else {
            &["host", "x-sdk-date"]
        };
        self.signed_by(KEY, SECRET, names)
    }

    /// Signs with a list of signed headers of one's own, each of which is there.
    pub(crate) fn signed_by(self, key: &str, secret: &str, names: &[&str]) -> Self {
        self.staged(secret, names).claimed(key, names)
    }

    /// Reads the request through the stages of a signature.
    fn staged(mut self, secret: &str, names: &[&str]) -> Self {
        let headers: Vec<_> = names.iter().map(|name| (*name, self.value(name).unwrap())).collect();
        let body_hash = HEXLOWER.encode(&Sha256::digest(&self.body));
        let sent_hash = self.value("x-sdk-content-sha256").map(<[u8]>::trim_ascii);
        let (path, query) = self.path_and_query();
        let mut canonical_request = Vec::new();
        CanonicalRequest {
            method: &self.method,
            path,
            query,
            headers: &headers,
            payload: sent_hash.unwrap_or(body_hash.as_bytes()),
        }
        .write(&mut canonical_request);
        let date = SdkDate::parse(self.value("x-sdk-date").unwrap().trim_ascii());
        // A date that is none still gets a signature, to be refused for the date alone.
        let date = date.unwrap_or(SdkDate::from_unix_seconds(NOW));
        let string_to_sign = string_to_sign(&date, &canonical_request);
        let signer = HmacSigner::new("", &Secret::new(secret.into()));
        let signature = HEXLOWER.encode(&signer.signature(&string_to_sign));
        let string_to_sign = string_to_sign.into();
        self.stages = Some(Stages { canonical_request, string_to_sign, signature });
        self
    }

    fn claimed(self, key: &str, names: &[&str]) -> Self {
        let signature = &self.stages.as_ref().unwrap().signature;
        let names = names.join(";");
        let value = format!("{HMAC} Access={key}, SignedHeaders={names}, Signature={signature}");
        self.header("Authorization", value)
    }

    pub(crate) fn accepted(self, id: &str, says: &str) -> Case {
        self.accepted_from(KEY, id, says)
    }

    pub(crate) fn accepted_from(self, key: &str, id: &str, says: &str) -> Case {
        let payload_signed =
            self.value("x-sdk-content-sha256") != Some(UNSIGNED_PAYLOAD.as_bytes());
        self.verified(key, HMAC, payload_signed, &format!("accept-{id}"), says)
    }

    pub(crate) fn verified(
        self,
        key: &str,
        scheme: &'static str,
        payload_signed: bool,
        id: &str,
        says: &str,
    ) -> Case {
        let expected = Expected::Verified { key: key.into(), scheme, payload_signed };
        Case { id: id.into(), says: says.into(), request: self, expected }
    }

    pub(crate) fn refused(self, code: &'static str, id: &str, says: &str) -> Case {
        let request = Self { stages: None, ..self };
        let id = format!("refuse-{id}");
        Case { id, says: says.into(), request, expected: Expected::Refused(code) }
    }
}
