//! Tokens: made, shown once, used, told of, revoked; and those that are none.

use std::sync::atomic::{AtomicI64, Ordering};

use countersign_proto::v1::access_client::AccessClient;
use countersign_proto::v1::events_client::EventsClient;
use countersign_proto::v1::{self, OperatorRole};
use countersign_tests::authority::{Authority, management, now_ms, with_token};
use countersign_tests::{Management, get, refused, soon};
use tonic::Code;

use crate::{attempts, grant};

async fn made(admin: &Management, operator: &str) -> (String, String) {
    let request = v1::CreateTokenRequest { operator: operator.to_owned(), ..Default::default() };
    let reply = AccessClient::new(admin.channel()).create_token(request).await.unwrap();
    let reply = reply.into_inner();
    (reply.token.unwrap().id, reply.bearer)
}

async fn whoami(who: &Management, token: &str) -> Result<v1::WhoAmIResponse, tonic::Status> {
    let mut access = AccessClient::new(who.channel());
    access.who_am_i(with_token(v1::WhoAmIRequest {}, token)).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn a_token_names_its_operator_until_it_is_revoked_and_its_streams_end_then() {
    let authority = Authority::make();
    let plane = authority.plane().await;
    let ann = management(&plane, &authority.operator("ann"));
    grant(&ann, "ci", OperatorRole::Auditor, (&[], &[])).await;
    let (id, token) = made(&ann, "ci").await;
    let anywhere = management(&plane, &authority.nobody());
    let me = whoami(&anywhere, &token).await.unwrap();
    assert_eq!((&*me.operator, &*me.by), ("ci", "token"));
    assert_eq!(me.rights, ["view", "audit"]);

    let mut access = AccessClient::new(ann.channel());
    let listed = access.list_tokens(v1::ListTokensRequest::default()).await.unwrap().into_inner();
    let used = listed.tokens.iter().find(|it| it.id == id).unwrap();
    assert!(used.last_used.is_some());
    assert_eq!(used.last_address, "127.0.0.1");

    let events = ann.events().list_events(v1::ListEventsRequest::default()).await.unwrap();
    let text = format!("{:?}", events.into_inner());
    assert!(!text.contains(&token), "a token is shown once");
    assert!(text.contains("hash: []"), "{text}");

    let tail = v1::TailEventsRequest { revision_from: plane.revision() };
    let mut events = EventsClient::new(anywhere.channel());
    let mut stream = events.tail_events(with_token(tail, &token)).await.unwrap().into_inner();
    soon("an event", stream.message()).await.unwrap().unwrap();
    let revoke = v1::RevokeTokenRequest { token: id, ..Default::default() };
    access.revoke_token(revoke).await.unwrap();
    let ended = soon("the stream's end", async {
        loop {
            match stream.message().await {
                Ok(Some(_)) => {}
                other => return other,
            }
        }
    })
    .await;
    assert_eq!(refused(ended).code, Code::Unauthenticated);
    assert_eq!(refused(whoami(&anywhere, &token).await).reason, "BAD_TOKEN");
}

#[tokio::test]
async fn a_token_is_good_until_its_time_is_over_and_so_are_its_streams() {
    static AHEAD_MS: AtomicI64 = AtomicI64::new(0);
    let authority = Authority::make();
    let plane = countersign_tests::Plane::start_with(|config| {
        config.transport = authority.transport(config.listen);
        config.now_ms = || now_ms() + AHEAD_MS.load(Ordering::Relaxed);
    })
    .await;
    authority.make_admins(&plane, &["ann"]).await;
    let ann = management(&plane, &authority.operator("ann"));
    grant(&ann, "ci", OperatorRole::Auditor, (&[], &[])).await;
    let request = |ttl_seconds| v1::CreateTokenRequest {
        operator: "ci".to_owned(),
        ttl_seconds,
        ..Default::default()
    };
    let mut access = AccessClient::new(ann.channel());
    for ttl in [1, 59, 367 * 24 * 3600] {
        let refusal = refused(access.create_token(request(ttl)).await);
        assert_eq!(refusal.fields, ["ttl_seconds"], "{ttl}");
    }
    let made = access.create_token(request(60)).await.unwrap().into_inner();
    let expires = made.token.unwrap().expires.unwrap();
    let expires_ms = expires.seconds * 1000 + i64::from(expires.nanos) / 1_000_000;
    let anywhere = management(&plane, &authority.nobody());
    whoami(&anywhere, &made.bearer).await.unwrap();

    // A moment before its end.
    AHEAD_MS.store(expires_ms - now_ms() - 500, Ordering::Relaxed);
    let tail = v1::TailEventsRequest { revision_from: plane.revision() + 1 };
    let mut events = EventsClient::new(anywhere.channel());
    let stream = events.tail_events(with_token(tail, &made.bearer)).await.unwrap();
    let ended = refused(soon("the stream's end", stream.into_inner().message()).await);
    assert_eq!((ended.code, &*ended.reason), (Code::Unauthenticated, "TOKEN_EXPIRED"));
    let refusal = refused(whoami(&anywhere, &made.bearer).await);
    assert_eq!((refusal.code, &*refusal.reason), (Code::Unauthenticated, "TOKEN_EXPIRED"));
    assert!(refusal.message.contains("ask an admin"), "{}", refusal.message);
    access.who_am_i(v1::WhoAmIRequest {}).await.expect("its certificate is good");
}

#[tokio::test]
async fn failed_logins_are_counted_limited_and_kept() {
    let authority = Authority::make();
    let plane = authority.plane().await;
    let ann = management(&plane, &authority.operator("ann"));
    let (_, token) = made(&ann, "ci").await;
    let anywhere = management(&plane, &authority.nobody());
    let typo = token.replace("cst_", "cst_A");
    assert_eq!(refused(whoami(&anywhere, &typo).await).reason, "MALFORMED_TOKEN");
    for _ in 1..10 {
        let refusal = refused(whoami(&anywhere, "nonsense").await);
        assert_eq!((refusal.code, &*refusal.reason), (Code::Unauthenticated, "MALFORMED_TOKEN"));
    }
    let refusal = refused(whoami(&anywhere, &token).await);
    assert_eq!(refusal.code, Code::ResourceExhausted, "a good one is not looked at either");
    assert_eq!(refusal.reason, "TOO_MANY_FAILED_LOGINS");
    assert!(refusal.metadata.contains_key("retry_after_seconds"));

    let metrics = get(plane.status_address(), "/metrics").await;
    let counted = "countersign_logins_failed_total{reason=\"MALFORMED_TOKEN\"} 10";
    assert!(metrics.text().lines().any(|line| line == counted), "{}", metrics.text());
    countersign_tests::eventually("the attempts are kept", async || {
        attempts(&ann)
            .await
            .iter()
            .any(|it| it.call == "WhoAmI" && it.status == "Unauthenticated")
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn calls_come_no_faster_than_their_rate() {
    let authority = Authority::make();
    let plane = countersign_tests::Plane::start_with(|config| {
        config.transport = authority.transport(config.listen);
        config.calls_per_second = 1;
    })
    .await;
    let ann = management(&plane, &authority.operator("ann"));
    let mut access = AccessClient::new(ann.channel());
    let mut answers = Vec::new();
    for _ in 0..20 {
        answers.push(access.who_am_i(v1::WhoAmIRequest {}).await);
    }
    assert!(answers.first().unwrap().is_ok());
    let refusal = refused(answers.into_iter().find(Result::is_err).unwrap());
    assert_eq!((refusal.code, &*refusal.reason), (Code::ResourceExhausted, "TOO_MANY_CALLS"));
}
