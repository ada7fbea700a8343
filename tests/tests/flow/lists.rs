//! Lists: pages that neither lose nor repeat, and filters.

use countersign_proto::v1::{self, SignatureKeyType};
use countersign_tests::{Backend, Management, Plane, refused};
use tonic::Code;

use crate::gateway::{LEGACY, ORDERS, RELEASE, REPORTS, api_of};

/// Two groups with two APIs each; three of them published, two bound.
async fn some_bindings(plane: &Plane) -> Management {
    let (management, backend) = (plane.management(), Backend::start().await);
    management.create_environment("STAGING").await;
    for (group, domain) in [("shop", "shop.example"), ("books", "books.example")] {
        management.create_group(group, &[domain]).await;
        for api in ["orders", "returns"] {
            management.create_api(api_of(&backend, group, api, &format!("/{api}"))).await;
        }
    }
    for key in [&ORDERS, &REPORTS, &LEGACY] {
        management.create_key(key).await;
    }
    management.publish("shop/orders", RELEASE).await;
    management.publish("shop/orders", "STAGING").await;
    management.publish("books/orders", RELEASE).await;
    management.publish("books/returns", RELEASE).await;
    management.bind("orders", "shop/orders", RELEASE).await;
    management.bind("reports", "shop/orders", "STAGING").await;
    management.bind("orders", "books/returns", RELEASE).await;
    management
}

#[tokio::test]
async fn bindings_are_found_by_key_api_environment_group_and_keyword() {
    let mut plane = Plane::start().await;
    let management = some_bindings(&plane).await;
    let found = async |change: fn(&mut v1::ListBindingsRequest)| {
        let mut request = v1::ListBindingsRequest::default();
        change(&mut request);
        let reply = management.bindings().list_bindings(request).await.unwrap().into_inner();
        assert_eq!(reply.revision, plane.revision());
        let name = |b: v1::Binding| {
            format!(
                "{}/{} {} {}",
                b.api_group_name, b.api_name, b.environment_name, b.signature_key_name
            )
        };
        sorted(reply.bindings.into_iter().map(name))
    };
    let (one, two, three) = (
        "books/returns RELEASE orders",
        "shop/orders RELEASE orders",
        "shop/orders STAGING reports",
    );
    assert_eq!(found(|_| {}).await, [one, two, three]);
    assert_eq!(found(|r| r.signature_key = "orders".to_owned()).await, [one, two]);
    assert_eq!(found(|r| r.api = "shop/orders".to_owned()).await, [two, three]);
    assert_eq!(found(|r| r.environment = "STAGING".to_owned()).await, [three]);
    assert_eq!(found(|r| r.api_group = "books".to_owned()).await, [one]);
    assert_eq!(found(|r| r.api_name_contains = "TURN".to_owned()).await, [one]);
    let both = |r: &mut v1::ListBindingsRequest| {
        r.signature_key = "orders".to_owned();
        r.api_group = "shop".to_owned();
    };
    assert_eq!(found(both).await, [two]);
    let unknown =
        v1::ListBindingsRequest { signature_key: "nobody".to_owned(), ..Default::default() };
    let unknown = refused(management.bindings().list_bindings(unknown).await);
    assert_eq!((unknown.code, unknown.reason.as_str()), (Code::NotFound, "NOT_FOUND"));
    plane.stop().await;
}

#[tokio::test]
async fn keys_are_found_by_name_type_and_use() {
    let mut plane = Plane::start().await;
    let management = some_bindings(&plane).await;
    let found = async |change: fn(&mut v1::ListSignatureKeysRequest)| {
        let mut request = v1::ListSignatureKeysRequest::default();
        change(&mut request);
        let reply = management.signature_keys().list_signature_keys(request).await.unwrap();
        let keys = reply.into_inner().signature_keys.into_iter();
        sorted(keys.map(|key| key.name))
    };
    assert_eq!(found(|_| {}).await, ["legacy", "orders", "reports"]);
    assert_eq!(found(|r| r.name_contains = "OR".to_owned()).await, ["orders", "reports"]);
    assert_eq!(found(|r| r.name = "reports".to_owned()).await, ["reports"]);
    assert_eq!(found(|r| r.r#type = SignatureKeyType::Basic.into()).await, ["legacy"]);
    assert_eq!(found(|r| r.bound = Some(true)).await, ["orders", "reports"]);
    assert_eq!(found(|r| r.bound = Some(false)).await, ["legacy"]);
    plane.stop().await;
}

#[tokio::test]
async fn apis_and_publications_are_found_by_group_environment_and_binding() {
    let mut plane = Plane::start().await;
    let management = some_bindings(&plane).await;
    let apis = async |change: fn(&mut v1::ListApisRequest)| {
        let mut request = v1::ListApisRequest::default();
        change(&mut request);
        let reply = management.apis().list_apis(request).await.unwrap().into_inner();
        sorted(reply.apis.into_iter().map(|api| (api.name, api.published_in)))
    };
    let in_release = |name: &str| (name.to_owned(), vec![RELEASE.to_owned()]);
    assert_eq!(apis(|_| {}).await.len(), 4);
    let books = apis(|r| r.api_group = "books".to_owned()).await;
    assert_eq!(books, [in_release("orders"), in_release("returns")]);
    let staging = apis(|r| r.environment = "STAGING".to_owned()).await;
    assert_eq!(staging.len(), 1);
    assert_eq!(staging[0].1.len(), 2, "published in both: {staging:?}");
    let unbound = |r: &mut v1::ListApisRequest| {
        r.environment = RELEASE.to_owned();
        r.bound = Some(false);
    };
    assert_eq!(apis(unbound).await, [in_release("orders")], "the one of the books");

    let request = v1::ListPublicationsRequest { bound: Some(true), ..Default::default() };
    let reply = management.apis().list_publications(request).await.unwrap().into_inner();
    let bound = sorted(reply.publications.into_iter().map(|p| p.signature_key_name));
    assert_eq!(bound, ["orders", "orders", "reports"]);
    plane.stop().await;
}

#[tokio::test]
async fn pages_neither_lose_nor_repeat() {
    const APIS: usize = 25;
    let mut plane = Plane::start().await;
    let (management, backend) = (plane.management(), Backend::start().await);
    management.create_group("shop", &[]).await;
    for n in 0..APIS {
        management
            .create_api(api_of(&backend, "shop", &format!("api-{n:02}"), &format!("/{n}")))
            .await;
    }
    let mut names = Vec::new();
    let mut request = v1::ListApisRequest { page_size: 10, ..Default::default() };
    let mut sizes = Vec::new();
    loop {
        let reply = management.apis().list_apis(request.clone()).await.unwrap().into_inner();
        sizes.push(reply.apis.len());
        names.extend(reply.apis.into_iter().map(|api| api.name));
        if reply.next_page_token.is_empty() {
            break;
        }
        request.page_token = reply.next_page_token;
        if sizes.len() == 1 {
            // One that was there already and one that was not: neither disturbs the pages.
            let delete = v1::DeleteApiRequest { api: names[0].clone(), ..Default::default() };
            management.apis().delete_api(delete).await.unwrap();
            management.create_api(api_of(&backend, "shop", "latest", "/latest")).await;
        }
    }
    let mut expected: Vec<String> = (0..APIS).map(|n| format!("api-{n:02}")).collect();
    expected.push("latest".to_owned());
    assert_eq!((sorted(names), sizes), (expected, vec![10, 10, 6]));
    let bad = v1::ListApisRequest {
        page_token: "nonsense".to_owned(),
        page_size: -1,
        ..Default::default()
    };
    let bad = refused(management.apis().list_apis(bad).await);
    assert_eq!(
        (bad.code, bad.fields),
        (Code::InvalidArgument, vec!["page_size".to_owned(), "page_token".to_owned()])
    );
    plane.stop().await;
}

fn sorted<T: Ord>(found: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut found: Vec<T> = found.into_iter().collect();
    found.sort();
    found
}
