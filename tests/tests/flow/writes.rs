//! What every write takes: a request id, so that it can be repeated, and an expected revision, so
//! that it is not made on a state that nobody looked at.

use countersign_proto::v1::{self, Environment, SignatureKey, SignatureKeyType};
use countersign_tests::{Plane, refused};
use tonic::Code;

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer_and_writes_nothing() {
    let mut plane = Plane::start().await;
    let management = plane.management();
    let request = create("STAGING", "a-request");
    let mut environments = management.environments();
    let first = environments.create_environment(request.clone()).await.unwrap().into_inner();
    // The first answer, not the present state.
    let update = v1::UpdateEnvironmentRequest {
        environment: Some(Environment {
            id: "STAGING".to_owned(),
            remark: "another".to_owned(),
            ..Environment::default()
        }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["remark".to_owned()] }),
        ..Default::default()
    };
    environments.update_environment(update).await.unwrap();
    let revision = plane.revision();
    for _ in 0..2 {
        let again = environments.create_environment(request.clone()).await.unwrap().into_inner();
        assert_eq!(again, first);
        let other = refused(environments.create_environment(create("TESTING", "a-request")).await);
        assert_eq!((other.code, other.reason.as_str()), (Code::AlreadyExists, "REQUEST_ID_REUSED"));
        assert_eq!(plane.revision(), revision);
        // The log remembers what the process has forgotten.
        plane.restart().await;
    }
    plane.stop().await;
}

#[tokio::test]
async fn a_generated_secret_is_told_once_even_if_the_request_is_repeated() {
    let mut plane = Plane::start().await;
    let mut keys = plane.management().signature_keys();
    let request = v1::CreateSignatureKeyRequest {
        signature_key: Some(SignatureKey {
            name: "orders".to_owned(),
            r#type: SignatureKeyType::Hmac.into(),
            ..SignatureKey::default()
        }),
        request_id: "a-request".to_owned(),
        ..Default::default()
    };
    let first = keys.create_signature_key(request.clone()).await.unwrap().into_inner();
    assert_eq!(first.generated_secret.len(), 64);
    let key = first.signature_key.as_ref().unwrap();
    assert!(key.key.len() == 32 && key.key.bytes().all(|b| b.is_ascii_hexdigit()), "{key:?}");
    let again = keys.create_signature_key(request.clone()).await.unwrap().into_inner();
    assert_eq!(again.generated_secret, "");
    assert_eq!((again.signature_key, again.revision), (first.signature_key, first.revision));
    // The same id with a secret of the caller's own is another request.
    let given =
        v1::CreateSignatureKeyRequest { secret: "Given_by-the-caller".to_owned(), ..request };
    let given = refused(keys.create_signature_key(given).await);
    assert_eq!(given.reason, "REQUEST_ID_REUSED");
    plane.stop().await;
}

#[tokio::test]
async fn a_write_on_an_expected_revision_loses_against_another_write() {
    let mut plane = Plane::start().await;
    let mut environments = plane.management().environments();
    let seen = plane.revision();
    let on = |name: &str, revision: u64| v1::CreateEnvironmentRequest {
        expected_revision: Some(revision),
        ..create(name, "")
    };
    let first = environments.create_environment(on("STAGING", seen)).await.unwrap().into_inner();
    assert_eq!(first.revision, seen + 1);
    let late = refused(environments.create_environment(on("TESTING", seen)).await);
    assert_eq!((late.code, late.reason.as_str()), (Code::Aborted, "REVISION_MISMATCH"));
    assert_eq!(late.metadata["revision"], first.revision.to_string());
    let early = refused(environments.create_environment(on("TESTING", seen + 9)).await);
    assert_eq!(early.reason, "REVISION_MISMATCH");
    assert_eq!(plane.revision(), first.revision);
    environments.create_environment(on("TESTING", first.revision)).await.unwrap();
    plane.stop().await;
}

#[tokio::test]
async fn of_many_writers_on_one_revision_one_wins() {
    let mut plane = Plane::start().await;
    let seen = plane.revision();
    let writers: Vec<_> = (0..8)
        .map(|n| {
            let mut environments = plane.management().environments();
            let request = v1::CreateEnvironmentRequest {
                expected_revision: Some(seen),
                ..create(&format!("ENV_{n}"), "")
            };
            tokio::spawn(async move { environments.create_environment(request).await.is_ok() })
        })
        .collect();
    let mut won = 0;
    for writer in writers {
        won += usize::from(writer.await.unwrap());
    }
    assert_eq!((won, plane.revision()), (1, seen + 1));
    plane.stop().await;
}

#[tokio::test]
async fn all_bad_fields_are_told_at_once() {
    let mut plane = Plane::start().await;
    let mut keys = plane.management().signature_keys();
    let request = v1::CreateSignatureKeyRequest {
        signature_key: Some(SignatureKey {
            name: "1 bad name".to_owned(),
            r#type: SignatureKeyType::Hmac.into(),
            key: "short".to_owned(),
            ..SignatureKey::default()
        }),
        secret: "short".to_owned(),
        confirm_secret: "differs".to_owned(),
        ..Default::default()
    };
    let before = plane.revision();
    let refused = refused(keys.create_signature_key(request).await);
    assert_eq!((refused.code, refused.reason.as_str()), (Code::InvalidArgument, "INVALID_FIELDS"));
    let mut fields = refused.fields;
    fields.sort();
    assert_eq!(fields, ["confirm_secret", "secret", "signature_key.key", "signature_key.name"]);
    assert_eq!(plane.revision(), before);
    plane.stop().await;
}

#[tokio::test]
async fn quotas_come_from_the_configuration() {
    let mut plane = Plane::start_with(|config| config.limits.environments_max = 2).await;
    let mut environments = plane.management().environments();
    environments.create_environment(create("STAGING", "")).await.unwrap();
    let third = refused(environments.create_environment(create("TESTING", "")).await);
    let told = (third.code, third.reason.as_str());
    assert_eq!(told, (Code::ResourceExhausted, "QUOTA_EXCEEDED"));
    assert_eq!(third.metadata["limit"], "2");
    let delete =
        v1::DeleteEnvironmentRequest { environment: "STAGING".to_owned(), ..Default::default() };
    environments.delete_environment(delete).await.unwrap();
    environments.create_environment(create("TESTING", "")).await.unwrap();
    plane.stop().await;
}

fn create(name: &str, request_id: &str) -> v1::CreateEnvironmentRequest {
    v1::CreateEnvironmentRequest {
        environment: Some(Environment { name: name.to_owned(), ..Environment::default() }),
        request_id: request_id.to_owned(),
        expected_revision: None,
        reason: String::new(),
    }
}
