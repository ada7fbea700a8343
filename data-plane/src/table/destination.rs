//! Where an API's requests go, ready to be used, and shared by all APIs that have the same backend:
//! of a hundred thousand routes most lead to the same few. It is made when a definition arrives.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use countersign_shared::api::{ApiPath, Backend};
use countersign_shared::signing::{QueryMode, Target, TargetError};

use super::InvalidRoute;
use super::params::Params;
use super::place::Place;

/// How many backends may be remembered without a route before they are looked through.
const FORGOTTEN_MAX: usize = 64;

#[derive(Debug)]
pub struct Destination {
    pub backend: Arc<Backend>,
    /// At least one.
    places: (Place, Vec<Place>),
    /// Until the answer has begun.
    pub timeout: Duration,
    /// Until the answer has come to its end.
    pub total_timeout: Option<Duration>,
    mapping: Mapping,
}

/// The destinations that routes lead to.
#[derive(Debug, Default)]
pub struct Destinations {
    known: HashMap<Arc<Backend>, Weak<Destination>>,
    look_through_at: usize,
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

impl Destinations {
    /// The destination of a backend: the one that is there, or a new one.
    pub fn of(&mut self, backend: Arc<Backend>) -> Result<Arc<Destination>, InvalidRoute> {
        if let Some(known) = self.known.get(&backend).and_then(Weak::upgrade) {
            return Ok(known);
        }
        if self.known.len() >= self.look_through_at {
            self.known.retain(|_, destination| destination.strong_count() > 0);
            self.look_through_at = 2 * self.known.len() + FORGOTTEN_MAX;
        }
        let made = Arc::new(Destination::new(Arc::clone(&backend))?);
        self.known.insert(backend, Arc::downgrade(&made));
        Ok(made)
    }
}

impl Destination {
    pub fn new(backend: Arc<Backend>) -> Result<Self, InvalidRoute> {
        let mut places = backend.targets.iter().map(|target| Place::new(target, &backend));
        let first = places.next().ok_or(InvalidRoute::NoTarget)??;
        let places = (first, places.collect::<Result<_, _>>()?);
        let timeout = Duration::from_millis(backend.timeout_ms.into());
        let total = backend.total_timeout_ms.map(|ms| Duration::from_millis(ms.into()));
        Ok(Self {
            places,
            timeout: total.map_or(timeout, |total| total.min(timeout)),
            total_timeout: total,
            mapping: backend.path.as_ref().map_or(Mapping::AsReceived, Mapping::new),
            backend,
        })
    }

    /// The one string that is signed and sent. `path` is the cleaned path, `rest` what follows
    /// a prefix match.
    pub fn target(
        &self,
        (path, params, rest): (&str, &Params<'_, '_>, &str),
        query: Option<&str>,
        mode: QueryMode,
    ) -> Result<Target, TargetError> {
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

    /// All targets.
    pub fn all_places(&self) -> impl Iterator<Item = &Place> {
        (0..self.places()).map(|at| self.place(at))
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

#[cfg(test)]
mod tests {
    use countersign_shared::api::BackendTarget;

    use super::*;

    fn backend(port: usize) -> Arc<Backend> {
        let target = BackendTarget::parse(&format!("backend:{port}")).unwrap();
        Arc::new(Backend::of(vec![target]))
    }

    #[test]
    fn equal_backends_share_one_destination() {
        let mut destinations = Destinations::default();
        let first = destinations.of(backend(1)).unwrap();
        assert!(Arc::ptr_eq(&first, &destinations.of(backend(1)).unwrap()));
        assert!(!Arc::ptr_eq(&first, &destinations.of(backend(2)).unwrap()));
    }

    #[test]
    fn what_no_route_leads_to_is_forgotten() {
        let mut destinations = Destinations::default();
        let kept = destinations.of(backend(1)).unwrap();
        for port in 2..10_000 {
            destinations.of(backend(port)).unwrap();
        }
        assert!(destinations.known.len() <= 2 * FORGOTTEN_MAX + 2);
        assert!(Arc::ptr_eq(&kept, &destinations.of(backend(1)).unwrap()));
    }
}
