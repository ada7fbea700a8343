//! Headers on their way: first everything that may not go on is removed, then the gateway's own
//! are set, once, so that a client can never name ours away or put its own in their place.

use http::header::{CONNECTION, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue};
use hyper::body::Body as _;

use super::body::OutboundBody;
use super::edge::Doomed;

pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(super) const X_SDK_DATE: HeaderName = HeaderName::from_static("x-sdk-date");
pub(super) const X_SDK_CONTENT_SHA256: HeaderName = HeaderName::from_static("x-sdk-content-sha256");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

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

/// Frames a body of unknown length in chunks. Said here, because hyper would leave such a body out
/// of a GET, which seldom has one.
pub(super) fn frame(headers: &mut HeaderMap, body: &OutboundBody) {
    if body.size_hint().exact().is_none() {
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
}

/// Takes from a response what concerns only the connection to the backend. False where the
/// Connection list is not one.
pub(super) fn strip_response(headers: &mut HeaderMap) -> bool {
    let mut hops = Hops::default();
    for (name, value) in headers.iter() {
        hops.note(name.as_str(), value);
    }
    if hops.lists_names {
        let Some(named) = named_by_connection(headers) else { return false };
        for name in named {
            headers.remove(name);
        }
    }
    if hops.has_connection {
        headers.remove(CONNECTION);
    }
    if hops.has_others {
        for name in [TRANSFER_ENCODING, KEEP_ALIVE, UPGRADE, TE, TRAILER, PROXY_CONNECTION] {
            headers.remove(name);
        }
    }
    true
}

/// Which hop-by-hop headers a response has: most have one, Connection, and it names nothing.
#[derive(Default)]
struct Hops {
    has_connection: bool,
    lists_names: bool,
    has_others: bool,
}

impl Hops {
    fn note(&mut self, name: &str, value: &HeaderValue) {
        match name {
            "connection" => {
                let value = value.as_bytes();
                let plain = [b"keep-alive".as_slice(), b"close"];
                self.lists_names |= !plain.iter().any(|word| value.eq_ignore_ascii_case(word));
                self.has_connection = true;
            }
            "transfer-encoding" | "keep-alive" | "upgrade" | "te" | "trailer"
            | "proxy-connection" => self.has_others = true,
            _ => {}
        }
    }
}

fn named_by_connection(headers: &HeaderMap) -> Option<Vec<HeaderName>> {
    let values = headers.get_all(CONNECTION).iter();
    let tokens = values.flat_map(|value| value.as_bytes().split(|b| *b == b','));
    let names = tokens.map(<[u8]>::trim_ascii).filter(|token| !token.is_empty());
    names.map(HeaderName::from_bytes).collect::<Result<_, _>>().ok()
}
