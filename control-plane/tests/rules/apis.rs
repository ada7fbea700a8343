use std::sync::Arc;

use countersign_control_plane::command::{BackendPatch, Command, DefinitionPatch};
use countersign_control_plane::rejection::Rejection;
use countersign_shared::api::{ApiPath, BackendProtocol, MatchMode, Method, Scheme, ServerName};
use countersign_shared::event::Event;
use countersign_shared::id::ApiId;
use countersign_shared::text::ApiName;

use crate::scenario::{
    RELEASE, Scenario, bytes, create_api, create_environment, create_group, definition, get,
    publish, reference, take_offline, update_api,
};

const FIRST: ApiId = ApiId::from_bytes(bytes(1));

fn delete(api: &str, force: bool) -> Command {
    Command::DeleteApi { api: reference(api), force }
}

fn taken(route: &str) -> Rejection {
    Rejection::RouteTaken { api: FIRST, name: "list".into(), route: route.into() }
}

#[test]
fn an_api_needs_a_group() {
    Scenario::new()
        .when(&create_api(1, "none", "list", &get("/orders")))
        .then_not_found("API group");
}

#[test]
fn a_name_is_unique_within_its_group() {
    let scenario = Scenario::with_published_api().given(create_group(2, "users", &[]));
    scenario
        .when(&create_api(2, "orders", "list", &get("/other")))
        .then_rejected(&Rejection::NameTaken { kind: "API of the group", name: "list".into() });
    scenario.when(&create_api(2, "users", "list", &get("/other"))).then_kinds(&["ApiCreated"]);
}

#[test]
fn method_path_and_match_mode_are_unique_within_a_group() {
    let scenario = Scenario::with_published_api();
    scenario
        .when(&create_api(2, "orders", "other", &get("/orders")))
        .then_rejected(&taken("GET /orders"));
    for different in [
        definition(Method::Post, "/orders", MatchMode::Normal),
        definition(Method::Any, "/orders", MatchMode::Normal),
        definition(Method::Get, "/orders", MatchMode::Swa),
        get("/orders/"),
    ] {
        scenario.when(&create_api(2, "orders", "other", &different)).then_kinds(&["ApiCreated"]);
    }
}

#[test]
fn parameters_of_another_name_are_the_same_path() {
    let scenario = Scenario::new().given(create_group(1, "orders", &[])).given(create_api(
        1,
        "orders",
        "list",
        &get("/o/{id}"),
    ));
    scenario
        .when(&create_api(2, "orders", "other", &get("/o/{name}")))
        .then_rejected(&taken("GET /o/{name}"));
}

#[test]
fn an_update_changes_what_it_names_and_nothing_on_the_nodes() {
    let scenario = Scenario::with_published_api();
    let path = Some(ApiPath::parse("/v2/orders").unwrap());
    let update = update_api("list", DefinitionPatch { path, ..DefinitionPatch::default() });
    scenario.when(&update).then_kinds(&["ApiUpdated"]);
    let updated = scenario.given(update);
    let publication = updated.state.publications().get(&(RELEASE, FIRST)).unwrap();
    assert_eq!(publication.definition.path.as_str(), "/orders");
    updated.when(&publish("list", "RELEASE")).then(&[Event::ApiPublished {
        api: FIRST,
        environment: RELEASE,
        definition: Arc::new(get("/v2/orders")),
    }]);
}

#[test]
fn an_update_that_changes_nothing_is_no_event() {
    let scenario = Scenario::with_published_api();
    scenario.when(&update_api("list", DefinitionPatch::default())).then(&[]);
    scenario.when(&publish("list", "RELEASE")).then(&[]);
}

#[test]
fn fields_must_fit_each_other() {
    let scenario = Scenario::with_published_api();
    let update =
        |backend| update_api("list", DefinitionPatch { backend, ..DefinitionPatch::default() });
    let path = Some(Some(ApiPath::parse("/b/{id}").unwrap()));
    scenario
        .when(&update(BackendPatch { path, ..BackendPatch::default() }))
        .then_invalid("backend.path");
    let server_name = Some(Some(ServerName::parse("backend.example").unwrap()));
    let named = || BackendPatch { server_name: server_name.clone(), ..BackendPatch::default() };
    scenario.when(&update(named())).then_invalid("backend.tls");
    let scheme = Some(Scheme::Https);
    scenario.when(&update(BackendPatch { scheme, ..named() })).then_kinds(&["ApiUpdated"]);
    let protocol = Some(BackendProtocol::Http2);
    let backend = BackendPatch { protocol, ..BackendPatch::default() };
    let websocket = Some(true);
    let patch = DefinitionPatch { backend, websocket, ..DefinitionPatch::default() };
    scenario.when(&update_api("list", patch)).then_invalid("websocket");
}

#[test]
fn an_api_that_is_published_or_bound_is_deleted_only_by_force() {
    let scenario = Scenario::with_bound_api();
    scenario.when(&delete("list", false)).then_rejected(&Rejection::ApiStillPublished {
        name: "list".into(),
        environments: "RELEASE".into(),
    });
    scenario.when(&delete("list", true)).then_kinds(&[
        "ApiTakenOffline",
        "KeyUnbound",
        "ApiDeleted",
    ]);
    let offline = scenario.given(take_offline("list", "RELEASE"));
    offline
        .when(&delete("list", false))
        .then_rejected(&Rejection::ApiStillBound { name: "list".into(), bindings: 1 });
    offline.when(&delete("list", true)).then_kinds(&["KeyUnbound", "ApiDeleted"]);
}

#[test]
fn taking_offline_keeps_bindings_and_publishing_again_restores_them() {
    let offline = Scenario::with_bound_api().given(take_offline("list", "RELEASE"));
    assert_eq!(offline.state.bindings().len(), 1);
    offline.when(&take_offline("list", "RELEASE")).then_rejected(&Rejection::ApiNotPublished {
        api: "list".into(),
        environment: "RELEASE".into(),
    });
    let again = offline.given(publish("list", "RELEASE"));
    assert_eq!(again.state.bindings().len(), 1);
}

#[test]
fn on_a_shared_host_a_route_is_published_once() {
    let scenario = Scenario::with_published_api()
        .given(create_environment(2, "TEST"))
        .given(create_group(2, "users", &[]))
        .given(create_group(3, "domains", &["d.example"]))
        .given(create_api(2, "users", "same", &get("/orders")))
        .given(create_api(3, "domains", "same", &get("/orders")));
    scenario.when(&publish("users/same", "RELEASE")).then_rejected(&taken("GET /orders"));
    scenario.when(&publish("users/same", "TEST")).then_kinds(&["ApiPublished"]);
    scenario.when(&publish("domains/same", "RELEASE")).then_kinds(&["ApiPublished"]);
    let offline = scenario.given(take_offline("list", "RELEASE"));
    offline.when(&publish("users/same", "RELEASE")).then_kinds(&["ApiPublished"]);
}

#[test]
fn an_edited_sibling_does_not_take_a_published_route() {
    // `list` is edited away from /orders but still published there: the route is not free yet.
    let path = Some(ApiPath::parse("/elsewhere").unwrap());
    let scenario = Scenario::with_published_api()
        .given(update_api("list", DefinitionPatch { path, ..DefinitionPatch::default() }))
        .given(create_api(2, "orders", "other", &get("/orders")));
    scenario.when(&publish("other", "RELEASE")).then_rejected(&taken("GET /orders"));
}

#[test]
fn an_api_is_named_by_id_by_name_and_within_its_group() {
    let scenario = Scenario::with_published_api()
        .given(create_group(2, "users", &[]))
        .given(create_api(2, "users", "list", &get("/users")));
    scenario
        .when(&delete("list", true))
        .then_rejected(&Rejection::AmbiguousName { name: "list".into(), count: 2 });
    scenario.when(&delete("users/list", true)).then_kinds(&["ApiDeleted"]);
    scenario.when(&delete(&FIRST.to_string(), true)).then_kinds(&["ApiTakenOffline", "ApiDeleted"]);
    scenario.when(&delete("users/none", true)).then_not_found("API");
    scenario.when(&delete("none", true)).then_not_found("API");
}

#[test]
fn a_rename_frees_the_name() {
    let name = Some(ApiName::parse("all").unwrap());
    let rename =
        Command::UpdateApi { api: reference("list"), name, remark: None, patch: Box::default() };
    let scenario = Scenario::with_published_api().given(rename);
    scenario.when(&create_api(2, "orders", "list", &get("/list"))).then_kinds(&["ApiCreated"]);
    scenario.when(&publish("list", "RELEASE")).then_not_found("API");
}
