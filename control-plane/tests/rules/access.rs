use countersign_control_plane::command::{Command, GrantedScope, Reference, WhichGrants};
use countersign_control_plane::decide::permit;
use countersign_control_plane::rejection::Rejection;
use countersign_shared::access::Role;
use countersign_shared::event::Event;
use countersign_shared::id::GrantId;
use countersign_shared::key::SignatureKeyType;
use countersign_shared::text::Actor;

use crate::scenario::{
    Scenario, bind, bytes, create_api, create_environment, create_group, create_key, get, publish,
    unbind,
};

fn ann() -> Actor {
    Actor::parse("ann").unwrap()
}

fn granted(n: u8, role: Role, environments: &[&str], groups: &[&str]) -> Command {
    let all = |names: &[&str]| names.iter().map(|name| Reference((*name).to_owned())).collect();
    let scope = GrantedScope { environments: all(environments), groups: all(groups) };
    Command::GrantAccess { id: GrantId::from_bytes(bytes(n)), operator: ann(), role, scope }
}

/// `orders/list` in RELEASE and TEST, and `users/all` in RELEASE.
fn two_groups() -> Scenario {
    Scenario::with_bound_api()
        .given(create_environment(2, "TEST"))
        .given(publish("list", "TEST"))
        .given(create_group(2, "users", &["users.example"]))
        .given(create_api(2, "users", "all", &get("/users")))
        .given(publish("all", "RELEASE"))
}

#[track_caller]
fn may(scenario: &Scenario, command: &Command) -> bool {
    match permit(&scenario.state, &ann(), command) {
        Ok(()) => true,
        Err(Rejection::NotPermitted { .. }) => false,
        Err(other) => panic!("not a matter of rights: {other:?}"),
    }
}

fn delete_key(force: bool) -> Command {
    Command::DeleteKey { key: Reference("first".into()), force }
}

#[test]
fn an_operator_binds_and_publishes_within_the_scope_only() {
    let nobody = two_groups();
    assert!(!may(&nobody, &publish("list", "TEST")));
    let scenario = nobody.given(granted(1, Role::Operator, &["TEST"], &["orders"]));
    assert!(may(&scenario, &publish("list", "TEST")));
    assert!(may(&scenario, &bind("first", "list", "TEST")));
    assert!(!may(&scenario, &bind("first", "list", "RELEASE")));
    assert!(!may(&scenario, &unbind("all", "RELEASE")));
    assert!(!may(&scenario, &create_api(3, "orders", "new", &get("/new"))));
    assert!(!may(&scenario, &create_key(3, "third", SignatureKeyType::Hmac)));

    let both = scenario.given(granted(2, Role::Operator, &["RELEASE"], &[]));
    assert!(may(&both, &unbind("all", "RELEASE")), "grants add up");
    assert!(may(&both, &bind("first", "list", "TEST")));
}

#[test]
fn what_is_forced_needs_the_right_for_what_it_does_elsewhere() {
    let keys = two_groups().given(granted(1, Role::KeyAdmin, &[], &[]));
    assert!(may(&keys, &delete_key(false)));
    assert!(!may(&keys, &delete_key(true)), "it unbinds in RELEASE");
    let both = keys.given(granted(2, Role::Operator, &["RELEASE"], &["orders"]));
    assert!(may(&both, &delete_key(true)));

    let delete = |force| Command::DeleteApi { api: Reference("list".into()), force };
    let scoped = two_groups().given(granted(1, Role::Admin, &["TEST"], &["orders"]));
    assert!(may(&scoped, &delete(false)));
    assert!(!may(&scoped, &delete(true)), "it is published in RELEASE, too");
}

#[test]
fn only_an_admin_of_everything_grants() {
    let more = granted(9, Role::Viewer, &[], &[]);
    for role in Role::ALL {
        let scenario = two_groups().given(granted(1, role, &[], &[]));
        assert_eq!(may(&scenario, &more), role == Role::Admin, "{role}");
    }
    let scoped = two_groups().given(granted(1, Role::Admin, &["TEST"], &[]));
    assert!(!may(&scoped, &more));
    let told = permit(&scoped.state, &ann(), &more).unwrap_err().to_string();
    assert!(told.contains("administer for all environments and groups"), "{told}");
}

#[test]
fn a_refusal_says_which_right_is_missing_where() {
    let scenario = two_groups();
    let told = permit(&scenario.state, &ann(), &publish("list", "TEST")).unwrap_err().to_string();
    let wanted = "`ann` has no right to operate in environment `TEST` for group `orders`";
    assert!(told.starts_with(wanted), "{told}");
}

#[test]
fn a_role_that_concerns_everybody_has_no_scope() {
    let scenario = two_groups();
    for role in [Role::Auditor, Role::KeyAdmin] {
        scenario.when(&granted(1, role, &["TEST"], &[])).then_invalid("grant.role");
        scenario.when(&granted(1, role, &[], &[])).then_kinds(&["AccessGranted"]);
    }
    scenario.when(&granted(1, Role::Viewer, &["NOWHERE"], &[])).then_not_found("environment");
}

#[test]
fn the_same_is_not_granted_twice_and_all_is_taken_at_once() {
    let scenario = two_groups().given(granted(1, Role::Viewer, &[], &[])).given(granted(
        2,
        Role::Operator,
        &["TEST"],
        &[],
    ));
    let first = GrantId::from_bytes(bytes(1));
    let again = granted(3, Role::Viewer, &[], &[]);
    scenario.when(&again).then_rejected(&Rejection::GrantExists { grant: first });
    let revoke = |grants| Command::RevokeAccess { grants };
    let one = revoke(WhichGrants::One(first));
    scenario.when(&one).then(&[Event::AccessRevoked { id: first, operator: ann() }]);
    let all = revoke(WhichGrants::AllOf(ann()));
    scenario.when(&all).then_kinds(&["AccessRevoked", "AccessRevoked"]);
    let gone = scenario.given(all);
    assert!(!may(&gone, &publish("list", "TEST")));
    gone.when(&one).then_not_found("grant");
}
