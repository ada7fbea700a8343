//! How an API says its backend is reached: field by field, each change by itself, each bad field told.

use countersign_proto::v1::{self, Api, Backend, BackendTls};
use countersign_tests::{Management, Plane, refused};
use tonic::Code;

/// An API `secure` with a backend over TLS, made.
async fn with_secure_api(management: &Management) {
    management.create_group("shop", &[]).await;
    management.create_api(secure(BackendTls::default())).await;
}

fn secure(tls: BackendTls) -> Api {
    Api {
        api_group: "shop".into(),
        name: "secure".into(),
        method: v1::Method::Get.into(),
        path: "/secure".into(),
        backend: Some(Backend {
            scheme: "https".into(),
            targets: vec!["backend.example".into()],
            tls: Some(BackendTls { server_name: "inner.example".into(), ..tls }),
            ..Backend::default()
        }),
        ..Api::default()
    }
}

fn update(backend: Backend, paths: &[&str]) -> v1::UpdateApiRequest {
    v1::UpdateApiRequest {
        api: Some(Api { id: "secure".into(), backend: Some(backend), ..Api::default() }),
        update_mask: Some(prost_types::FieldMask {
            paths: paths.iter().map(ToString::to_string).collect(),
        }),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_part_of_a_backend_is_changed_by_itself() {
    let mut plane = Plane::start().await;
    let management = plane.management();
    with_secure_api(&management).await;
    let tls = BackendTls { client_identity: "gateway".into(), ..BackendTls::default() };
    let backend = Backend { tls: Some(tls), concurrency_max: 7, ..Backend::default() };
    let request = update(backend, &["backend.tls.client_identity"]);
    let reply = management.apis().update_api(request).await.unwrap().into_inner();
    let backend = reply.api.unwrap().backend.unwrap();
    let tls = backend.tls.unwrap();
    assert_eq!(
        (tls.server_name.as_str(), tls.client_identity.as_str()),
        ("inner.example", "gateway")
    );
    assert_eq!((backend.scheme.as_str(), backend.concurrency_max), ("https", 0), "not named");

    // Named as a whole, what is left out is taken away.
    let request = update(Backend::default(), &["backend.tls"]);
    let reply = management.apis().update_api(request).await.unwrap().into_inner();
    assert_eq!(reply.api.unwrap().backend.unwrap().tls, None);
    plane.stop().await;
}

#[tokio::test]
async fn certificates_that_cannot_be_read_are_refused_before_anything_is_written() {
    let mut plane = Plane::start().await;
    let management = plane.management();
    with_secure_api(&management).await;
    let revision = plane.revision();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    for pem in [broken, key, "no PEM"] {
        let tls = BackendTls { ca_pem: pem.into(), ..BackendTls::default() };
        let api = Api { name: "other".into(), path: "/other".into(), ..secure(tls.clone()) };
        let request = v1::CreateApiRequest { api: Some(api), ..Default::default() };
        let create = refused(management.apis().create_api(request).await);
        let backend = Backend { tls: Some(tls), ..Backend::default() };
        let update = update(backend, &["backend.tls.ca_pem"]);
        let update = refused(management.apis().update_api(update).await);
        for refused in [create, update] {
            assert_eq!(refused.code, Code::InvalidArgument);
            assert_eq!(refused.fields, ["api.backend.tls.ca_pem"], "{pem}");
        }
    }
    assert_eq!(plane.revision(), revision);
    plane.stop().await;
}
