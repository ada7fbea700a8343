//! Finds the API that answers a method and a path, among the APIs that share a host. Exact
//! matches go first, then the longest prefix of whole segments; a segment that is written out
//! beats a parameter; a method that is named beats ANY of the same path. It knows nothing of
//! hosts, environments or what is done with a request.

use countersign_shared::api::{ApiPath, MatchMode, Method};
use countersign_shared::id::ApiId;
use matchit::{Params, Router};

use super::Slot;
use super::route::Route;

const METHODS: usize = 8;

/// The routing trees of one host.
#[derive(Debug, Default)]
pub struct HostRouter {
    exact: ByMethod,
    prefixes: ByMethod,
    /// The most slashes any prefix has: longer candidates need no look.
    prefix_slashes_max: usize,
}

/// An API that answers.
#[derive(Debug)]
pub struct Found<'t, 'p> {
    pub slot: Slot,
    pub params: Params<'t, 'p>,
    /// What follows a prefix match; empty for an exact one.
    pub rest: &'p str,
}

/// Two APIs that answer the same requests; the control plane does not let this happen.
#[derive(Debug, PartialEq, Eq)]
pub struct Shadowed {
    pub api: ApiId,
    pub reason: String,
}

impl HostRouter {
    /// Of two routes of one shape the first wins, so the routes come oldest first.
    pub fn build<'r>(
        routes: impl IntoIterator<Item = (ApiId, &'r Route, Slot)>,
    ) -> (Self, Vec<Shadowed>) {
        let mut router = Self::default();
        let mut shadowed = Vec::new();
        for (api, route, slot) in routes {
            if let Err(conflict) = router.insert(route, slot) {
                shadowed.push(Shadowed { api, reason: conflict.to_string() });
            }
        }
        (router, shadowed)
    }

    /// `path` is the cleaned path.
    pub fn find<'t, 'p>(&'t self, method: Method, path: &'p str) -> Option<Found<'t, 'p>> {
        if let Some((leaf, params)) = self.exact.find(method, path) {
            return Some(Found { slot: leaf.slot, params, rest: "" });
        }
        self.find_prefix(method, path)
    }

    fn insert(&mut self, route: &Route, slot: Slot) -> Result<(), matchit::InsertError> {
        let definition = &route.definition;
        let tree = match definition.match_mode {
            MatchMode::Normal => &mut self.exact,
            MatchMode::Swa => &mut self.prefixes,
        };
        tree.insert(definition.method, &definition.path, slot)?;
        if definition.match_mode == MatchMode::Swa {
            self.prefix_slashes_max =
                self.prefix_slashes_max.max(slashes(definition.path.as_str()));
        }
        Ok(())
    }

    /// Tries the path, then the path without its last segment, down to no segment at all, which
    /// the prefix `/` answers. `//a` without its last segment is `/` too, but is not that prefix.
    fn find_prefix<'t, 'p>(&'t self, method: Method, path: &'p str) -> Option<Found<'t, 'p>> {
        if self.prefix_slashes_max == 0 {
            return None;
        }
        let mut candidate = path;
        let mut depth = slashes(path);
        loop {
            let prefix = if candidate.is_empty() { "/" } else { candidate };
            let is_empty_segment = candidate == "/" && path != "/";
            if depth <= self.prefix_slashes_max
                && !is_empty_segment
                && let Some((leaf, params)) = self.prefixes.find(method, prefix)
            {
                let rest = path.get(candidate.len()..).unwrap_or_default();
                return Some(Found { slot: leaf.slot, params, rest });
            }
            let (shorter, _) = candidate.rsplit_once('/')?;
            candidate = shorter;
            depth -= 1;
        }
    }
}

/// A tree for each method and one for ANY.
#[derive(Debug, Default)]
struct ByMethod([Option<Box<Router<Leaf>>>; METHODS]);

#[derive(Debug)]
struct Leaf {
    slot: Slot,
    path: ApiPath,
}

impl ByMethod {
    fn insert(
        &mut self,
        method: Method,
        path: &ApiPath,
        slot: Slot,
    ) -> Result<(), matchit::InsertError> {
        let Some(tree) = self.0.get_mut(method as usize) else { return Ok(()) };
        tree.get_or_insert_default().insert(path.as_str(), Leaf { slot, path: path.clone() })
    }

    fn find<'t, 'p>(&'t self, method: Method, path: &'p str) -> Option<(&'t Leaf, Params<'t, 'p>)> {
        let at = |method: Method| {
            let found = self.0.get(method as usize)?.as_ref()?.at(path).ok()?;
            Some((found.value, found.params))
        };
        match (at(method), at(Method::Any)) {
            (Some(named), Some(any)) => {
                Some(if more_specific(&any.0.path, &named.0.path) { any } else { named })
            }
            (named, any) => named.or(any),
        }
    }
}

/// Of two paths that match the same request: whether `a` has a written-out segment at the
/// first place where only one of them has.
fn more_specific(a: &ApiPath, b: &ApiPath) -> bool {
    let is_param = |segment: &str| segment.starts_with('{');
    a.as_str()
        .split('/')
        .zip(b.as_str().split('/'))
        .map(|(a, b)| (is_param(a), is_param(b)))
        .find(|(a, b)| a != b)
        .is_some_and(|(a, _)| !a)
}

fn slashes(path: &str) -> usize {
    memchr::memchr_iter(b'/', path.as_bytes()).count()
}

#[cfg(test)]
mod tests;
