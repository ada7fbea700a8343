//! Every call of the contract as every role. Who may make which call is said here once more, in
//! other words than the control plane's own table.

use countersign_proto::v1::OperatorRole;
use countersign_tests::authority::{Authority, management};
use countersign_tests::{Etcd, Management, Plane, refused, soon};
use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;
use tonic_types::StatusExt as _;

use crate::{attempts, grant};

struct Call {
    service: String,
    name: String,
    streams: bool,
}

fn calls() -> Vec<Call> {
    let set = FileDescriptorSet::decode(countersign_proto::DESCRIPTORS).unwrap();
    let services = set.file.iter().flat_map(|file| &file.service);
    // Enrolment is open to the guard and checks what it is shown by itself (tests/enrolment).
    let services = services.filter(|service| service.name() != "Enrolment");
    let calls = services.flat_map(|service| {
        service.method.iter().map(|call| Call {
            service: service.name().to_owned(),
            name: call.name().to_owned(),
            streams: call.server_streaming(),
        })
    });
    calls.collect()
}

/// Which every role may make.
fn listing() -> Call {
    Call { service: "Apis".into(), name: "ListApis".into(), streams: false }
}

const ROLES: [(&str, OperatorRole); 5] = [
    ("viewer", OperatorRole::Viewer),
    ("auditor", OperatorRole::Auditor),
    ("operator", OperatorRole::Operator),
    ("key-admin", OperatorRole::KeyAdmin),
    ("admin", OperatorRole::Admin),
];

fn may(role: &str, call: &Call) -> bool {
    let reads = ["Get", "List", "Watch", "Wait"].iter().any(|verb| call.name.starts_with(verb));
    let besides = match (call.service.as_str(), call.name.as_str()) {
        ("Access", "WhoAmI") | ("Verification", "ExplainRequest") => return true,
        ("Sync", _) => return false,
        ("Events" | "Audit", _) => "auditor",
        ("Access" | "Backups" | "MasterKeys", _) => "",
        ("Nodes", name) if name.contains("Token") || name.starts_with("Revoke") => "",
        (_, _) if reads => return true,
        ("SignatureKeys", _) => "key-admin",
        ("Bindings", _) | ("Apis", "PublishApi" | "TakeApiOffline") => "operator",
        ("Environments" | "ApiGroups" | "Apis", _) => "",
        (service, name) => unreachable!("say who may call {service}/{name}"),
    };
    role == "admin" || role == besides
}

/// Makes the call with an empty message.
async fn made(who: &Management, call: &Call) -> Result<(), Status> {
    let mut client = Grpc::new(who.channel());
    client.ready().await.unwrap();
    let path = format!("/countersign.v1.{}/{}", call.service, call.name);
    let path = PathAndQuery::try_from(path).unwrap();
    let codec = ProstCodec::<(), ()>::default();
    let reply = client.server_streaming(Request::new(()), path, codec).await?;
    // A stream may have nothing to say for a long time.
    if call.streams { Ok(()) } else { reply.into_inner().message().await.map(drop) }
}

/// Whether it was let through, whatever came of it.
async fn let_through(who: &Management, call: &Call) -> bool {
    let Err(status) = made(who, call).await else { return true };
    let details = status.get_error_details();
    match details.error_info().map(|info| info.reason.as_str()).unwrap_or_default() {
        "NOT_PERMITTED" | "WRONG_IDENTITY" => {
            assert_eq!(status.code(), Code::PermissionDenied);
            false
        }
        "NO_CREDENTIALS" => {
            assert_eq!(status.code(), Code::Unauthenticated);
            false
        }
        _ => true,
    }
}

#[tokio::test]
async fn every_role_makes_the_calls_that_it_may_and_no_others() {
    let authority = Authority::make();
    let plane = authority.plane().await;
    try_every_role(&authority, &plane, &plane).await;
}

#[tokio::test]
async fn and_so_it_is_where_another_replica_decides() {
    let (authority, etcd) = (Authority::make(), Etcd::start());
    let leader = authority.replica(&etcd).await;
    let follower = authority.replica(&etcd).await;
    authority.make_admins(&leader, &["ann"]).await;
    try_every_role(&authority, &leader, &follower).await;
}

/// Grants the roles at one control plane, and makes the calls at the other.
async fn try_every_role(authority: &Authority, granting: &Plane, called: &Plane) {
    let ann = management(granting, &authority.operator("ann"));
    for (name, role) in ROLES {
        if name != "admin" {
            grant(&ann, name, role, (&[], &[])).await;
        }
    }
    let calls = calls();
    let page = include_str!("../../../docs/attacks.md");
    let told = format!("{} calls of the contract", calls.len());
    assert!(page.contains(&told), "docs/attacks.md should say: {told}");
    for (name, _) in ROLES {
        let who = if name == "admin" { "ann" } else { name };
        let who = management(called, &authority.operator(who));
        soon("it knows all grants", async { while !let_through(&who, &listing()).await {} }).await;
        for call in &calls {
            let through = let_through(&who, call).await;
            assert_eq!(through, may(name, call), "{name}: {}/{}", call.service, call.name);
        }
    }
}

#[tokio::test]
async fn who_was_granted_nothing_and_who_shows_nothing_may_do_nothing() {
    let authority = Authority::make();
    let plane = authority.plane().await;
    let stranger = management(&plane, &authority.operator("stranger"));
    let nobody = management(&plane, &authority.nobody());
    let node = management(&plane, &authority.node("edge-1"));
    for call in &calls() {
        let path = format!("{}/{}", call.service, call.name);
        let known = call.name == "WhoAmI";
        assert_eq!(let_through(&stranger, call).await, known, "a stranger: {path}");
        assert!(!let_through(&nobody, call).await, "nobody: {path}");
        if call.service != "Sync" {
            assert!(!let_through(&node, call).await, "a node: {path}");
        }
    }
}

#[tokio::test]
async fn a_call_without_the_right_is_an_attempt_that_is_kept() {
    let authority = Authority::make();
    let plane = authority.plane().await;
    let ann = management(&plane, &authority.operator("ann"));
    let stranger = management(&plane, &authority.operator("stranger"));
    let call = Call { service: "Events".into(), name: "TailEvents".into(), streams: true };
    let refusal = refused(made(&stranger, &call).await);
    assert_eq!(refusal.metadata["right"], "audit");
    countersign_tests::eventually("the attempt is kept", async || {
        let kept = attempts(&ann).await;
        kept.iter()
            .any(|it| {
                it.actor == "stranger" && it.call == "TailEvents" && it.status == "PermissionDenied"
            })
            .then_some(())
    })
    .await;
}
