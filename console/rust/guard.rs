//! Whether a call comes from the console's own pages. A page of another origin cannot read what we
//! answer; this keeps it from asking at all.

use http::header::{HOST, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, Uri};

/// Whether the browser says that the request was made by a page of this origin, or by no page. What
/// is no browser says nothing, and may ask: it has a token, or is on this machine.
pub fn is_same_origin(headers: &HeaderMap, uri: &Uri) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match text("sec-fetch-site") {
        None | Some("same-origin" | "none") => {}
        Some(_) => return false,
    }
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let Some(origin) = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok()) else {
        return false;
    };
    // HTTP/2 has the host in the URI, HTTP/1.1 in the header.
    let host = uri
        .authority()
        .cloned()
        .or_else(|| headers.get(HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok()));
    host.is_some() && origin.authority() == host.as_ref()
}

/// Whether the name by which a listener on loopback was called is one of this machine: a page
/// elsewhere can give its own name our address, and then counts as the same origin.
pub fn is_loopback(headers: &HeaderMap, uri: &Uri) -> bool {
    let host = uri
        .authority()
        .cloned()
        .or_else(|| headers.get(HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok()));
    let Some(host) = host else { return false };
    let name = host.host().trim_start_matches('[').trim_end_matches(']');
    name == "localhost"
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(host: &str, headers: &[(&'static str, &str)]) -> bool {
        let mut map = HeaderMap::new();
        map.insert(HOST, host.parse().unwrap());
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        is_same_origin(&map, &"/countersign.v1.Nodes/ListNodes".parse().unwrap())
    }

    #[test]
    fn only_our_own_pages_and_what_is_no_browser_may_call() {
        assert!(allowed("c.example:7402", &[]));
        assert!(allowed("c.example:7402", &[("origin", "https://c.example:7402")]));
        assert!(allowed("c.example:7402", &[("sec-fetch-site", "same-origin")]));
        assert!(!allowed("c.example:7402", &[("origin", "https://c.example")]));
        assert!(!allowed("c.example:7402", &[("origin", "https://evil.example:7402")]));
        assert!(!allowed("c.example:7402", &[("origin", "null")]));
        assert!(!allowed("c.example:7402", &[("sec-fetch-site", "cross-site")]));
        assert!(!allowed("c.example:7402", &[("sec-fetch-site", "same-site")]));
    }

    #[test]
    fn a_name_from_elsewhere_is_not_this_machine() {
        let named = |host: &str| {
            is_loopback(
                &HeaderMap::from_iter([(HOST, host.parse().unwrap())]),
                &Uri::from_static("/"),
            )
        };
        assert!(named("127.0.0.1:7402") && named("localhost:7402") && named("[::1]:7402"));
        assert!(
            !named("evil.example:7402") && !named("10.0.0.1") && !named("127.0.0.1.evil.example")
        );
    }
}
