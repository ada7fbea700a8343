//! The verifier over `http` types: who signed a request, or why it is refused.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use countersign_shared::signing::{
    Checked, Received, Refusal, ReplayMark, Verified, VerifyOptions, verify_head,
};
use http::Version;
use http::header::HOST;
use http::request::Parts;
use http_body::Body;

use crate::body::{self, VerifiedBody};
use crate::keys::Keys;
use crate::rejected::Rejected;

/// Says whether a signature is new, and remembers it from then on.
pub trait ReplayGuard: Send + Sync + 'static {
    /// All instances of a backend have to ask the same store. `key` and `mark` name the request
    /// together; after `mark.good_until` it may be forgotten.
    fn is_new<'a>(
        &'a self,
        key: &'a str,
        mark: ReplayMark,
    ) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>>;
}

/// Verifies requests. [`VerifyLayer`](crate::VerifyLayer) does it for a whole server.
pub struct Verifier {
    keys: Box<dyn Keys>,
    signature_header: String,
    clock_skew_seconds_max: u64,
    required_headers: Vec<String>,
    unsigned_payload_allowed: bool,
    body_bytes_max: u64,
    replay_guard: Option<Box<dyn ReplayGuard>>,
}

impl Verifier {
    /// A verifier as strict as can be: see `verifiers/README.md` for the defaults.
    pub fn new(keys: impl Keys) -> Self {
        let usual = VerifyOptions::default();
        Self {
            keys: Box::new(keys),
            signature_header: usual.signature_header.to_owned(),
            clock_skew_seconds_max: usual.clock_skew_seconds_max,
            required_headers: Vec::new(),
            unsigned_payload_allowed: usual.unsigned_payload_allowed,
            body_bytes_max: usual.body_bytes_max,
            replay_guard: None,
        }
    }

    /// The header that carries the signature, where the gateway was told to use another.
    #[must_use]
    pub fn signature_header(mut self, name: &str) -> Self {
        name.clone_into(&mut self.signature_header);
        self
    }

    /// How far `x-sdk-date` may lie from the clock, either way.
    #[must_use]
    pub fn clock_skew_seconds_max(mut self, seconds: u64) -> Self {
        self.clock_skew_seconds_max = seconds;
        self
    }

    /// A header that must be signed, besides `host` and `x-sdk-date`.
    #[must_use]
    pub fn required_header(mut self, name: &str) -> Self {
        self.required_headers.push(name.to_ascii_lowercase());
        self
    }

    /// Takes `x-sdk-content-sha256: UNSIGNED-PAYLOAD`: anybody on the way can change such a body.
    #[must_use]
    pub fn allow_unsigned_payload(mut self) -> Self {
        self.unsigned_payload_allowed = true;
        self
    }

    /// The largest body that is read to be hashed.
    #[must_use]
    pub fn body_bytes_max(mut self, bytes: u64) -> Self {
        self.body_bytes_max = bytes;
        self
    }

    /// Makes each signature good once. Two equal requests in one second have equal signatures,
    /// so this belongs before requests that must not happen twice.
    #[must_use]
    pub fn replay_guard(mut self, guard: impl ReplayGuard) -> Self {
        self.replay_guard = Some(Box::new(guard));
        self
    }

    /// Verifies a request at a moment in Unix seconds, and gives its body back. The body is read
    /// only when the head is good and the signature covers it.
    pub async fn verify<B>(
        &self,
        head: &Parts,
        body: B,
        now: i64,
    ) -> Result<(Verified, VerifiedBody<B>), Rejected<B::Error>>
    where
        B: Body<Data = Bytes>,
    {
        let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
        let mut headers: Vec<(&str, &[u8])> =
            head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        if let Some(authority) = authority(head) {
            headers.push((HOST.as_str(), authority.as_bytes()));
        }
        let received = Received { method: head.method.as_str(), target, headers: &headers };
        self.verify_received(&received, body, now).await
    }

    /// The same for servers whose requests are not of the crate `http`, which knows no fragments
    /// and refuses some characters in a target.
    pub async fn verify_received<B>(
        &self,
        received: &Received<'_>,
        body: B,
        now: i64,
    ) -> Result<(Verified, VerifiedBody<B>), Rejected<B::Error>>
    where
        B: Body<Data = Bytes>,
    {
        let (verified, body) = match self.verify_head(received, now)? {
            Checked::Verified(verified) => (verified, VerifiedBody::Stream(Box::pin(body))),
            Checked::AwaitsBody(awaiting) => {
                let (bytes, hash) = body::read(body, &awaiting).await?;
                (awaiting.finish(hash)?, VerifiedBody::Held(bytes))
            }
        };
        match (&self.replay_guard, verified.mark) {
            (Some(guard), Some(mark)) if !guard.is_new(&verified.key, mark).await => {
                Err(Refusal::Replayed.into())
            }
            _ => Ok((verified, body)),
        }
    }

    fn verify_head(&self, received: &Received<'_>, now: i64) -> Result<Checked, Refusal> {
        let required: Vec<&str> = self.required_headers.iter().map(String::as_str).collect();
        let options = VerifyOptions {
            signature_header: &self.signature_header,
            clock_skew_seconds_max: self.clock_skew_seconds_max,
            required_headers: &required,
            unsigned_payload_allowed: self.unsigned_payload_allowed,
            body_bytes_max: self.body_bytes_max,
        };
        verify_head(received, now, &options, |scheme, key| self.keys.secrets(scheme, key))
    }
}

/// What HTTP/2 and HTTP/3 say instead of `Host`. Where both are there and differ, the host was
/// sent twice.
fn authority(head: &Parts) -> Option<&str> {
    let authority = head.uri.authority().filter(|_| head.version >= Version::HTTP_2)?.as_str();
    let is_said = |host: &http::HeaderValue| host.as_bytes() == authority.as_bytes();
    (!head.headers.get(HOST).is_some_and(is_said)).then_some(authority)
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("signature_header", &self.signature_header)
            .field("clock_skew_seconds_max", &self.clock_skew_seconds_max)
            .field("required_headers", &self.required_headers)
            .field("unsigned_payload_allowed", &self.unsigned_payload_allowed)
            .field("body_bytes_max", &self.body_bytes_max)
            .finish_non_exhaustive()
    }
}
