use countersign_control_plane::command::Command;
use countersign_control_plane::rejection::Rejection;
use countersign_shared::id::ApiId;
use countersign_shared::text::GroupName;

use crate::scenario::{
    Scenario, bytes, create_api, create_group, domains, get, publish, reference,
};

fn set_domains(group: &str, texts: &[&str]) -> Command {
    Command::UpdateGroup {
        group: reference(group),
        name: None,
        domains: Some(domains(texts)),
        remark: None,
    }
}

#[test]
fn names_and_domains_are_given_once() {
    let scenario = Scenario::new()
        .given(create_group(1, "orders", &["a.example"]))
        .given(create_group(2, "users", &[]));
    scenario
        .when(&create_group(3, "orders", &[]))
        .then_rejected(&Rejection::NameTaken { kind: "API group", name: "orders".into() });
    let taken = Rejection::DomainTaken { domain: "a.example".into(), group: "orders".into() };
    scenario.when(&create_group(3, "third", &["b.example", "a.example"])).then_rejected(&taken);
    scenario.when(&set_domains("users", &["a.example"])).then_rejected(&taken);
    let renamed = Command::UpdateGroup {
        group: reference("users"),
        name: Some(GroupName::parse("orders").unwrap()),
        domains: None,
        remark: None,
    };
    scenario
        .when(&renamed)
        .then_rejected(&Rejection::NameTaken { kind: "API group", name: "orders".into() });
}

#[test]
fn a_domain_is_free_again_when_its_group_gives_it_up() {
    let scenario = Scenario::new()
        .given(create_group(1, "orders", &["a.example", "b.example"]))
        .given(set_domains("orders", &["b.example"]));
    scenario.when(&create_group(2, "users", &["a.example"])).then_kinds(&["GroupCreated"]);
    scenario.when(&set_domains("orders", &["b.example"])).then(&[]);
}

#[test]
fn a_group_names_a_domain_once_and_at_most_twenty() {
    let scenario = Scenario::new();
    scenario
        .when(&create_group(1, "orders", &["a.example", "a.example"]))
        .then_invalid("domains[1]");
    let many: Vec<String> = (0..21).map(|n| format!("d{n}.example")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    scenario.when(&create_group(1, "orders", &many)).then_invalid("domains");
}

#[test]
fn only_an_empty_group_is_deleted() {
    let scenario = Scenario::new().given(create_group(1, "orders", &[]));
    let delete = Command::DeleteGroup { group: reference("orders") };
    scenario.when(&delete).then_kinds(&["GroupDeleted"]);
    let scenario = scenario.given(create_api(1, "orders", "list", &get("/orders")));
    scenario
        .when(&delete)
        .then_rejected(&Rejection::GroupNotEmpty { name: "orders".into(), apis: 1 });
}

#[test]
fn the_quota_of_groups_is_a_limit_of_the_configuration() {
    let scenario = Scenario::new().limited(|limits| limits.groups_max = 1).given(create_group(
        1,
        "orders",
        &[],
    ));
    scenario
        .when(&create_group(2, "users", &[]))
        .then_rejected(&Rejection::QuotaExceeded { what: "API groups", limit: 1 });
}

#[test]
fn a_group_does_not_join_the_shared_host_where_its_route_is_taken() {
    let scenario = Scenario::new()
        .given(create_group(1, "orders", &[]))
        .given(create_group(2, "users", &["u.example"]))
        .given(create_api(1, "orders", "one", &get("/same/{a}")))
        .given(create_api(2, "users", "two", &get("/same/{b}")))
        .given(publish("one", "RELEASE"))
        .given(publish("two", "RELEASE"));
    scenario.when(&set_domains("users", &[])).then_rejected(&Rejection::RouteTaken {
        api: ApiId::from_bytes(bytes(1)),
        name: "one".into(),
        route: "GET /same/{b}".into(),
    });
    let moved =
        scenario.given(set_domains("orders", &["o.example"])).given(set_domains("users", &[]));
    moved.when(&set_domains("orders", &[])).then_rejected(&Rejection::RouteTaken {
        api: ApiId::from_bytes(bytes(2)),
        name: "two".into(),
        route: "GET /same/{a}".into(),
    });
}
