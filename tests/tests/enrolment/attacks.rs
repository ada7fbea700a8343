//! Who tries to be enrolled that should not be, each with the code that it is refused with.

use std::time::Duration;

use countersign_proto::v1;
use countersign_tests::authority::{Authority, management, now_ms};
use countersign_tests::{eventually, get, refused};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P384_SHA384};
use tonic::Code;

use crate::revoking::revoke;
use crate::tokens::{enrol, key_and_request, nobody, token, token_for, token_with};

const DAY: Duration = Duration::from_hours(24);

#[tokio::test]
async fn a_token_is_good_once_in_its_time_and_for_its_name() {
    let (authority, nodes) = (Authority::make(), Authority::make());
    let plane = authority.enrolling_plane(&nodes, DAY).await;
    let operator = management(&plane, &authority.operator("ann"));
    let stranger = nobody(&authority, &plane);
    let (_, csr) = key_and_request();
    let code = async |token: &str, csr: &[u8], node: &str| {
        let refusal = refused(enrol(&stranger, token, csr, node).await);
        (refusal.code, refusal.reason)
    };
    let is = |code: Code, reason: &str| (code, reason.to_owned());

    let unknown = code("csnt_guessed", &csr, "edge-1").await;
    assert_eq!(unknown, is(Code::Unauthenticated, "NODE_TOKEN_UNKNOWN"));

    let short = token_with(&operator, |request| request.ttl_seconds = 1).await;
    let expires = short.node_token.unwrap().expire_time.unwrap();
    eventually("the end of the token", async || (now_ms() / 1000 > expires.seconds).then_some(()))
        .await;
    let expired = code(&short.token, &csr, "edge-1").await;
    assert_eq!(expired, is(Code::Unauthenticated, "NODE_TOKEN_EXPIRED"));

    let named = token_for(&operator, "edge-1").await;
    let foreign = code(&named, &csr, "edge-2").await;
    assert_eq!(foreign, is(Code::PermissionDenied, "NODE_NAME_REFUSED"));

    // What was refused has not spent it.
    enrol(&stranger, &named, &csr, "edge-1").await.unwrap();
    let (_, another) = key_and_request();
    let reused = code(&named, &another, "edge-1").await;
    assert_eq!(reused, is(Code::Unauthenticated, "NODE_TOKEN_SPENT"));
    // An answer that was lost is had again, which gives nothing to who has not the key.
    enrol(&stranger, &named, &csr, "edge-1").await.unwrap();

    // A token for any name does not take one that is somebody's, nor one that is seen elsewhere.
    let any = token(&operator).await;
    let taken = code(&any, &another, "edge-1").await;
    assert_eq!(taken, is(Code::AlreadyExists, "NODE_NAME_TAKEN"));

    let back = token_with(&operator, |_| {}).await;
    let id = back.node_token.unwrap().id;
    let request = v1::RevokeNodeTokenRequest { node_token: id, ..Default::default() };
    operator.nodes().revoke_node_token(request).await.unwrap();
    let revoked = code(&back.token, &another, "edge-3").await;
    assert_eq!(revoked, is(Code::Unauthenticated, "NODE_TOKEN_UNKNOWN"));
}

#[tokio::test]
async fn a_request_cannot_be_replayed_and_its_key_has_to_be_a_good_one() {
    let (authority, nodes) = (Authority::make(), Authority::make());
    let plane = authority.enrolling_plane(&nodes, DAY).await;
    let operator = management(&plane, &authority.operator("ann"));
    let stranger = nobody(&authority, &plane);
    let (_, csr) = key_and_request();
    let first = token(&operator).await;
    enrol(&stranger, &first, &csr, "edge-1").await.unwrap();

    let second = token_for(&operator, "edge-2").await;
    let replayed = refused(enrol(&stranger, &second, &csr, "edge-2").await);
    assert_eq!((replayed.code, replayed.reason.as_str()), (Code::AlreadyExists, "NODE_KEY_USED"));
    revoke(&operator, "edge-1").await.unwrap();
    let revoked = refused(enrol(&stranger, &first, &csr, "edge-1").await);
    assert_eq!((revoked.code, revoked.reason.as_str()), (Code::PermissionDenied, "NODE_REVOKED"));
    let again = token_for(&operator, "edge-1").await;
    let replayed = refused(enrol(&stranger, &again, &csr, "edge-1").await);
    assert_eq!(replayed.reason, "NODE_KEY_USED");

    let p384 = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let weak = CertificateParams::default().serialize_request(&p384).unwrap().der().to_vec();
    let weak = refused(enrol(&stranger, &second, &weak, "edge-2").await);
    assert_eq!((weak.code, weak.reason.as_str()), (Code::InvalidArgument, "CSR_KEY"));
    let garbage = refused(enrol(&stranger, &second, b"no request", "edge-2").await);
    assert_eq!((garbage.code, garbage.reason.as_str()), (Code::InvalidArgument, "CSR_INVALID"));
    let (_, mut forged) = key_and_request();
    let last = forged.len() - 1;
    forged[last] ^= 1;
    assert_eq!(refused(enrol(&stranger, &second, &forged, "edge-2").await).reason, "CSR_INVALID");
}

#[tokio::test]
async fn refusals_are_kept_counted_and_limited_and_tell_no_token() {
    let (authority, nodes) = (Authority::make(), Authority::make());
    let plane = authority.enrolling_plane(&nodes, DAY).await;
    let operator = management(&plane, &authority.operator("ann"));
    let stranger = nobody(&authority, &plane);
    let (_, csr) = key_and_request();
    let good = token(&operator).await;
    for _ in 0..20 {
        let guessed = refused(enrol(&stranger, "csnt_guessed", &csr, "edge-1").await);
        assert_eq!(guessed.reason, "NODE_TOKEN_UNKNOWN");
    }
    let limited = refused(enrol(&stranger, &good, &csr, "edge-1").await);
    assert_eq!(
        (limited.code, limited.reason.as_str()),
        (Code::ResourceExhausted, "TOO_MANY_ENROLMENTS")
    );

    let metrics = get(plane.status_address(), "/metrics").await;
    let refusals = "countersign_enrolments_refused_total 20";
    assert!(metrics.text().lines().any(|line| line == refusals), "{}", metrics.text());
    let mut audit = v1::audit_client::AuditClient::new(operator.channel());
    let attempt = eventually("a refusal that is kept", async || {
        let request = v1::ListAttemptsRequest::default();
        let attempts = audit.list_attempts(request).await.unwrap().into_inner().attempts;
        attempts.into_iter().find(|attempt| attempt.call == "EnrolNode")
    })
    .await;
    assert_eq!(
        (attempt.actor.as_str(), attempt.status.as_str()),
        ("node:edge-1", "Unauthenticated")
    );
    assert!(!format!("{attempt:?}").contains("csnt_"), "{attempt:?}");

    let events = operator.events().list_events(v1::ListEventsRequest::default()).await.unwrap();
    let of_token = |event: v1::Event| match event.payload {
        Some(v1::event::Payload::NodeTokenCreated(created)) => Some(created),
        _ => None,
    };
    let created = events.into_inner().events.into_iter().find_map(of_token);
    assert!(created.expect("the event of the token").hash.is_empty());
    let listed = operator.nodes().list_node_tokens(v1::ListNodeTokensRequest::default()).await;
    assert_eq!(listed.unwrap().into_inner().node_tokens.len(), 1);
}

#[tokio::test]
async fn without_a_ca_nobody_is_enrolled_and_the_fix_is_told() {
    let authority = Authority::make();
    let plane = authority.plane().await;
    let (_, csr) = key_and_request();
    let refusal = refused(enrol(&nobody(&authority, &plane), "csnt_a", &csr, "edge-1").await);
    assert_eq!((refusal.code, refusal.reason.as_str()), (Code::FailedPrecondition, "NO_NODE_CA"));
    assert!(refusal.message.contains("--node-ca-cert"), "{}", refusal.message);
}

#[tokio::test]
async fn a_repeated_request_for_a_token_does_not_tell_it_again() {
    let authority = Authority::make();
    let plane = authority.plane().await;
    let operator = management(&plane, &authority.operator("ann"));
    let ask =
        async || token_with(&operator, |request| "once".clone_into(&mut request.request_id)).await;
    let (first, second) = (ask().await, ask().await);
    assert!(first.token.starts_with("csnt_") && second.token.is_empty());
    assert_eq!(first.node_token, second.node_token);
}
