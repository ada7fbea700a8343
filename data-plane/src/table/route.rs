//! A published API as a node holds it: everything that a request needs is prepared once, when
//! the definition arrives. It never holds a signature key: bindings change without it.

use std::time::Duration;

use countersign_shared::api::{ApiDefinition, ApiPath, BodyPolicy};
use countersign_shared::id::GroupId;
use countersign_shared::signing::{QueryMode, Target, TargetError};
use matchit::Params;

use super::in_flight::InFlight;
use super::place::Place;

/// How many `{param}` segments a path may have; the routing tree can tell no more apart.
pub const PATH_PARAMS_MAX: usize = 25;

/// A published API, ready to be forwarded to.
#[derive(Debug)]
pub struct Route {
    pub group: GroupId,
    pub definition: ApiDefinition,
    /// At least one.
    places: (Place, Vec<Place>),
    /// Until the answer has begun.
    pub timeout: Duration,
    /// Until the answer has come to its end.
    pub total_timeout: Option<Duration>,
    /// None where any number of requests may be under way.
    pub in_flight: Option<InFlight>,
    mapping: Mapping,
}

/// The definition cannot be served by this node.
#[derive(Debug, thiserror::Error)]
pub enum InvalidRoute {
    #[error("the path has {0} parameters, at most {PATH_PARAMS_MAX} can be routed")]
    Params(usize),
    #[error("the backend has no target")]
    NoTarget,
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
        let backend = &definition.backend;
        let mut places = backend.targets.iter().map(|target| Place::new(target, backend));
        let first = places.next().ok_or(InvalidRoute::NoTarget)??;
        let places = (first, places.collect::<Result<_, _>>()?);
        let timeout = Duration::from_millis(backend.timeout_ms.into());
        let total = backend.total_timeout_ms.map(|ms| Duration::from_millis(ms.into()));
        Ok(Self {
            group,
            places,
            timeout: total.map_or(timeout, |total| total.min(timeout)),
            total_timeout: total,
            in_flight: backend.concurrency_max.map(InFlight::at_most),
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

    /// All targets.
    pub fn all_places(&self) -> impl Iterator<Item = &Place> {
        (0..self.places()).map(|at| self.place(at))
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
