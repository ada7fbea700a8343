//! What an API is: method, path, match mode, backend and policies. A value that exists is valid.

mod backend;
mod backend_tls;
mod health_check;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::signing::target::QueryMode;
use crate::text::InvalidText;
pub use backend::{
    BACKEND_TARGETS_MAX, Backend, BackendProtocol, BackendTarget, CONCURRENCY_MAX,
    CONNECT_TIMEOUT_MS_DEFAULT, CONNECT_TIMEOUT_MS_MAX, RETRIES_MAX, Scheme, TIMEOUT_MS_DEFAULT,
    TIMEOUT_MS_MAX, TOTAL_TIMEOUT_MS_MAX,
};
pub use backend_tls::{BackendTls, CA_PEM_BYTES_MAX, CaPem, IdentityName, ServerName};
pub use health_check::{CheckPath, HealthCheck};

pub const PATH_CHARACTERS_MAX: usize = 512;
pub const PATH_PARAMS_MAX: usize = 20;

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

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiDefinition {
    pub method: Method,
    pub path: ApiPath,
    pub match_mode: MatchMode,
    /// Shared by those that have the same, where somebody sees to that.
    pub backend: Arc<Backend>,
    pub body_policy: BodyPolicy,
    pub query_mode: QueryMode,
    /// Whether a connection may be upgraded to a WebSocket.
    pub websocket: bool,
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
        if self.backend.scheme == Scheme::Http && self.backend.tls != BackendTls::default() {
            broken.push(("backend.tls", "only with the scheme `https`".to_owned()));
        }
        if self.websocket && self.backend.protocol == BackendProtocol::Http2 {
            let rule = "not with HTTP_2 to the backend: the handshake is one of HTTP/1.1";
            broken.push(("websocket", rule.to_owned()));
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
}
