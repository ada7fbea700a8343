//! Finds the API that answers a method and a path, among the APIs that share a host. Exact
//! matches go first, then the longest prefix of whole segments; a segment that is written out
//! beats a parameter; a method that is named beats ANY of the same path. It knows nothing of
//! hosts, environments or what is done with a request.

use countersign_shared::api::{MatchMode, Method};
use countersign_shared::id::ApiId;

use super::Slot;
use super::params::Params;
use super::route::Route;
use super::shapes::{Leaf, Shapes, Taken};

/// The APIs of one host.
#[derive(Debug, Default)]
pub struct HostRouter {
    exact: Shapes,
    prefixes: Shapes,
}

/// An API that answers.
#[derive(Debug)]
pub struct Found<'t, 'p> {
    pub slot: Slot,
    pub params: Params<'t, 'p>,
    /// What follows a prefix match; empty for an exact one.
    pub rest: &'p str,
}

impl HostRouter {
    /// The router of these routes, and the APIs that get no request because an earlier one answers
    /// the same; the control plane does not let this happen.
    pub fn build<'r>(
        routes: impl IntoIterator<Item = (ApiId, &'r Route, Slot)>,
    ) -> (Self, Vec<ApiId>) {
        let mut router = Self::default();
        let mut shadowed = Vec::new();
        for (api, route, slot) in routes {
            if let Err(Taken) = router.insert(route, slot) {
                shadowed.push(api);
            }
        }
        router.exact.shrink();
        router.prefixes.shrink();
        (router, shadowed)
    }

    /// `path` is the cleaned path.
    pub fn find<'t, 'p>(&'t self, method: Method, path: &'p str) -> Option<Found<'t, 'p>> {
        let segments = slashes(path);
        let found = |leaf: &'t Leaf, rest| {
            let params = Params::new(leaf.path.as_str(), path);
            Some(Found { slot: leaf.slot, params, rest })
        };
        if let Some(leaf) = self.exact.find(segments, method, path) {
            return found(leaf, "");
        }
        let longest = segments.min(self.prefixes.segments_max()?);
        (0..=longest).rev().find_map(|segments| {
            let leaf = self.prefixes.find(segments, method, path)?;
            found(leaf, behind(path, segments))
        })
    }

    fn insert(&mut self, route: &Route, slot: Slot) -> Result<(), Taken> {
        let definition = route.definition();
        let (path, method) = (&definition.path, definition.method);
        let segments = slashes(path.as_str());
        match definition.match_mode {
            MatchMode::Normal => self.exact.insert(segments, path, method, slot),
            // It answers everything, whatever its first segment.
            MatchMode::Swa if path.as_str() == "/" => self.prefixes.insert(0, path, method, slot),
            MatchMode::Swa => self.prefixes.insert(segments, path, method, slot),
        }
    }
}

/// What follows so many segments. The path `/` is the prefix `/` and nothing more.
fn behind(path: &str, segments: usize) -> &str {
    if path == "/" {
        return "";
    }
    let next = memchr::memchr_iter(b'/', path.as_bytes()).nth(segments);
    next.and_then(|at| path.get(at..)).unwrap_or_default()
}

fn slashes(path: &str) -> usize {
    memchr::memchr_iter(b'/', path.as_bytes()).count()
}

#[cfg(test)]
mod tests;
