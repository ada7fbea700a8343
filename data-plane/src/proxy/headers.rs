//! Headers on their way: first everything that may not go on is removed, then the gateway's own
//! are set, once, so that a client can never name ours away or put its own in their place.

use http::header::HOST;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::edge::Doomed;

pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(super) const X_SDK_DATE: HeaderName = HeaderName::from_static("x-sdk-date");
pub(super) const X_SDK_CONTENT_SHA256: HeaderName = HeaderName::from_static("x-sdk-content-sha256");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Takes from a request what may not go on.
pub(super) fn strip_request(headers: &mut HeaderMap, doomed: &Doomed, bound: bool) {
    for name in &doomed.always {
        headers.remove(name);
    }
    if bound {
        for name in &doomed.if_bound {
            headers.remove(name);
        }
    }
}

/// Says who asked and what for. The signature comes later: it needs the body.
pub(super) fn set_forwarded(
    headers: &mut HeaderMap,
    peer: &HeaderValue,
    request_id: &HeaderValue,
    host: HeaderValue,
) {
    if let Some(asked) = headers.insert(HOST, host) {
        headers.insert(X_FORWARDED_HOST, asked);
    }
    headers.insert(X_FORWARDED_FOR, peer.clone());
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static("http"));
    headers.insert(X_REQUEST_ID, request_id.clone());
}
