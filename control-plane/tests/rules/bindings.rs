use countersign_control_plane::rejection::Rejection;
use countersign_shared::event::Event;
use countersign_shared::id::{ApiId, KeyId};
use countersign_shared::key::SignatureKeyType;

use crate::scenario::{
    RELEASE, Scenario, bind, bytes, create_api, create_environment, create_key, get, publish,
    rebind, take_offline, unbind,
};

const API: ApiId = ApiId::from_bytes(bytes(1));
const FIRST: KeyId = KeyId::from_bytes(bytes(1));
const SECOND: KeyId = KeyId::from_bytes(bytes(2));

#[test]
fn a_key_is_bound_to_a_published_api() {
    let scenario =
        Scenario::with_published_api().given(create_key(1, "first", SignatureKeyType::Hmac));
    scenario.when(&bind("first", "list", "RELEASE")).then(&[Event::KeyBound {
        key: FIRST,
        api: API,
        environment: RELEASE,
    }]);
}

#[test]
fn an_api_must_be_published_in_that_environment() {
    let scenario = Scenario::with_published_api()
        .given(create_environment(2, "TEST"))
        .given(create_key(1, "first", SignatureKeyType::Hmac));
    scenario.when(&bind("first", "list", "TEST")).then_rejected(&Rejection::ApiNotPublished {
        api: "list".into(),
        environment: "TEST".into(),
    });
    let offline = scenario.given(take_offline("list", "RELEASE"));
    offline.when(&bind("first", "list", "RELEASE")).then_rejected(&Rejection::ApiNotPublished {
        api: "list".into(),
        environment: "RELEASE".into(),
    });
}

#[test]
fn one_key_per_api_and_environment() {
    let scenario = Scenario::with_bound_api();
    for key in ["first", "second"] {
        scenario.when(&bind(key, "list", "RELEASE")).then_rejected(&Rejection::ApiAlreadyBound {
            api: "list".into(),
            environment: "RELEASE".into(),
            key: FIRST,
            key_name: "first".into(),
        });
    }
}

#[test]
fn replacing_is_one_event_with_no_unsigned_moment() {
    let scenario = Scenario::with_bound_api();
    scenario.when(&rebind("second", "list", "RELEASE")).then(&[Event::KeyRebound {
        key: SECOND,
        former_key: FIRST,
        api: API,
        environment: RELEASE,
    }]);
    scenario.when(&rebind("first", "list", "RELEASE")).then(&[]);
    let rebound = scenario.given(rebind("second", "list", "RELEASE"));
    assert_eq!(rebound.state.index().binding_count(FIRST), 0);
    assert_eq!(rebound.state.index().binding_count(SECOND), 1);
}

#[test]
fn one_key_signs_for_many_apis_and_environments_with_their_own_keys() {
    let scenario = Scenario::with_bound_api()
        .given(create_environment(2, "TEST"))
        .given(create_api(2, "orders", "other", &get("/other")))
        .given(publish("other", "RELEASE"))
        .given(publish("list", "TEST"))
        .given(bind("first", "other", "RELEASE"))
        .given(bind("second", "list", "TEST"));
    assert_eq!(scenario.state.index().binding_count(FIRST), 2);
    assert_eq!(scenario.state.bindings().len(), 3);
}

#[test]
fn unbinding_what_is_not_bound_is_said() {
    let scenario = Scenario::with_bound_api();
    scenario.when(&unbind("list", "RELEASE")).then(&[Event::KeyUnbound {
        key: FIRST,
        api: API,
        environment: RELEASE,
    }]);
    let unbound = scenario.given(unbind("list", "RELEASE"));
    unbound
        .when(&unbind("list", "RELEASE"))
        .then_rejected(&Rejection::NotBound { api: "list".into(), environment: "RELEASE".into() });
}

#[test]
fn what_is_named_must_be_there() {
    let scenario = Scenario::with_bound_api();
    scenario.when(&bind("none", "list", "RELEASE")).then_not_found("signature key");
    scenario.when(&bind("first", "none", "RELEASE")).then_not_found("API");
    scenario.when(&bind("first", "list", "NONE")).then_not_found("environment");
}

#[test]
fn the_quota_of_bindings_is_a_limit_of_the_configuration() {
    let scenario = Scenario::with_bound_api()
        .limited(|limits| limits.bindings_max = 1)
        .given(create_api(2, "orders", "other", &get("/other")))
        .given(publish("other", "RELEASE"));
    scenario
        .when(&bind("first", "other", "RELEASE"))
        .then_rejected(&Rejection::QuotaExceeded { what: "bindings", limit: 1 });
    scenario.when(&rebind("second", "list", "RELEASE")).then_kinds(&["KeyRebound"]);
}
