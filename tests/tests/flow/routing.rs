//! Where a request goes: by environment, host, method and path.

use countersign_proto::v1::{MatchMode, Method};
use countersign_tests::{Backend, Plane, get, node_with, request, soon};

use crate::gateway::{Gateway, ORDERS, RELEASE, REPORTS, SHOP, api_of};

#[tokio::test]
async fn environments_are_told_apart_by_x_stage() {
    let (mut plane, backend) = (Plane::start().await, Backend::start().await);
    let management = plane.management();
    management.create_environment("STAGING").await;
    management.create_environment("ELSEWHERE").await;
    management.create_group(SHOP, &[]).await;
    management.create_api(api_of(&backend, SHOP, "orders", "/orders")).await;
    for key in [&ORDERS, &REPORTS] {
        management.create_key(key).await;
    }
    let environments = [(RELEASE, &ORDERS), ("STAGING", &REPORTS), ("ELSEWHERE", &REPORTS)];
    for (environment, key) in environments {
        management.publish("orders", environment).await;
        management.bind(key.name, "orders", environment).await;
    }
    let node = node_with(&plane.uri(), "node-1", |config| {
        config.environments = vec![RELEASE.to_owned(), "STAGING".to_owned()];
    })
    .await;
    soon("the node's revision", node.wait_for(plane.revision())).await;
    let ask = async |stage: &str| {
        let head = format!("GET /orders HTTP/1.1\r\nHost: any.example\r\n{stage}\r\n");
        request(node.proxy_address(), head).await.status
    };
    assert_eq!(ask("").await, 200, "the node's first environment");
    ORDERS.assert_signed(&backend.last());
    assert_eq!(ask("X-Stage: RELEASE\r\n").await, 200);
    ORDERS.assert_signed(&backend.last());
    assert_eq!(ask("X-Stage: STAGING\r\n").await, 200);
    REPORTS.assert_signed(&backend.last());
    assert_eq!(backend.take().len(), 3);
    assert_eq!(ask("X-Stage: ELSEWHERE\r\n").await, 404, "another node's");
    assert_eq!(ask("X-Stage: staging\r\n").await, 404);
    assert!(backend.take().is_empty());
    soon("the node's end", node.shutdown()).await;
    plane.stop().await;
}

#[tokio::test]
async fn groups_with_domains_answer_there_and_nowhere_else() {
    let gateway = Gateway::start().await;
    gateway.management.create_group("books", &["books.example", "b.example"]).await;
    let orders = |group: &str| {
        let mut api = api_of(&gateway.backend, group, "orders", "/orders");
        api.backend.as_mut().unwrap().path = format!("/{group}");
        api
    };
    gateway.publish(orders("shop")).await;
    gateway.publish(orders("books")).await;
    gateway.publish(api_of(&gateway.backend, "books", "titles", "/titles")).await;
    let ask = async |host: &str, path: &str| {
        let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let status = gateway.request(head).await.status;
        (status, gateway.backend.take().pop().map(|seen| seen.target))
    };
    for host in ["books.example", "b.example", "BOOKS.example:8080"] {
        assert_eq!(ask(host, "/orders").await, (200, Some("/books".to_owned())), "{host}");
    }
    assert_eq!(ask("books.example", "/titles").await, (200, Some("/titles".to_owned())));
    assert_eq!(ask("any.example", "/orders").await, (200, Some("/shop".to_owned())));
    assert_eq!(ask("any.example", "/titles").await, (404, None));
    gateway.end().await;
}

#[tokio::test]
async fn prefixes_and_parameters_lead_to_the_backends_path() {
    let gateway = Gateway::start().await;
    gateway.management.create_key(&ORDERS).await;
    for (name, path, match_mode, backend_path) in [
        ("one", "/orders/{id}", MatchMode::Normal, "/v2/order/{id}"),
        ("lines", "/orders/{id}/lines/{line}", MatchMode::Normal, "/lines/{line}/of/{id}"),
        ("files", "/files", MatchMode::Swa, "/store"),
        ("pictures", "/files/pictures", MatchMode::Swa, ""),
        ("logo", "/files/pictures/logo", MatchMode::Normal, "/logo"),
        ("areas", "/area/{area}", MatchMode::Swa, "/in/{area}"),
    ] {
        let mut api = gateway.api(name, path);
        api.match_mode = match_mode.into();
        api.backend.as_mut().unwrap().path = backend_path.to_owned();
        gateway.publish(api).await;
        gateway.bind(&ORDERS, name).await;
    }
    for (asked, sent) in [
        ("/orders/17", "/v2/order/17"),
        ("/orders/a%2Fb?x=1", "/v2/order/a%2Fb?x=1"),
        ("/orders/17/lines/3", "/lines/3/of/17"),
        // The exact one first, then the longest prefix, in whole segments.
        ("/files/pictures/logo", "/logo"),
        ("/files/pictures/other", "/files/pictures/other"),
        ("/files/pictures", "/files/pictures"),
        ("/files/picturesque", "/store/picturesque"),
        ("/files", "/store"),
        ("/files/a/b%20c?d=e", "/store/a/b%20c?d=e"),
        ("/area/51/gate", "/in/51/gate"),
    ] {
        assert_eq!(gateway.get(asked).await.status, 200, "{asked}");
        let seen = gateway.backend.last();
        assert_eq!(seen.target, sent, "of {asked}");
        ORDERS.assert_signed(&seen);
    }
    gateway.backend.take();
    for nothing in ["/orders", "/orders/17/lines", "/orders/17/lines/3/more", "/filesystem", "/"] {
        assert_eq!(gateway.get(nothing).await.status, 404, "{nothing}");
    }
    assert!(gateway.backend.take().is_empty());
    gateway.end().await;
}

#[tokio::test]
async fn a_named_method_goes_before_any() {
    let gateway = Gateway::start().await;
    for (name, method) in [("read", Method::Get), ("rest", Method::Any)] {
        let mut api = gateway.api(name, "/things");
        api.method = method.into();
        api.backend.as_mut().unwrap().path = format!("/{name}");
        gateway.publish(api).await;
    }
    let mut api = gateway.api("only", "/only");
    api.method = Method::Put.into();
    gateway.publish(api).await;
    let ask = async |method: &str, path: &str| {
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: any.example\r\nContent-Length: 0\r\n\r\n");
        let status = gateway.request(head).await.status;
        (status, gateway.backend.take().pop().map(|seen| (seen.method, seen.target)))
    };
    let sent = |method: &str, path: &str| (200, Some((method.to_owned(), path.to_owned())));
    assert_eq!(ask("GET", "/things").await, sent("GET", "/read"));
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        assert_eq!(ask(method, "/things").await, sent(method, "/rest"), "{method}");
    }
    assert_eq!(ask("PUT", "/only").await, sent("PUT", "/only"));
    assert_eq!(ask("GET", "/only").await, (404, None));
    gateway.end().await;
}

#[tokio::test]
async fn a_node_without_configuration_says_so() {
    let nobody = countersign_tests::free_address();
    let anywhere = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let config = countersign_data_plane::Config {
        control_planes: vec![format!("http://{nobody}")],
        proxy_listen: anywhere,
        status_listen: Some(anywhere),
        workers: 1,
        ..Default::default()
    };
    let node = countersign_data_plane::start(config).await.unwrap();
    let status = node.status_address().unwrap();
    assert_eq!(get(status, "/live").await.status, 200);
    assert_eq!(get(status, "/ready").await.status, 503);
    let answer = get(node.proxy_address(), "/orders").await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "NO_CONFIGURATION"));
    soon("the node's end", node.shutdown()).await;
}
