//! A published API as a node holds it: everything that a request needs is prepared once, when
//! the definition arrives. It never holds a signature key: bindings change without it.

use std::sync::Arc;
use std::time::Duration;

use countersign_shared::api::{
    ApiDefinition, ApiPath, BackendProtocol, BackendTarget, BodyPolicy, Scheme,
};
use countersign_shared::id::GroupId;
use countersign_shared::signing::{QueryMode, Target, TargetError};
use http::HeaderValue;
use matchit::Params;

/// How many `{param}` segments a path may have; the routing tree can tell no more apart.
pub const PATH_PARAMS_MAX: usize = 25;

/// A published API, ready to be forwarded to.
#[derive(Debug)]
pub struct Route {
    pub group: GroupId,
    pub definition: ApiDefinition,
    /// At least one.
    places: (Place, Vec<Place>),
    pub timeout: Duration,
    mapping: Mapping,
}

/// One target of a backend.
#[derive(Debug, Clone)]
pub struct Place {
    /// `host:port`, what is connected to and what the pool of connections is filed under.
    pub address: Arc<str>,
    /// The Host that the backend sees.
    pub host: HeaderValue,
}

/// The definition cannot be served by this node.
#[derive(Debug, thiserror::Error)]
pub enum InvalidRoute {
    #[error("the path has {0} parameters, at most {PATH_PARAMS_MAX} can be routed")]
    Params(usize),
    #[error("the backend has no target")]
    NoTarget,
    #[error("this node reaches backends by HTTP/1.1 in clear only")]
    Protocol,
    #[error("the backend's target `{0}` cannot stand in a Host header")]
    Host(String),
}

#[derive(Debug)]
enum Mapping {
    /// The backend gets the path as it was received.
    AsReceived,
    /// The backend's own path; what follows a prefix match is appended.
    To(Vec<Piece>),
}

#[derive(Debug)]
enum Piece {
    Text(Box<str>),
    Param(Box<str>),
}

impl Route {
    pub fn new(group: GroupId, definition: ApiDefinition) -> Result<Self, InvalidRoute> {
        let params = definition.path.params().count();
        if params > PATH_PARAMS_MAX {
            return Err(InvalidRoute::Params(params));
        }
        let scheme = definition.backend.scheme;
        if scheme == Scheme::Https || definition.backend.protocol == BackendProtocol::Http2 {
            return Err(InvalidRoute::Protocol);
        }
        let mut places = definition.backend.targets.iter().map(|target| Place::new(target, scheme));
        let first = places.next().ok_or(InvalidRoute::NoTarget)??;
        let places = (first, places.collect::<Result<_, _>>()?);
        Ok(Self {
            group,
            places,
            timeout: Duration::from_millis(definition.backend.timeout_ms.into()),
            mapping: definition.backend.path.as_ref().map_or(Mapping::AsReceived, Mapping::new),
            definition,
        })
    }

    /// The one string that is signed and sent. `path` is the cleaned path, `rest` what follows
    /// a prefix match.
    pub fn target(
        &self,
        path: &str,
        params: &Params<'_, '_>,
        rest: &str,
        query: Option<&str>,
    ) -> Result<Target, TargetError> {
        let mode = self.definition.query_mode;
        match &self.mapping {
            Mapping::AsReceived => Target::join(path, "", query, mode),
            Mapping::To(pieces) => match pieces.as_slice() {
                [Piece::Text(whole)] => Target::join(whole, rest, query, mode),
                pieces => Target::join(&expand(pieces, params), rest, query, mode),
            },
        }
    }

    /// How many targets there are, at least one.
    pub fn places(&self) -> usize {
        1 + self.places.1.len()
    }

    /// One of the targets; the first where there are not so many.
    pub fn place(&self, at: usize) -> &Place {
        let (first, others) = &self.places;
        at.checked_sub(1).and_then(|at| others.get(at)).unwrap_or(first)
    }

    pub fn body_policy(&self) -> BodyPolicy {
        self.definition.body_policy
    }

    pub fn query_mode(&self) -> QueryMode {
        self.definition.query_mode
    }

    pub fn retries(&self) -> u32 {
        self.definition.backend.retries
    }
}

impl Place {
    fn new(target: &BackendTarget, scheme: Scheme) -> Result<Self, InvalidRoute> {
        let host = HeaderValue::from_str(target.authority())
            .map_err(|_| InvalidRoute::Host(target.authority().to_owned()))?;
        Ok(Self { address: Arc::from(format!("{}:{}", target.host(), target.port(scheme))), host })
    }
}

impl Mapping {
    /// Texts between parameters are joined, so that a path without parameters is one piece.
    fn new(path: &ApiPath) -> Self {
        let mut pieces = Vec::new();
        let mut text = String::new();
        for (i, segment) in path.as_str().split('/').enumerate() {
            if i > 0 {
                text.push('/');
            }
            match segment.strip_prefix('{').and_then(|s| s.strip_suffix('}')) {
                None => text.push_str(segment),
                Some(name) => {
                    pieces.push(Piece::Text(std::mem::take(&mut text).into()));
                    pieces.push(Piece::Param(name.into()));
                }
            }
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(text.into()));
        }
        Self::To(pieces)
    }
}

fn expand(pieces: &[Piece], params: &Params<'_, '_>) -> String {
    let mut path = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => path.push_str(text),
            Piece::Param(name) => path.push_str(params.get(name).unwrap_or_default()),
        }
    }
    path
}
