use countersign_control_plane::command::Command;
use countersign_control_plane::rejection::Rejection;
use countersign_shared::event::{EnvironmentFields, Event};
use countersign_shared::id::EnvironmentId;
use countersign_shared::text::EnvironmentName;

use crate::scenario::{
    RELEASE, Scenario, bind, bytes, create_api, create_environment, create_group, create_key, get,
    publish, reference, remark, take_offline,
};

fn rename(environment: &str, name: &str) -> Command {
    let name = Some(EnvironmentName::parse(name).unwrap());
    Command::UpdateEnvironment { environment: reference(environment), name, remark: None }
}

fn delete(environment: &str) -> Command {
    Command::DeleteEnvironment { environment: reference(environment) }
}

#[test]
fn a_new_log_has_release() {
    let state = Scenario::new().state;
    assert_eq!(state.environments().get(&RELEASE).unwrap().fields.name.as_str(), "RELEASE");
    assert_eq!(state.head().revision, 2);
}

#[test]
fn an_environment_is_created() {
    Scenario::new().when(&create_environment(2, "TEST")).then(&[Event::EnvironmentCreated(
        EnvironmentFields {
            id: EnvironmentId::from_bytes(bytes(2)),
            name: EnvironmentName::parse("TEST").unwrap(),
            remark: remark(""),
        },
    )]);
}

#[test]
fn a_name_is_given_once() {
    let taken = Rejection::NameTaken { kind: "environment", name: "RELEASE".into() };
    Scenario::new().when(&create_environment(2, "RELEASE")).then_rejected(&taken);
    let scenario = Scenario::new().given(create_environment(2, "TEST"));
    scenario.when(&rename("TEST", "RELEASE")).then_rejected(&taken);
}

#[test]
fn a_name_is_free_again_after_a_rename_and_after_a_deletion() {
    let renamed =
        Scenario::new().given(create_environment(2, "TEST")).given(rename("TEST", "STAGE"));
    renamed.when(&create_environment(3, "TEST")).then_kinds(&["EnvironmentCreated"]);
    let deleted = renamed.given(delete("STAGE"));
    deleted.when(&create_environment(3, "STAGE")).then_kinds(&["EnvironmentCreated"]);
}

#[test]
fn ten_environments_are_enough() {
    let nine =
        (2..=10).fold(Scenario::new(), |s, n| s.given(create_environment(n, &format!("env_{n}"))));
    nine.when(&create_environment(11, "more"))
        .then_rejected(&Rejection::QuotaExceeded { what: "environments", limit: 10 });
}

#[test]
fn release_keeps_its_name_and_stays_but_takes_a_remark() {
    let scenario = Scenario::new();
    scenario.when(&delete("RELEASE")).then_rejected(&Rejection::EnvironmentPermanent);
    scenario.when(&rename("RELEASE", "PROD")).then_rejected(&Rejection::EnvironmentPermanent);
    scenario.when(&rename("RELEASE", "RELEASE")).then(&[]);
    let remarked = Command::UpdateEnvironment {
        environment: reference("RELEASE"),
        name: None,
        remark: Some(remark("the one")),
    };
    scenario.when(&remarked).then_kinds(&["EnvironmentUpdated"]);
}

#[test]
fn an_environment_in_use_is_not_deleted() {
    let published = Scenario::new()
        .given(create_environment(2, "TEST"))
        .given(create_group(1, "orders", &[]))
        .given(create_api(1, "orders", "list", &get("/orders")))
        .given(publish("list", "TEST"));
    let in_use = |publications, bindings| Rejection::EnvironmentInUse {
        name: "TEST".into(),
        publications,
        bindings,
    };
    published.when(&delete("TEST")).then_rejected(&in_use(1, 0));
    let bound = published
        .given(create_key(1, "first", countersign_shared::key::SignatureKeyType::Hmac))
        .given(bind("first", "list", "TEST"))
        .given(take_offline("list", "TEST"));
    bound.when(&delete("TEST")).then_rejected(&in_use(0, 1));
}

#[test]
fn environments_are_found_by_id_and_by_name() {
    let scenario = Scenario::new().given(create_environment(2, "TEST"));
    scenario
        .when(&delete(&EnvironmentId::from_bytes(bytes(2)).to_string()))
        .then_kinds(&["EnvironmentDeleted"]);
    scenario.when(&delete("TEST")).then_kinds(&["EnvironmentDeleted"]);
    scenario.when(&delete("NONE")).then_not_found("environment");
    scenario.when(&delete("")).then_not_found("environment");
}
