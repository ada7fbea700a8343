//! A request as a verifier sees it, without its body. It only finds headers; it judges nothing.

/// A request as it arrived. The body comes later, see [`verify_head`](super::verify_head).
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    pub method: &'a str,
    /// Path and query byte for byte as received, without scheme and authority.
    pub target: &'a str,
    /// All headers, names in any case. Over HTTP/2 the caller adds `host` from `:authority`.
    pub headers: &'a [(&'a str, &'a [u8])],
}

/// How often a header was sent.
pub(super) enum Found<'a> {
    Nowhere,
    Once(&'a [u8]),
    Repeated,
}

impl<'a> Received<'a> {
    pub(super) fn path_and_query(&self) -> (&'a str, &'a str) {
        self.target.split_once('?').unwrap_or((self.target, ""))
    }

    pub(super) fn header(&self, name: &str) -> Found<'a> {
        let is_named = |(sent, _): &&(&str, &[u8])| sent.eq_ignore_ascii_case(name);
        let mut values = self.headers.iter().filter(is_named).map(|(_, value)| *value);
        match (values.next(), values.next()) {
            (None, _) => Found::Nowhere,
            (Some(value), None) => Found::Once(value),
            (Some(_), Some(_)) => Found::Repeated,
        }
    }
}
