//! A write that comes to a replica that follows: the one that leads decides it, as if it had been asked
//! itself, and the log names who asked.

use countersign_proto::v1;
use countersign_proto::v1::access_client::AccessClient;
use countersign_proto::v1::audit_client::AuditClient;
use countersign_tests::authority::{Authority, management, with_token};
use countersign_tests::{Etcd, Management, Plane, eventually, refused};
use tonic::{Code, Request};

struct Pair {
    authority: Authority,
    leader: Plane,
    follower: Plane,
    _etcd: Etcd,
}

impl Pair {
    /// Over TLS, with the admin ann and the key admin kim.
    async fn start() -> Self {
        let (authority, etcd) = (Authority::make(), Etcd::start());
        let leader = authority.replica(&etcd).await;
        let follower = authority.replica(&etcd).await;
        authority.make_admins(&leader, &["ann"]).await;
        let pair = Self { authority, leader, follower, _etcd: etcd };
        eventually("the admin is known", async || {
            let mut access = AccessClient::new(pair.by_follower("ann").channel());
            access.list_grants(v1::ListGrantsRequest::default()).await.ok()
        })
        .await;
        let grant = v1::Grant {
            operator: "kim".to_owned(),
            role: v1::OperatorRole::KeyAdmin.into(),
            ..v1::Grant::default()
        };
        let request = v1::GrantAccessRequest { grant: Some(grant), ..Default::default() };
        AccessClient::new(pair.by_follower("ann").channel()).grant_access(request).await.unwrap();
        pair
    }

    fn by_follower(&self, operator: &str) -> Management {
        management(&self.follower, &self.authority.operator(operator))
    }

    /// What the log has of it last.
    async fn last_event_of(&self, operator: &str) -> v1::Event {
        let ann = management(&self.leader, &self.authority.operator("ann"));
        let actor = operator.to_owned();
        let request = v1::ListEventsRequest { page_size: 1_000, actor, ..Default::default() };
        let reply = ann.events().list_events(request).await.unwrap();
        reply.into_inner().events.pop().unwrap()
    }
}

fn key(name: &str) -> v1::CreateSignatureKeyRequest {
    let signature_key = v1::SignatureKey {
        name: name.to_owned(),
        r#type: v1::SignatureKeyType::Hmac.into(),
        ..v1::SignatureKey::default()
    };
    v1::CreateSignatureKeyRequest { signature_key: Some(signature_key), ..Default::default() }
}

#[tokio::test]
async fn the_log_names_who_asked_another_replica_and_by_which_role() {
    let pair = Pair::start().await;
    let kim = pair.by_follower("kim");
    let made = kim.signature_keys().create_signature_key(key("orders")).await.unwrap();
    let made = made.into_inner();
    // It is there at once, at the replica that was asked.
    let request = v1::GetSignatureKeyRequest { signature_key: "orders".to_owned() };
    let read = kim.signature_keys().get_signature_key(request).await.unwrap().into_inner();
    assert!(read.revision >= made.revision);
    let event = pair.last_event_of("kim").await;
    assert_eq!(event.role, "key-admin");
    assert!(event.source.starts_with("127.") && !event.source.is_empty(), "{}", event.source);
}

#[tokio::test]
async fn what_somebody_may_not_do_it_may_not_do_by_another_replica() {
    let pair = Pair::start().await;
    let group = v1::ApiGroup { name: "shop".to_owned(), ..v1::ApiGroup::default() };
    let request = v1::CreateApiGroupRequest { api_group: Some(group), ..Default::default() };
    let kim = pair.by_follower("kim");
    let refusal = refused(kim.api_groups().create_api_group(request.clone()).await);
    assert_eq!((refusal.code, &*refusal.reason), (Code::PermissionDenied, "NOT_PERMITTED"));
    let nobody = management(&pair.follower, &pair.authority.nobody());
    let refusal = refused(nobody.api_groups().create_api_group(request.clone()).await);
    assert_eq!(&*refusal.reason, "NO_CREDENTIALS");

    // It is kept where it was decided.
    let ann = management(&pair.leader, &pair.authority.operator("ann"));
    eventually("the attempt is kept", async || {
        let asked = v1::ListAttemptsRequest::default();
        let reply = AuditClient::new(ann.channel()).list_attempts(asked).await.unwrap();
        let kept = reply.into_inner().attempts;
        kept.iter().any(|it| it.actor == "kim" && it.call == "CreateApiGroup").then_some(())
    })
    .await;

    // Whoever says that a replica sent it on has to show it.
    let mut forged = Request::new(request);
    forged.metadata_mut().insert("countersign-forwarded", "AAAA.AAAA".parse().unwrap());
    let ann = management(&pair.leader, &pair.authority.nobody());
    let refusal = refused(ann.api_groups().create_api_group(forged).await);
    assert_eq!((refusal.code, &*refusal.reason), (Code::Unauthenticated, "NOT_FORWARDED"));
}

#[tokio::test]
async fn a_token_is_made_used_and_revoked_by_a_replica_that_follows() {
    let pair = Pair::start().await;
    let mut ann = AccessClient::new(pair.by_follower("ann").channel());
    let request = v1::CreateTokenRequest {
        operator: "kim".to_owned(),
        ttl_seconds: 600,
        ..v1::CreateTokenRequest::default()
    };
    let made = ann.create_token(request).await.unwrap().into_inner();
    let nobody = management(&pair.follower, &pair.authority.nobody());
    let asked = with_token(key("orders"), &made.bearer);
    nobody.signature_keys().create_signature_key(asked).await.unwrap();
    pair.last_event_of("kim").await;
    let request = v1::RevokeTokenRequest { token: made.token.unwrap().id, ..Default::default() };
    ann.revoke_token(request).await.unwrap();
    let asked = with_token(key("reports"), &made.bearer);
    let refusal = refused(nobody.signature_keys().create_signature_key(asked).await);
    assert_eq!(&*refusal.reason, "BAD_TOKEN");
}
