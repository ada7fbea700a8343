//! What lies outside of a grant's scope is refused, and the log says in which role somebody acted.

use countersign_proto::v1::{self, OperatorRole};
use countersign_tests::authority::{Authority, management};
use countersign_tests::refused;
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
