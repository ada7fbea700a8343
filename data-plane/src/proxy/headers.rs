//! A client's headers on their way: everything that may not go on is removed. The gateway's own are
//! no part of them (`ours`).

use http::header::HOST;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::edge::Doomed;
use super::ours::Forwarded;
use super::peer::Peer;

pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
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

/// Who asked and what for: as the node sees it, or, where a proxy is trusted that has a say, among
/// the headers. The Host that was asked for goes.
pub(super) fn forward<'p>(headers: &mut HeaderMap, peer: &'p Peer) -> Option<Forwarded<'p>> {
    let asked = headers.remove(HOST);
    if peer.is_trusted() {
        go_on_forwarding(headers, peer, asked);
        return None;
    }
    Some(Forwarded::by(peer, asked))
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
        assert!(forward(&mut headers, &peer).is_none());
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
