//! Publishing freezes; going offline and coming back keeps bindings.

use countersign_proto::v1::{self, Api};
use countersign_tests::{Backend, refused};
use tonic::Code;

use crate::gateway::{Gateway, ORDERS, RELEASE};

#[tokio::test]
async fn an_edited_api_changes_on_the_node_when_it_is_published_again() {
    let gateway = Gateway::signing_orders_with(&ORDERS).await;
    let other = Backend::answering(|_| countersign_tests::reply("200 OK", "other")).await;
    let update = v1::UpdateApiRequest {
        api: Some(Api {
            id: "orders".to_owned(),
            path: "/v2/orders".to_owned(),
            backend: Some(v1::Backend {
                targets: vec![other.address().to_string()],
                ..Default::default()
            }),
            ..Api::default()
        }),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["path".to_owned(), "backend.targets".to_owned()],
        }),
        ..Default::default()
    };
    let reply = gateway.management.apis().update_api(update).await.unwrap().into_inner();
    assert_eq!(reply.api.unwrap().path, "/v2/orders");
    gateway.reached(reply.revision).await;
    assert_eq!(gateway.get("/orders").await.text(), "hello");
    assert_eq!(gateway.get("/v2/orders").await.status, 404);

    let revision = gateway.management.publish("orders", RELEASE).await;
    gateway.reached(revision).await;
    assert_eq!(gateway.get("/orders").await.status, 404);
    assert_eq!(gateway.get("/v2/orders").await.text(), "other");
    ORDERS.assert_signed(&other.last());
    gateway.end().await;
}

#[tokio::test]
async fn offline_keeps_the_binding_and_publishing_again_restores_it() {
    let gateway = Gateway::signing_orders_with(&ORDERS).await;
    let binding = async || {
        let (api, environment) = ("orders".to_owned(), RELEASE.to_owned());
        let request = v1::GetBindingRequest { api, environment };
        let mut bindings = gateway.management.bindings();
        bindings.get_binding(request).await.unwrap().into_inner().binding.unwrap()
    };
    assert!(binding().await.published);
    let revision = gateway.management.take_offline("orders", RELEASE).await;
    gateway.reached(revision).await;
    let answer = gateway.get("/orders").await;
    assert_eq!((answer.status, answer.code().as_str()), (404, "API_NOT_FOUND"));
    assert!(!binding().await.published);
    let revision = gateway.management.publish("orders", RELEASE).await;
    gateway.reached(revision).await;
    assert!(binding().await.published);
    assert_eq!(gateway.get("/orders").await.status, 200);
    ORDERS.assert_signed(&gateway.backend.last());
    assert_eq!(gateway.backend.take().len(), 1, "nothing came through while it was offline");
    gateway.end().await;
}

#[tokio::test]
async fn only_what_is_published_can_be_bound_or_taken_offline() {
    let gateway = Gateway::start().await;
    gateway.management.create_api(gateway.api("orders", "/orders")).await;
    gateway.management.create_key(&ORDERS).await;
    assert_eq!(gateway.get("/orders").await.status, 404);
    let bind = v1::CreateBindingRequest {
        signature_key: "orders".to_owned(),
        api: "shop/orders".to_owned(),
        environment: RELEASE.to_owned(),
        ..Default::default()
    };
    let offline = v1::TakeApiOfflineRequest {
        api: "orders".to_owned(),
        environment: RELEASE.to_owned(),
        ..Default::default()
    };
    let bound = refused(gateway.management.bindings().create_binding(bind).await);
    let offline = refused(gateway.management.apis().take_api_offline(offline).await);
    for refused in [bound, offline] {
        let told = (refused.code, refused.reason.as_str());
        assert_eq!(told, (Code::FailedPrecondition, "API_NOT_PUBLISHED"));
    }
    gateway.end().await;
}
