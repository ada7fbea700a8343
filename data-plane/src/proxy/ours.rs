//! What the gateway itself says to a backend: the Host, who asked, and the signature. It is kept
//! apart from the client's headers, of which these were taken out: a client can never name ours away
//! or put its own in their place, and nothing has to be looked up to say them.

use std::fmt;

use countersign_shared::signing::SdkDate;
use http::HeaderValue;

use super::peer::Peer;
use super::request_id::RequestId;

#[derive(Debug)]
pub(super) struct Ours<'t> {
    pub(super) host: &'t HeaderValue,
    /// None for what the node asks on its own account.
    request_id: Option<&'t RequestId>,
    /// None where a trusted proxy has a say: then it stands among the headers.
    forwarded: Option<Forwarded<'t>>,
    signature: Option<Signature<'t>>,
}

/// Who asked, and what for.
#[derive(Debug)]
pub(super) struct Forwarded<'t> {
    address: &'t HeaderValue,
    host: Option<HeaderValue>,
    scheme: &'t HeaderValue,
}

#[derive(Debug)]
pub(super) struct Signature<'t> {
    pub(super) authorization: Authorization<'t>,
    /// Signed with; Basic has none.
    pub(super) date: Option<SdkDate>,
    /// Where the body is not signed, what says so.
    pub(super) content: Option<&'static str>,
}

pub(super) enum Authorization<'t> {
    /// The same for every request of its key; it holds the secret.
    Prepared(&'t HeaderValue),
    Made(Vec<u8>),
}

impl<'t> Ours<'t> {
    pub(super) fn new(
        host: &'t HeaderValue,
        request_id: &'t RequestId,
        forwarded: Option<Forwarded<'t>>,
    ) -> Self {
        Self { host, request_id: Some(request_id), forwarded, signature: None }
    }

    /// Nothing but the Host.
    pub(super) fn to(host: &'t HeaderValue) -> Self {
        Self { host, request_id: None, forwarded: None, signature: None }
    }

    /// In the place of a former one.
    pub(super) fn sign(&mut self, signature: Signature<'t>) {
        self.signature = Some(signature);
    }

    /// Everything but the Host, one after another.
    pub(super) fn say_all(&self, mut say: impl FnMut(&'static str, &[u8])) {
        if let Some(request_id) = self.request_id {
            say("x-request-id", request_id.as_bytes());
        }
        if let Some(forwarded) = &self.forwarded {
            say("x-forwarded-for", forwarded.address.as_bytes());
            if let Some(host) = &forwarded.host {
                say("x-forwarded-host", host.as_bytes());
            }
            say("x-forwarded-proto", forwarded.scheme.as_bytes());
        }
        let Some(signature) = &self.signature else { return };
        say("authorization", signature.authorization.as_bytes());
        if let Some(date) = &signature.date {
            say("x-sdk-date", date.as_bytes());
        }
        if let Some(content) = signature.content {
            say("x-sdk-content-sha256", content.as_bytes());
        }
    }
}

impl<'t> Forwarded<'t> {
    /// As the node sees it itself. `host` is the one that was asked for.
    pub(super) fn by(peer: &'t Peer, host: Option<HeaderValue>) -> Self {
        Self { address: peer.text(), host, scheme: peer.scheme() }
    }
}

impl Authorization<'_> {
    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Prepared(value) => value.as_bytes(),
            Self::Made(value) => value,
        }
    }
}

impl fmt::Debug for Authorization<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authorization(redacted)")
    }
}
