//! Which API answers, by example and against a search through all.

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign_shared::api::{ApiDefinition, ApiPath, Backend, BackendTarget, BodyPolicy};
use countersign_shared::id::GroupId;
use countersign_shared::signing::QueryMode;
use proptest::prelude::*;

use super::*;
use crate::table::Destinations;

fn route(method: Method, path: &str, match_mode: MatchMode) -> Route {
    let backend = Backend::of(vec![BackendTarget::parse("backend:1").unwrap()]);
    let definition = ApiDefinition {
        method,
        path: ApiPath::parse(path).unwrap(),
        match_mode,
        backend: Arc::new(backend),
        body_policy: BodyPolicy::Required,
        query_mode: QueryMode::Normalize,
        websocket: false,
    };
    Route::new(GroupId::from_bytes([1; 16]), definition, &mut Destinations::default()).unwrap()
}

fn build(routes: &[Route]) -> (HostRouter, Vec<ApiId>) {
    let numbered = routes.iter().enumerate();
    HostRouter::build(numbered.map(|(at, route)| (id(at), route, at)))
}

fn id(at: usize) -> ApiId {
    ApiId::from_bytes((at as u128).to_be_bytes())
}

#[test]
fn exact_then_the_longest_prefix_and_a_named_method_before_any() {
    let routes = [
        route(Method::Any, "/", MatchMode::Swa),
        route(Method::Get, "/a", MatchMode::Swa),
        route(Method::Get, "/a/b", MatchMode::Normal),
        route(Method::Any, "/a/b", MatchMode::Normal),
        route(Method::Any, "/a/{x}", MatchMode::Normal),
        route(Method::Any, "/a/{x}/c", MatchMode::Swa),
        route(Method::Post, "/a/b/c", MatchMode::Swa),
    ];
    let (router, shadowed) = build(&routes);
    assert_eq!(shadowed, []);
    let slot =
        |method, path| router.find(method, path).map(|found| (found.slot, found.rest.to_owned()));
    let found = |slot: Slot, rest: &str| Some((slot, rest.to_owned()));
    assert_eq!(slot(Method::Get, "/a/b"), found(2, ""));
    assert_eq!(slot(Method::Put, "/a/b"), found(3, ""));
    assert_eq!(slot(Method::Get, "/a/z"), found(4, ""));
    assert_eq!(slot(Method::Get, "/a"), found(1, ""));
    assert_eq!(slot(Method::Get, "/a/"), found(1, "/"));
    assert_eq!(slot(Method::Put, "/a"), found(0, "/a"));
    assert_eq!(slot(Method::Get, "/ab"), found(0, "/ab"));
    assert_eq!(slot(Method::Get, "/"), found(0, ""));
    assert_eq!(slot(Method::Get, "/a/b/c/d"), found(5, "/d"));
    assert_eq!(slot(Method::Post, "/a/b/c/d"), found(6, "/d"));
    assert_eq!(slot(Method::Get, "//a"), found(0, "//a"));
    let params = router.find(Method::Get, "/a/z/c/d").unwrap().params;
    assert_eq!(params.get("x"), Some("z"));
}

#[test]
fn of_two_routes_of_one_shape_the_older_stays() {
    let routes = [
        route(Method::Get, "/a/{x}", MatchMode::Normal),
        route(Method::Get, "/a/{y}", MatchMode::Normal),
    ];
    let (router, shadowed) = build(&routes);
    assert_eq!(router.find(Method::Get, "/a/1").unwrap().slot, 0);
    assert_eq!(shadowed, [id(1)]);
}

/// What `find` ought to find: of all that match the best.
fn best(routes: &[Route], method: Method, path: &str) -> Option<Slot> {
    let segments: Vec<&str> = path.split('/').collect();
    let candidates = routes.iter().enumerate().filter_map(|(at, route)| {
        let definition = route.definition();
        let pattern: Vec<&str> = match definition.path.as_str() {
            "/" if definition.match_mode == MatchMode::Swa => vec![""],
            path => path.split('/').collect(),
        };
        let fits = match definition.match_mode {
            MatchMode::Normal => segments.len() == pattern.len(),
            MatchMode::Swa => segments.len() >= pattern.len(),
        };
        let is_param = |segment: &&str| segment.starts_with('{');
        let same = pattern
            .iter()
            .zip(&segments)
            .all(|(p, s)| if is_param(p) { !s.is_empty() } else { p == s });
        let named = definition.method == method;
        let exact = definition.match_mode == MatchMode::Normal;
        let written_out: Vec<bool> = pattern.iter().map(|p| !is_param(p)).collect();
        let rank = (exact, pattern.len(), written_out, named);
        (fits && same && (named || definition.method == Method::Any)).then_some((rank, at))
    });
    candidates.max().map(|(_, at)| at)
}

fn paths(with_params: bool) -> impl Strategy<Value = String> {
    let segment = if with_params { "(a|b|ab|\\{x\\}|\\{y\\})" } else { "(a|b|ab|abc|)" };
    prop::collection::vec(segment, 0..5).prop_map(|segments| {
        let named =
            segments.into_iter().enumerate().map(|(at, s)| s.replace('}', &format!("{at}}}")));
        format!("/{}", named.collect::<Vec<_>>().join("/"))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn the_router_finds_what_a_search_finds(
        routes in prop::collection::vec((0..3_usize, paths(true), any::<bool>()), 1..12),
        asked in prop::collection::vec((0..2_usize, paths(false)), 1..8),
    ) {
        let methods = [Method::Get, Method::Post, Method::Any];
        let modes = |swa| if swa { MatchMode::Swa } else { MatchMode::Normal };
        let all = routes.into_iter().map(|(m, path, swa)| route(methods[m], &path, modes(swa)));
        let by_shape: BTreeMap<_, _> = all.map(|route| (route.definition().shape(), route)).collect();
        let routes: Vec<Route> = by_shape.into_values().collect();
        let (router, shadowed) = build(&routes);
        prop_assert_eq!(shadowed, vec![]);
        for (method, path) in asked {
            let found = router.find(methods[method], &path).map(|found| found.slot);
            prop_assert_eq!(found, best(&routes, methods[method], &path), "{:?} {}", methods[method], path);
        }
    }
}
