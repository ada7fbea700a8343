//! Headers on their way: first everything that may not go on is removed, then the gateway's own
//! are set, once, so that a client can never name ours away or put its own in their place.

use http::header::HOST;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::edge::Doomed;
use super::peer::Peer;

pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(super) const X_SDK_DATE: HeaderName = HeaderName::from_static("x-sdk-date");
pub(super) const X_SDK_CONTENT_SHA256: HeaderName = HeaderName::from_static("x-sdk-content-sha256");
pub(super) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Takes from a request what may not go on.
pub(super) fn strip_request(headers: &mut HeaderMap, doomed: &Doomed, bound: bool, peer: &Peer) {
    for name in &doomed.always {
        headers.remove(name);
    }
    if !peer.is_trusted() {
        for name in &doomed.unless_trusted {
            headers.remove(name);
        }
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
    peer: &Peer,
    request_id: &HeaderValue,
    host: HeaderValue,
) {
    let asked = headers.insert(HOST, host);
    headers.insert(X_REQUEST_ID, request_id.clone());
    if peer.is_trusted() {
        return go_on_forwarding(headers, peer, asked);
    }
    if let Some(asked) = asked {
        headers.insert(X_FORWARDED_HOST, asked);
    }
    headers.insert(X_FORWARDED_FOR, peer.text().clone());
    headers.insert(X_FORWARDED_PROTO, peer.scheme().clone());
}

/// What a trusted proxy has said stays, and says once what it said; what it has not said is what we
/// see ourselves.
fn go_on_forwarding(headers: &mut HeaderMap, peer: &Peer, asked: Option<HeaderValue>) {
    let mut hops = Vec::new();
    for line in headers.get_all(X_FORWARDED_FOR).iter().filter(|line| !line.is_empty()) {
        hops.extend_from_slice(line.as_bytes());
        hops.extend_from_slice(b", ");
    }
    hops.extend_from_slice(peer.text().as_bytes());
    let hops = HeaderValue::from_maybe_shared(bytes::Bytes::from(hops));
    headers.insert(X_FORWARDED_FOR, hops.unwrap_or_else(|_| peer.text().clone()));
    if once(headers, &X_FORWARDED_HOST).is_none()
        && let Some(asked) = asked
    {
        headers.insert(X_FORWARDED_HOST, asked);
    }
    if once(headers, &X_FORWARDED_PROTO).is_none() {
        headers.insert(X_FORWARDED_PROTO, peer.scheme().clone());
    }
    if once(headers, &X_FORWARDED_PORT).is_none() {
        headers.remove(X_FORWARDED_PORT);
    }
}

/// The value of a header that stands there once and says something.
fn once<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let first = values.next().filter(|value| !value.is_empty())?;
    values.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::proxy::peer::Trusted;

    /// What goes on of what a trusted proxy says.
    fn forwarded(said: &[(&'static str, &'static str)]) -> Vec<String> {
        let trusted = Trusted::new(vec!["10.0.0.0/8".parse().unwrap()]);
        let peer = Peer::new(SocketAddr::from(([10, 0, 0, 1], 80)), "http", &trusted);
        let mut headers = HeaderMap::new();
        for (name, value) in [&[("host", "asked.example")], said].concat() {
            headers.append(name, HeaderValue::from_static(value));
        }
        let (id, host) = (HeaderValue::from_static("1"), HeaderValue::from_static("backend"));
        set_forwarded(&mut headers, &peer, &id, host);
        let names = [X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO, X_FORWARDED_PORT];
        let said = |name| headers.get_all(name).iter().map(|value| value.to_str().unwrap());
        names.iter().map(|name| said(name).collect::<Vec<_>>().join("|")).collect()
    }

    #[test]
    fn what_a_trusted_proxy_says_stays_where_it_is_said_once() {
        assert_eq!(
            forwarded(&[
                ("x-forwarded-for", "6.6.6.6"),
                ("x-forwarded-for", "203.0.113.7"),
                ("x-forwarded-host", "shop.example"),
                ("x-forwarded-proto", "https"),
                ("x-forwarded-port", "443"),
            ]),
            ["6.6.6.6, 203.0.113.7, 10.0.0.1", "shop.example", "https", "443"]
        );
        assert_eq!(forwarded(&[]), ["10.0.0.1", "asked.example", "http", ""]);
        assert_eq!(
            forwarded(&[
                ("x-forwarded-host", "a"),
                ("x-forwarded-host", "b"),
                ("x-forwarded-proto", ""),
                ("x-forwarded-port", "1"),
                ("x-forwarded-port", "2"),
            ]),
            ["10.0.0.1", "asked.example", "http", ""]
        );
    }
}
