//! The table follows the replica, whatever changed, and is the same as one that is built anew.

use countersign_proto::v1;
use countersign_shared::key::SignatureKeyType;
use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::replica::{Outcome, Replica, doubles};

const ENVIRONMENT: [u8; 16] = [0xe0; 16];

fn replica() -> Replica {
    let mut replica = Replica::default();
    let environments = vec![v1::ServedEnvironment {
        id: ENVIRONMENT.to_vec(),
        name: "RELEASE".into(),
        ..Default::default()
    }];
    let welcome = v1::Welcome {
        log_id: "log".into(),
        protocol_version: 1,
        environments,
        ..Default::default()
    };
    replica.welcome(&welcome, &doubles::delivery_keys(&welcome)).unwrap();
    replica.snapshot_end(&v1::SnapshotEnd { revision: 1, ..Default::default() });
    replica
}

fn apply(replica: &mut Replica, changes: Vec<v1::Change>) -> bool {
    let change_set = v1::ChangeSet { changes }.encode_to_vec().into();
    let environments =
        vec![v1::EnvironmentChanges { environment_id: ENVIRONMENT.to_vec(), change_set }];
    let revision = replica.position().revision + 1;
    let delta = v1::Delta { revision, environments, ..Default::default() };
    matches!(replica.delta(&delta), Outcome::Ack { .. })
}

fn put(kind: v1::ResourceKind, number: u8, resource: &impl Message) -> v1::Change {
    v1::Change {
        kind: kind.into(),
        id: vec![number; 16],
        resource: Some(resource.encode_to_vec().into()),
    }
}

fn removed(kind: v1::ResourceKind, number: u8) -> v1::Change {
    v1::Change { kind: kind.into(), id: vec![number; 16], resource: None }
}

fn group(number: u8, domain: Option<u8>) -> v1::Change {
    let domains = domain.map(|d| format!("d{d}.example")).into_iter().collect();
    put(v1::ResourceKind::Group, number, &v1::GroupResource { domains })
}

fn route(number: u8, group: u8, path: u8) -> v1::Change {
    let definition = v1::ApiDefinition {
        method: v1::Method::Any.into(),
        path: format!("/p{path}"),
        backend: Some(v1::Backend {
            scheme: "http".into(),
            targets: vec![format!("backend{number}")],
            ..Default::default()
        }),
        ..Default::default()
    };
    let route = v1::RouteResource { group_id: vec![group; 16], definition: Some(definition) };
    put(v1::ResourceKind::Route, number, &route)
}

fn signer(number: u8) -> v1::Change {
    let (key_type, key) = (SignatureKeyType::Basic, format!("key_{number}"));
    let signer = doubles::signer(number, key_type, &key, "signature_secret");
    put(v1::ResourceKind::Signer, number, &signer)
}

fn binding(api: u8, key: u8) -> v1::Change {
    put(v1::ResourceKind::Binding, api, &v1::BindingResource { signature_key_id: vec![key; 16] })
}

/// Backend and signature of what answers; a Basic value tells which key signed.
fn answer(table: &RoutingTable, host: &str, path: &str) -> Option<(String, String)> {
    let asked = Asked { host, stage: None, method: Method::Get, path };
    let routed = table.find(&asked)?;
    let signing = match routed.signing {
        Signing::Unbound => "unbound".to_owned(),
        Signing::By(Signer::Basic(value)) => value.to_str().unwrap().to_owned(),
        Signing::By(Signer::Hmac(_)) | Signing::Missing => panic!("no such signer was put"),
    };
    Some((routed.route.destination.place(0).address.to_string(), signing))
}

#[test]
fn a_binding_or_a_secret_leaves_the_routers_as_they_are() {
    let mut replica = replica();
    let mut builder = TableBuilder::default();
    assert!(apply(
        &mut replica,
        vec![group(1, Some(1)), group(2, None), route(3, 1, 1), route(4, 2, 1), signer(5)]
    ));
    let before = builder.build(&mut replica);
    assert!(apply(&mut replica, vec![binding(3, 5), signer(5)]));
    let after = builder.build(&mut replica);
    let (before, after) = (&before.environments[0], &after.environments[0]);
    assert!(Arc::ptr_eq(&before.by_domain, &after.by_domain));
    assert!(Arc::ptr_eq(&before.any_host, &after.any_host));
}

#[test]
fn a_definition_that_answers_the_same_requests_leaves_the_routers_as_they_are() {
    let mut replica = replica();
    let mut builder = TableBuilder::default();
    assert!(apply(&mut replica, vec![group(1, None), route(3, 1, 1)]));
    let before = builder.build(&mut replica);
    assert!(apply(&mut replica, vec![route(3, 1, 1)]));
    let after = builder.build(&mut replica);
    assert!(Arc::ptr_eq(&before.environments[0].any_host, &after.environments[0].any_host));
    let entry = |table: &RoutingTable| table.environments[0].entries.get(0).cloned().unwrap();
    let (before, after) = (entry(&before), entry(&after));
    assert!(!std::ptr::eq(before.route.definition(), after.route.definition()));
}

#[test]
fn a_table_that_was_handed_out_never_changes() {
    let mut replica = replica();
    let mut builder = TableBuilder::default();
    assert!(apply(&mut replica, vec![group(1, None), route(3, 1, 1), signer(5), binding(3, 5)]));
    let before = builder.build(&mut replica);
    assert!(apply(&mut replica, vec![removed(v1::ResourceKind::Binding, 3)]));
    let after = builder.build(&mut replica);
    assert_ne!(answer(&before, "any", "/p1").unwrap().1, "unbound");
    assert_eq!(answer(&after, "any", "/p1").unwrap().1, "unbound");
}

fn some_change() -> impl Strategy<Value = v1::Change> {
    use v1::ResourceKind::{Binding, Group, Route, Signer};
    let kinds = prop::sample::select(vec![Group, Route, Signer, Binding]);
    prop_oneof![
        (1..4_u8, prop::option::of(0..3_u8)).prop_map(|(number, domain)| group(number, domain)),
        (1..6_u8, 1..4_u8, 0..4_u8).prop_map(|(number, group, path)| route(number, group, path)),
        (1..4_u8).prop_map(signer),
        (1..6_u8, 1..4_u8).prop_map(|(api, key)| binding(api, key)),
        (kinds, 1..6_u8).prop_map(|(kind, number)| removed(kind, number)),
    ]
}

proptest! {
    #[test]
    fn step_by_step_makes_the_same_table_as_all_at_once(
        deltas in prop::collection::vec(prop::collection::vec(some_change(), 1..6), 1..40),
    ) {
        let mut replica = replica();
        let mut builder = TableBuilder::default();
        builder.build(&mut replica);
        let mut usable: Vec<Vec<v1::Change>> = Vec::new();
        for delta in deltas {
            // A delta that is refused would need a snapshot; it is tried on a copy first.
            let mut trial = self::replica();
            for usable in &usable {
                assert!(apply(&mut trial, Vec::clone(usable)));
            }
            if !apply(&mut trial, delta.clone()) {
                continue;
            }
            assert!(apply(&mut replica, delta.clone()));
            usable.push(delta);
            let stepwise = builder.build(&mut replica);
            let anew = TableBuilder::default().build(&mut trial);
            for host in ["d0.example", "D1.example", "d2.example", "else"] {
                for path in ["/p0", "/p1", "/p2", "/p3"] {
                    prop_assert_eq!(answer(&stepwise, host, path), answer(&anew, host, path), "{} {}", host, path);
                }
            }
        }
    }
}
