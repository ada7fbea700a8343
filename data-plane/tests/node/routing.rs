//! Which API answers, and where its requests go.

use countersign_data_plane::start;
use countersign_proto::v1::{ApiDefinition, MatchMode, Method, SignatureKeyType};

use crate::support::{
    Backend, ControlPlane, HMAC_SECRET, Resources, api, binding, config, get, group, hmac,
    node_with, request, route, signer,
};

fn one_route(backend: &Backend) -> Resources {
    Resources::of([group(1, &[]), route(2, 1, api("/", backend.address(), |_| {}))])
}

#[tokio::test]
async fn the_environment_is_the_first_one_unless_x_stage_names_another() {
    let backend = Backend::start().await;
    let mut control_plane = ControlPlane::start().await;
    let mut config = config(&control_plane);
    config.environments = vec!["RELEASE".into(), "TEST".into()];
    let node = start(config).await.unwrap();
    let mut stream = control_plane.stream().await;
    stream.welcome("log-a", false).await;
    let other_key = signer(4, SignatureKeyType::Hmac, "key_of_test", HMAC_SECRET);
    let resources = one_route(&backend).and(0, [hmac(3), binding(2, 3)]).and(
        1,
        [group(1, &[]), route(2, 1, api("/", backend.address(), |_| {})), other_key, binding(2, 4)],
    );
    stream.snapshot(1, &resources).await;
    stream.ack(1).await;
    let staged = |stage: &str| format!("GET / HTTP/1.1\r\nHost: a\r\n{stage}\r\n");
    for (stage, key) in [
        ("", "signature_key1"),
        ("X-Stage: RELEASE\r\n", "signature_key1"),
        ("X-Stage: TEST\r\n", "key_of_test"),
    ] {
        request(node.proxy_address(), staged(stage)).await;
        assert!(backend.last().header("authorization").unwrap().contains(key), "{stage}");
    }
    let unknown = request(node.proxy_address(), staged("X-Stage: OTHER\r\n")).await;
    assert_eq!((unknown.status, unknown.code()), (404, "API_NOT_FOUND"));
}

#[tokio::test]
async fn domains_go_before_groups_without_domains() {
    let (own, any) = (Backend::start().await, Backend::start().await);
    let resources = Resources::of([
        group(1, &["api.example.com", "www.example.com"]),
        group(2, &[]),
        route(3, 1, api("/own", own.address(), |_| {})),
        route(4, 2, api("/", any.address(), |_| {})),
    ]);
    let (node, _control_plane, mut stream) = node_with(&resources).await;
    let ask = |host: &'static str, path: &'static str| {
        let address = node.proxy_address();
        async move {
            request(address, format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n")).await.status
        }
    };
    for host in ["api.example.com", "API.Example.COM:8080", "www.example.com", "api.example.com."] {
        assert_eq!(ask(host, "/own").await, 200);
        assert_eq!(own.last().header("x-forwarded-host"), Some(host));
    }
    assert_eq!(own.seen().len(), 4);
    assert_eq!((ask("api.example.com", "/else").await, any.seen().len()), (200, 1));
    assert_eq!((ask("other.example.com", "/own").await, any.seen().len()), (200, 2));

    // A domain moves to another group at once.
    stream.delta(2, &Resources::of([group(1, &["new.example.com"])])).await;
    stream.ack(2).await;
    assert_eq!((ask("new.example.com", "/own").await, own.seen().len()), (200, 5));
    assert_eq!((ask("api.example.com", "/own").await, any.seen().len()), (200, 3));
}

#[tokio::test]
async fn paths_are_mapped_to_the_backends() {
    let backend = Backend::start().await;
    let to = |path: &str| {
        let path = path.to_owned();
        move |api: &mut ApiDefinition| {
            api.backend.as_mut().unwrap().path = path;
        }
    };
    let normal = |api: &mut ApiDefinition| api.match_mode = MatchMode::Normal.into();
    let at = backend.address();
    let resources = Resources::of([
        group(1, &[]),
        route(2, 1, api("/as-is", at, |_| {})),
        route(3, 1, api("/prefix", at, to("/base"))),
        route(
            4,
            1,
            api("/users/{user}/orders/{order}", at, |a| {
                to("/o/{order}/of/{user}")(a);
                normal(a);
            }),
        ),
        route(5, 1, api("/t/{tenant}", at, to("/{tenant}/v2/"))),
        route(
            6,
            1,
            api("/exact", at, |a| {
                to("/")(a);
                normal(a);
            }),
        ),
    ]);
    let (node, _control_plane, _stream) = node_with(&resources).await;
    for (asked, sent) in [
        ("/as-is/x/y?z=1", "/as-is/x/y?z=1"),
        ("/prefix", "/base"),
        ("/prefix/", "/base/"),
        ("/prefix/a//b?c=d", "/base/a//b?c=d"),
        ("/users/ann%2Fb/orders/7", "/o/7/of/ann%2Fb"),
        ("/t/acme", "/acme/v2/"),
        ("/t/acme/things", "/acme/v2/things"),
        ("/exact", "/"),
    ] {
        assert_eq!(get(node.proxy_address(), asked).await.status, 200, "{asked}");
        assert_eq!(backend.last().target, sent, "{asked}");
    }
    for missing in ["/prefixed", "/exact/", "/exact/more", "/users/ann/orders", "/users//orders/7"]
    {
        assert_eq!(get(node.proxy_address(), missing).await.code(), "API_NOT_FOUND", "{missing}");
    }
}

#[tokio::test]
async fn targets_are_taken_in_turn_and_one_that_is_down_is_passed_over() {
    let (a, b) = (Backend::start().await, Backend::start().await);
    let down = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let both = api("/both", a.address(), |api| {
        api.backend.as_mut().unwrap().targets.push(b.address().to_string());
    });
    let retried = api("/retried", a.address(), |api| {
        let backend = api.backend.as_mut().unwrap();
        backend.targets = vec![down.to_string(), a.address().to_string()];
        backend.retries = 1;
    });
    let resources = Resources::of([
        group(1, &[]),
        route(2, 1, both),
        route(3, 1, retried),
        route(4, 1, api("/down", down, |_| {})),
        hmac(5),
        binding(3, 5),
    ]);
    let (node, _control_plane, _stream) = node_with(&resources).await;
    for _ in 0..4 {
        assert_eq!(get(node.proxy_address(), "/both").await.status, 200);
    }
    assert_eq!((a.seen().len(), b.seen().len()), (2, 2));
    for _ in 0..4 {
        assert_eq!(get(node.proxy_address(), "/retried").await.status, 200);
        let seen = a.last();
        assert_eq!(seen.header("host").unwrap(), a.address().to_string());
        assert_eq!(seen.header("x-forwarded-host"), Some("any.example"));
        assert!(seen.header("authorization").is_some());
    }
    let unreachable = get(node.proxy_address(), "/down").await;
    assert_eq!((unreachable.status, unreachable.code()), (502, "BACKEND_UNREACHABLE"));
}

#[tokio::test]
async fn one_that_gives_no_answer_is_passed_over_for_a_while() {
    let (silent, good) = (Backend::answering(|_| Vec::new()).await, Backend::start().await);
    let both = api("/", silent.address(), |api| {
        api.backend.as_mut().unwrap().targets.push(good.address().to_string());
    });
    let resources = Resources::of([group(1, &[]), route(2, 1, both)]);
    let (node, _control_plane, _stream) = node_with(&resources).await;
    let mut lost = 0;
    for _ in 0..20 {
        let sent = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx".to_owned();
        lost += usize::from(request(node.proxy_address(), sent).await.status == 502);
    }
    // Whether it did anything nobody knows, so that one is not sent again.
    assert_eq!((lost, silent.connections(), good.seen().len()), (1, 1, 19));
}

#[tokio::test]
async fn a_method_that_no_api_names_finds_the_next_best_path() {
    let backend = Backend::start().await;
    let with = |method: Method| move |api: &mut ApiDefinition| api.method = method.into();
    let at = backend.address();
    let resources = Resources::of([
        group(1, &[]),
        route(2, 1, api("/a/b", at, with(Method::Post))),
        route(3, 1, api("/a", at, with(Method::Get))),
    ]);
    let (node, _control_plane, _stream) = node_with(&resources).await;
    assert_eq!(get(node.proxy_address(), "/a/b").await.status, 200);
    for (method, status) in [("POST", 200), ("GET", 200), ("PUT", 404), ("PROPFIND", 404)] {
        let sent = format!("{method} /a/b HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(request(node.proxy_address(), sent).await.status, status, "{method}");
    }
}
