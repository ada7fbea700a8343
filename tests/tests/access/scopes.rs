//! What lies outside of a grant's scope is refused, and the log says in which role somebody acted.

use countersign_proto::v1::{self, OperatorRole};
use countersign_tests::authority::{Authority, management};
use countersign_tests::{Management, refused, soon};
use tonic::Code;

use crate::{attempts, grant};

fn environment(name: &str) -> v1::CreateEnvironmentRequest {
    let environment = v1::Environment { name: name.to_owned(), ..Default::default() };
    v1::CreateEnvironmentRequest { environment: Some(environment), ..Default::default() }
}

#[tokio::test]
async fn an_admin_of_one_environment_changes_that_and_no_other() {
    let authority = Authority::make();
    let plane = authority.plane().await;
    let ann = management(&plane, &authority.operator("ann"));
    ann.create_environment("STAGING").await;
    ann.create_environment("TESTING").await;
    let id = grant(&ann, "bob", OperatorRole::Admin, (&["STAGING"], &[])).await;
    let bob = management(&plane, &authority.operator("bob"));
    let update = |name: &str| v1::UpdateEnvironmentRequest {
        environment: Some(v1::Environment {
            id: name.to_owned(),
            remark: "mine".to_owned(),
            ..Default::default()
        }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["remark".to_owned()] }),
        ..Default::default()
    };
    let ids = async |name: &str| {
        let request = v1::GetEnvironmentRequest { environment: name.to_owned() };
        let reply = bob.environments().get_environment(request).await.unwrap().into_inner();
        reply.environment.unwrap().id
    };
    let (staging, testing) = (ids("STAGING").await, ids("TESTING").await);
    bob.environments().update_environment(update(&staging)).await.unwrap();
    let refusal = refused(bob.environments().update_environment(update(&testing)).await);
    assert_eq!((refusal.code, &*refusal.reason), (Code::PermissionDenied, "NOT_PERMITTED"));
    assert!(refusal.message.contains("TESTING"), "{}", refusal.message);
    let everywhere = refused(bob.environments().create_environment(environment("MORE")).await);
    assert_eq!(everywhere.code, Code::PermissionDenied);
    countersign_tests::eventually("the attempt is kept", async || {
        attempts(&ann)
            .await
            .iter()
            .any(|it| {
                it.actor == "bob" && it.status == "PermissionDenied" && it.error.contains("TESTING")
            })
            .then_some(())
    })
    .await;

    let events = ann.events().list_events(v1::ListEventsRequest::default()).await.unwrap();
    let events = events.into_inner().events;
    let roles: Vec<_> = events.iter().rev().map(|it| (&*it.actor, &*it.role)).take(2).collect();
    assert_eq!(roles, [("bob", "admin"), ("ann", "admin")]);

    let mut access = v1::access_client::AccessClient::new(ann.channel());
    let revoke = v1::RevokeAccessRequest { grant: id, ..Default::default() };
    access.revoke_access(revoke).await.unwrap();
    let refusal = refused(bob.environments().update_environment(update(&staging)).await);
    assert_eq!(refusal.code, Code::PermissionDenied);
}

#[tokio::test]
async fn an_operator_of_one_group_and_environment_works_there_and_nowhere_else() {
    let authority = Authority::make();
    let plane = authority.plane().await;
    let ann = management(&plane, &authority.operator("ann"));
    ann.create_environment("STAGING").await;
    let mut apis = Vec::new();
    for group in ["shop", "bank"] {
        let api_group = ann.create_group(group, &[]).await;
        apis.push(ann.create_api(api(&api_group)).await);
    }
    let [shop, bank] = &apis[..] else { unreachable!("two APIs") };
    grant(&ann, "bob", OperatorRole::Operator, (&["STAGING"], &["shop"])).await;
    grant(&ann, "eve", OperatorRole::Admin, (&[], &["shop"])).await;
    let bob = management(&plane, &authority.operator("bob"));
    let eve = management(&plane, &authority.operator("eve"));
    let publish = async |who: &Management, api: &str, environment: &str| {
        let (api, environment) = (api.to_owned(), environment.to_owned());
        let request = v1::PublishApiRequest { api, environment, ..Default::default() };
        who.apis().publish_api(request).await.map(drop)
    };

    publish(&bob, shop, "STAGING").await.unwrap();
    for (api, environment) in [(shop, "RELEASE"), (bank, "STAGING"), (bank, "RELEASE")] {
        let refusal = refused(publish(&bob, api, environment).await);
        assert_eq!((refusal.code, &*refusal.reason), (Code::PermissionDenied, "NOT_PERMITTED"));
    }
    // A scope limits what is changed, not what is seen.
    let all = bob.apis().list_apis(v1::ListApisRequest::default()).await.unwrap().into_inner();
    assert_eq!(all.apis.len(), 2);

    // An admin of a group defines its APIs, publishes them anywhere, and touches no other group.
    publish(&eve, shop, "RELEASE").await.unwrap();
    assert_eq!(refused(publish(&eve, bank, "RELEASE").await).reason, "NOT_PERMITTED");
    let delete = async |who: &Management, api: &str| {
        let request =
            v1::DeleteApiRequest { api: api.to_owned(), force: true, ..Default::default() };
        who.apis().delete_api(request).await.map(drop)
    };
    assert_eq!(refused(delete(&eve, bank).await).reason, "NOT_PERMITTED");
    assert_eq!(refused(delete(&bob, shop).await).reason, "NOT_PERMITTED", "bob defines nothing");
    delete(&eve, shop).await.unwrap();
    let create = eve.environments().create_environment(environment("MORE")).await;
    assert_eq!(refused(create).reason, "NOT_PERMITTED");
}

fn api(group: &str) -> v1::Api {
    v1::Api {
        api_group: group.to_owned(),
        name: "orders".to_owned(),
        method: v1::Method::Get.into(),
        path: "/orders".to_owned(),
        backend: Some(v1::Backend {
            scheme: "http".to_owned(),
            targets: vec!["127.0.0.1:1".to_owned()],
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_stream_ends_when_the_grant_is_taken_that_allowed_it() {
    let authority = Authority::make();
    let plane = authority.plane().await;
    let ann = management(&plane, &authority.operator("ann"));
    let viewer = grant(&ann, "bob", OperatorRole::Viewer, (&[], &[])).await;
    let auditor = grant(&ann, "bob", OperatorRole::Auditor, (&[], &[])).await;
    let bob = management(&plane, &authority.operator("bob"));
    let tail = v1::TailEventsRequest { revision_from: plane.revision() };
    let watch = v1::WatchNodesRequest::default();
    let mut events = bob.events().tail_events(tail).await.unwrap().into_inner();
    let mut others = ann.events().tail_events(tail).await.unwrap().into_inner();
    let mut nodes = bob.nodes().watch_nodes(watch).await.unwrap().into_inner();

    let mut access = v1::access_client::AccessClient::new(ann.channel());
    let mut revoke = async |grant: String| {
        let request = v1::RevokeAccessRequest { grant, ..Default::default() };
        access.revoke_access(request).await.unwrap();
    };
    // The other grant still allows both.
    revoke(viewer).await;
    let before = soon("an event", events.message()).await.unwrap();
    assert!(before.is_some());
    revoke(auditor).await;
    let ended = soon("the end of the events", async {
        loop {
            if let Err(status) = events.message().await {
                return refused::<()>(Err(status));
            }
        }
    })
    .await;
    assert_eq!((ended.code, &*ended.reason), (Code::PermissionDenied, "NOT_PERMITTED"));
    assert_eq!(ended.metadata["right"], "audit");
    let ended = soon("the end of the nodes", async {
        loop {
            if let Err(status) = nodes.message().await {
                return refused::<()>(Err(status));
            }
        }
    })
    .await;
    assert_eq!((ended.code, &*ended.metadata["right"]), (Code::PermissionDenied, "view"));
    let last = plane.revision();
    while soon("an event", others.message()).await.unwrap().unwrap().event.unwrap().revision < last
    {
    }

    // Whoever takes its own grants is told that it did.
    let mine = grant(&ann, "bob", OperatorRole::Admin, (&[], &[])).await;
    let mut own = v1::access_client::AccessClient::new(bob.channel());
    let request = v1::RevokeAccessRequest { grant: mine, ..Default::default() };
    own.revoke_access(request).await.unwrap();
}

#[tokio::test]
async fn in_clear_text_whoever_is_on_the_machine_may_do_everything_unless_told_otherwise() {
    let plane = countersign_tests::Plane::start().await;
    let local = plane.management();
    local.create_environment("STAGING").await;
    let events = local.events().list_events(v1::ListEventsRequest::default()).await.unwrap();
    let last = events.into_inner().events.pop().unwrap();
    assert_eq!((&*last.actor, &*last.role), ("anonymous", "local"));
    let mut access = v1::access_client::AccessClient::new(local.channel());
    let me = access.who_am_i(v1::WhoAmIRequest {}).await.unwrap().into_inner();
    assert_eq!((&*me.by, me.rights.len()), ("local", 6));
    assert!(!plane.data_dir().join("bootstrap-token").exists());

    let strict =
        countersign_tests::Plane::start_with(|config| config.require_credentials = true).await;
    let list = strict.management();
    let list = list.environments().list_environments(v1::ListEnvironmentsRequest::default()).await;
    assert_eq!(refused(list).reason, "NO_CREDENTIALS");
    assert!(strict.data_dir().join("bootstrap-token").exists());
}
