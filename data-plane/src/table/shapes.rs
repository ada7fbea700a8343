//! APIs by the shape of their paths: how many segments, and which of them are parameters. Those of
//! one shape lie in one hash table, by what is written out of their paths, so that a look costs the
//! same whatever their number, and an API a few words. Of shapes a host has few. It knows nothing
//! of match modes.

use std::cmp::Ordering;
use std::hash::{BuildHasher, Hasher};

use arrayvec::ArrayString;
use countersign_shared::api::{ApiPath, Method};
use hashbrown::{DefaultHashBuilder, HashTable};

use super::Slot;

#[derive(Debug, Default)]
pub(super) struct Shapes {
    /// By the number of segments; of as many the most specific first.
    by_segments: Vec<Vec<Shape>>,
    /// Nobody can choose paths that all lie in one place.
    hash: DefaultHashBuilder,
}

#[derive(Debug)]
struct Shape {
    segments: usize,
    /// Which of them are parameters, ascending.
    params: Box<[usize]>,
    leaves: HashTable<Leaf>,
}

/// What answers a method and a path. A line of the processor's cache, with most paths in it: a request
/// waits for one, not for two.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Leaf {
    pub(super) path: Written,
    pub(super) slot: Slot,
    method: Method,
}

/// So many characters of a path lie beside its slot; the rest of the line is taken.
const CHARACTERS_HERE_MAX: usize = 40;
const _: () = assert!(size_of::<Leaf>() == 64);

#[derive(Debug)]
pub(super) enum Written {
    Here(ArrayString<CHARACTERS_HERE_MAX>),
    /// In the API's definition.
    There(ApiPath),
}

impl Written {
    fn of(path: &ApiPath) -> Self {
        ArrayString::from(path.as_str()).map_or_else(|_| Self::There(path.clone()), Self::Here)
    }

    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Here(text) => text,
            Self::There(path) => path.as_str(),
        }
    }
}

/// Something else answers the same.
#[derive(Debug)]
pub(super) struct Taken;

impl Shapes {
    /// Adds what answers the paths whose first `segments` are those of `path`.
    pub(super) fn insert(
        &mut self,
        segments: usize,
        path: &ApiPath,
        method: Method,
        slot: Slot,
    ) -> Result<(), Taken> {
        if self.by_segments.len() <= segments {
            self.by_segments.resize_with(segments + 1, Vec::new);
        }
        let Some(shapes) = self.by_segments.get_mut(segments) else { return Ok(()) };
        let shape = Shape::of(segments, path);
        let at = match shapes.binary_search_by(|other| other.compare(&shape)) {
            Ok(at) => at,
            Err(at) => {
                shapes.insert(at, shape);
                at
            }
        };
        let leaf = Leaf { path: Written::of(path), slot, method };
        shapes.get_mut(at).map_or(Ok(()), |shape| shape.insert(leaf, &self.hash))
    }

    /// Gives back the room that growing took.
    pub(super) fn shrink(&mut self) {
        for shape in self.by_segments.iter_mut().flatten() {
            let Shape { segments, params, leaves } = shape;
            leaves.shrink_to_fit(|leaf| hash(&self.hash, *segments, params, leaf.path.as_str()));
        }
    }

    /// How many segments there are at most to be compared.
    pub(super) fn segments_max(&self) -> Option<usize> {
        self.by_segments.len().checked_sub(1)
    }

    /// The best that answers a path by its first `segments`: a segment that is written out goes before
    /// a parameter, and of one shape a method that is named before ANY.
    pub(super) fn find(&self, segments: usize, method: Method, path: &str) -> Option<&Leaf> {
        let shapes = self.by_segments.get(segments)?;
        shapes.iter().find_map(|shape| shape.find(method, path, &self.hash))
    }
}

impl Shape {
    fn of(segments: usize, path: &ApiPath) -> Self {
        let places = self::segments(path.as_str()).take(segments).enumerate();
        let params = places.filter(|(_, segment)| segment.starts_with(b"{")).map(|(at, _)| at);
        Self { segments, params: params.collect(), leaves: HashTable::new() }
    }

    /// The more specific one is less: it is written out where the paths differ first.
    fn compare(&self, other: &Self) -> Ordering {
        let ended = [usize::MAX];
        other.params.iter().chain(&ended).cmp(self.params.iter().chain(&ended))
    }

    fn insert(&mut self, leaf: Leaf, spread: &DefaultHashBuilder) -> Result<(), Taken> {
        let path = leaf.path.as_str();
        let (segments, params) = (self.segments, &self.params);
        let at = hash(spread, segments, params, path);
        let mut others = self.leaves.iter_hash(at);
        if others.any(|other| other.method == leaf.method && self.fits(other, path)) {
            return Err(Taken);
        }
        let of = |leaf: &Leaf| hash(spread, segments, params, leaf.path.as_str());
        self.leaves.insert_unique(at, leaf, of);
        Ok(())
    }

    fn find(&self, method: Method, path: &str, spread: &DefaultHashBuilder) -> Option<&Leaf> {
        let mut any = None;
        for leaf in self.leaves.iter_hash(hash(spread, self.segments, &self.params, path)) {
            let answers = leaf.method == method || leaf.method == Method::Any;
            if answers && self.fits(leaf, path) {
                if leaf.method == method {
                    return Some(leaf);
                }
                any = Some(leaf);
            }
        }
        any
    }

    fn fits(&self, leaf: &Leaf, path: &str) -> bool {
        let mut both = segments(leaf.path.as_str()).zip(segments(path)).take(self.segments);
        let mut params = self.params.iter().peekable();
        (0..self.segments).all(|at| {
            let is_param = params.next_if_eq(&&at).is_some();
            both.next().is_some_and(
                |(ours, asked)| {
                    if is_param { !asked.is_empty() } else { ours == asked }
                },
            )
        })
    }
}

/// Of what is written out, where a shape has no parameter.
fn hash(spread: &DefaultHashBuilder, segments: usize, params: &[usize], path: &str) -> u64 {
    let mut hasher = spread.build_hasher();
    let mut params = params.iter().peekable();
    for (at, segment) in self::segments(path).take(segments).enumerate() {
        if params.next_if_eq(&&at).is_none() {
            hasher.write(segment);
        }
    }
    hasher.finish()
}

/// `/a/b` has two, `/` an empty one. By bytes: of text, each would be searched for with care that so
/// short ones do not pay for.
fn segments(path: &str) -> impl Iterator<Item = &[u8]> {
    let written = path.as_bytes().strip_prefix(b"/").map(|rest| rest.split(|byte| *byte == b'/'));
    written.into_iter().flatten()
}
