//! What the gateway itself says to a backend: the Host, who asked, and the signature. It is kept
//! apart from the client's headers, of which these were taken out: a client can never name ours away
//! or put its own in their place, and nothing has to be looked up to say them.

use http::HeaderValue;

use super::peer::Peer;

#[derive(Debug)]
pub(super) struct Ours {
    pub(super) host: HeaderValue,
    /// None for what the node asks on its own account.
    request_id: Option<HeaderValue>,
    /// None where a trusted proxy has a say: then it stands among the headers.
    forwarded: Option<Forwarded>,
    signature: Option<Signature>,
}

/// Who asked, and what for.
#[derive(Debug)]
pub(super) struct Forwarded {
    address: HeaderValue,
    host: Option<HeaderValue>,
    scheme: HeaderValue,
}

#[derive(Debug)]
pub(super) struct Signature {
    pub(super) authorization: HeaderValue,
    /// Signed with; Basic has none.
    pub(super) date: Option<HeaderValue>,
    /// Where the body is not signed, what says so.
    pub(super) content: Option<HeaderValue>,
}

impl Ours {
    pub(super) fn new(
        host: HeaderValue,
        request_id: HeaderValue,
        forwarded: Option<Forwarded>,
    ) -> Self {
        Self { host, request_id: Some(request_id), forwarded, signature: None }
    }

    /// Nothing but the Host.
    pub(super) fn to(host: HeaderValue) -> Self {
        Self { host, request_id: None, forwarded: None, signature: None }
    }

    /// In the place of a former one.
    pub(super) fn sign(&mut self, signature: Signature) {
        self.signature = Some(signature);
    }

    /// Everything but the Host, one after another.
    pub(super) fn say_all(&self, mut say: impl FnMut(&'static str, &HeaderValue)) {
        if let Some(request_id) = &self.request_id {
            say("x-request-id", request_id);
        }
        if let Some(forwarded) = &self.forwarded {
            say("x-forwarded-for", &forwarded.address);
            if let Some(host) = &forwarded.host {
                say("x-forwarded-host", host);
            }
            say("x-forwarded-proto", &forwarded.scheme);
        }
        let Some(signature) = &self.signature else { return };
        say("authorization", &signature.authorization);
        if let Some(date) = &signature.date {
            say("x-sdk-date", date);
        }
        if let Some(content) = &signature.content {
            say("x-sdk-content-sha256", content);
        }
    }
}

impl Forwarded {
    /// As the node sees it itself. `host` is the one that was asked for.
    pub(super) fn by(peer: &Peer, host: Option<HeaderValue>) -> Self {
        Self { address: peer.text().clone(), host, scheme: peer.scheme().clone() }
    }
}
