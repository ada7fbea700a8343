//! What an API is: method, path, match mode, backend and policies. A value that exists is valid.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::signing::target::QueryMode;
use crate::text::InvalidText;

pub const PATH_CHARACTERS_MAX: usize = 512;
/// The routing tree of the nodes takes 25.
pub const PATH_PARAMS_MAX: usize = 20;
pub const BACKEND_TARGETS_MAX: usize = 10;
pub const TIMEOUT_MS_MAX: u32 = 600_000;
pub const TIMEOUT_MS_DEFAULT: u32 = 5_000;
pub const RETRIES_MAX: u32 = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    Get,
    Post,
    Put,
    Delete,
    Head,
    Patch,
    Options,
    Any,
}

impl Method {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Head => "HEAD",
            Self::Patch => "PATCH",
            Self::Options => "OPTIONS",
            Self::Any => "ANY",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MatchMode {
    /// The whole path.
    Normal,
    /// A prefix of whole segments.
    Swa,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BodyPolicy {
    Required,
    Auto,
    Unsigned,
}

/// A path of at most 512 characters in which whole segments may be `{param}`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ApiPath(Arc<str>);

impl ApiPath {
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        if !text.starts_with('/') || text.len() > PATH_CHARACTERS_MAX {
            return Err(InvalidText(format!(
                "a path of at most {PATH_CHARACTERS_MAX} characters that begins with `/`"
            )));
        }
        let mut names = BTreeSet::new();
        for segment in text.split('/') {
            if let Some(name) = check_segment(segment)?
                && !names.insert(name)
            {
                return Err(InvalidText(format!("the parameter {{{name}}} stands twice")));
            }
        }
        if names.len() > PATH_PARAMS_MAX {
            return Err(InvalidText(format!("at most {PATH_PARAMS_MAX} parameters")));
        }
        Ok(Self(Arc::from(text)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The names of its `{param}` segments, in order.
    pub fn params(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter_map(|s| s.strip_prefix('{')?.strip_suffix('}'))
    }

    /// The path with its parameters nameless: two paths of one shape match the same requests.
    fn shape(&self) -> Arc<str> {
        let blank = |s: &'_ str| if s.starts_with('{') { "{}".to_owned() } else { s.to_owned() };
        Arc::from(self.0.split('/').map(blank).collect::<Vec<_>>().join("/"))
    }
}

impl fmt::Display for ApiPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ApiPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

fn check_segment(segment: &str) -> Result<Option<&str>, InvalidText> {
    if let Some(name) = segment.strip_prefix('{') {
        let rule = "a parameter is a whole segment, `{name}`: a letter, then letters, digits, `_`, at most 32";
        let name = name.strip_suffix('}').ok_or_else(|| InvalidText(rule.into()))?;
        let letter = name.starts_with(|c: char| c.is_ascii_alphabetic());
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        return if letter && plain && name.len() <= 32 {
            Ok(Some(name))
        } else {
            Err(InvalidText(rule.into()))
        };
    }
    if segment == "." || segment == ".." {
        return Err(InvalidText(
            "no dot segments: they are resolved before a request is routed".into(),
        ));
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~!$&'()*+,;=:@".contains(&b);
    if segment.bytes().all(plain) {
        return Ok(None);
    }
    Err(InvalidText(
        "letters, digits, -_.~!$&'()*+,;=:@ and whole `{param}` segments, no percent escapes"
            .into(),
    ))
}

/// One place of a backend.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BackendTarget {
    host: Arc<str>,
    port: u16,
    authority: Arc<str>,
}

impl BackendTarget {
    pub const HTTP_PORT: u16 = 80;

    /// `host`, `host:port`, `1.2.3.4:port` or `[::1]:port`.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        let rule = || InvalidText("host or host:port, such as backend.example.com:8080".into());
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => {
                let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
                let port =
                    port.parse::<u16>().ok().filter(|p| digits && *p > 0).ok_or_else(rule)?;
                (host, Some(port))
            }
            _ => (text, None),
        };
        let address = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let good = match address {
            Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
            None => {
                (1..=253).contains(&host.len())
                    && !host.starts_with(['-', '.'])
                    && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
            }
        };
        if !good {
            return Err(rule());
        }
        let host: Arc<str> = Arc::from(host.to_ascii_lowercase());
        let authority = match port {
            Some(port) => Arc::from(format!("{host}:{port}")),
            None => Arc::clone(&host),
        };
        Ok(Self { host, port: port.unwrap_or(Self::HTTP_PORT), authority })
    }

    /// For connecting: an IPv6 address keeps its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The Host that the backend sees: as it was written, with its port where one was given.
    pub fn authority(&self) -> &str {
        &self.authority
    }
}

/// Where an API's requests go, over HTTP in clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    pub targets: Vec<BackendTarget>,
    /// The path towards the backend; none: the path as received.
    pub path: Option<ApiPath>,
    /// Until the backend's answer has begun.
    pub timeout_ms: u32,
    /// Further tries of requests that never reached the backend.
    pub retries: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiDefinition {
    pub method: Method,
    pub path: ApiPath,
    pub match_mode: MatchMode,
    pub backend: Backend,
    pub body_policy: BodyPolicy,
    pub query_mode: QueryMode,
}

impl ApiDefinition {
    /// What the parts alone cannot know: each `(field, rule)` that is broken between them.
    pub fn check(&self) -> Vec<(&'static str, String)> {
        let mut broken = Vec::new();
        if self.match_mode == MatchMode::Swa
            && self.path.as_str() != "/"
            && self.path.as_str().ends_with('/')
        {
            broken
                .push(("path", "a prefix ends without `/`: it matches whole segments".to_owned()));
        }
        let params: BTreeSet<&str> = self.path.params().collect();
        for name in self.backend.path.iter().flat_map(ApiPath::params) {
            if !params.contains(name) {
                broken.push((
                    "backend.path",
                    format!("the parameter {{{name}}} is not in the API's path"),
                ));
            }
        }
        broken
    }

    pub fn shape(&self) -> RouteShape {
        RouteShape { method: self.method, path: self.path.shape(), match_mode: self.match_mode }
    }
}

/// What makes two APIs answer the same requests: unique within a group.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteShape {
    pub method: Method,
    pub path: Arc<str>,
    pub match_mode: MatchMode,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_with_whole_parameters_are_taken() {
        for good in ["/", "/a", "/a/", "/a//b", "/v1/{id}/x", "/{a}/{b}", "/a;v=1/b:c@d"] {
            assert!(ApiPath::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "a",
            "/a?b",
            "/a#b",
            "/a%2Fb",
            "/x{id}",
            "/{}",
            "/{id}/{id}",
            "/../a",
            "/./a",
            "/ü",
            "/{*x}",
        ] {
            assert!(ApiPath::parse(bad).is_err(), "{bad}");
        }
        assert!(ApiPath::parse(&format!("/{}", "a".repeat(512))).is_err());
        let params =
            |count: usize| (0..count).map(|n| format!("/{{p{n}}}")).collect::<Vec<_>>().concat();
        assert!(ApiPath::parse(&params(20)).is_ok());
        assert!(ApiPath::parse(&params(21)).is_err());
    }

    #[test]
    fn one_shape_whatever_the_parameters_are_called() {
        let shape = |text| ApiPath::parse(text).unwrap().shape();
        assert_eq!(shape("/a/{id}/b"), shape("/a/{name}/b"));
        assert_ne!(shape("/a/{id}/b"), shape("/a/id/b"));
    }

    #[test]
    fn targets_have_a_host_and_a_port() {
        let parts = |text| {
            BackendTarget::parse(text)
                .map(|t| (t.host().to_owned(), t.port(), t.authority().to_owned()))
        };
        assert_eq!(parts("Backend:8080").unwrap(), ("backend".into(), 8080, "backend:8080".into()));
        assert_eq!(parts("b.example").unwrap(), ("b.example".into(), 80, "b.example".into()));
        assert_eq!(parts("[::1]:81").unwrap(), ("[::1]".into(), 81, "[::1]:81".into()));
        assert_eq!(parts("[::1]").unwrap(), ("[::1]".into(), 80, "[::1]".into()));
        for bad in
            ["", ":80", "a:", "a:0", "a:65536", "a:+1", "a b:1", "u@a:1", "a/b:1", "[x]:1", "::1"]
        {
            assert!(parts(bad).is_err(), "{bad}");
        }
    }
}
