//! Connections and answers, headers on their way, and the end.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{
    Backend, Client, Resources, Seen, api, binding, get, group, hmac, node_of, node_with, reply,
    request, route, soon,
};

fn one_route(backend: &Backend) -> Resources {
    Resources::of([group(1, &[]), route(2, 1, api("/", backend.address(), |_| {}))])
}

#[tokio::test]
async fn an_unbound_api_is_forwarded_with_what_the_client_says_of_itself() {
    let backend = Backend::start().await;
    let (node, _control_plane, _stream) = node_with(&one_route(&backend)).await;
    let own = "Authorization: Bearer mine\r\nX-Sdk-Date: 20200101T000000Z\r\nX_Sdk_Date: x\r\n";
    request(node.proxy_address(), format!("GET / HTTP/1.1\r\nHost: a\r\n{own}\r\n")).await;
    let seen = backend.last();
    assert_eq!(seen.header("authorization"), Some("Bearer mine"));
    assert_eq!(seen.header("x-sdk-date"), Some("20200101T000000Z"));
    assert_eq!(seen.header("x_sdk_date"), None);
}

#[tokio::test]
async fn of_a_client_to_a_bound_api_nothing_passes_for_the_gateways() {
    let backend = Backend::start().await;
    let (node, _control_plane, _stream) =
        node_with(&one_route(&backend).and(0, [hmac(3), binding(2, 3)])).await;
    let hostile = "authorization: Bearer mine\r\nAUTHORIZATION: again\r\nx-sdk-date: 1\r\nX-SDK-Content-SHA256: 2\r\n\
        X-Sdk-User: root\r\nX_Sdk_Date: 3\r\nx-sdk_user: 4\r\nForwarded: for=x\r\nX-Forwarded-For: 6.6.6.6\r\n\
        X_Forwarded_For: 6.6.6.6\r\nX-Forwarded-Port: 1\r\nX-Real-IP: 6.6.6.6\r\nX-Original-URL: /admin\r\n\
        X-Rewrite-URL: /admin\r\nProxy-Authorization: p\r\nKeep-Alive: 5\r\nTE: trailers\r\nUpgrade: h2c\r\n\
        Connection: x-hop, Upgrade\r\nX-Hop: 1\r\nX-Kept: 1\r\nHTTP2-Settings: a\r\n";
    let sent = format!("GET / HTTP/1.1\r\nHost: a\r\n{hostile}\r\n");
    assert_eq!(request(node.proxy_address(), sent).await.status, 200);
    let mut names: Vec<String> = backend.last().headers.into_iter().map(|(name, _)| name).collect();
    names.sort();
    assert_eq!(
        names,
        [
            "authorization",
            "host",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
            "x-kept",
            "x-request-id",
            "x-sdk-date"
        ]
    );
    let seen = backend.last();
    assert_eq!(seen.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(seen.header("x-forwarded-proto"), Some("http"));
    assert!(seen.header("authorization").unwrap().starts_with("SDK-HMAC-SHA256"));
}

#[tokio::test]
async fn every_answer_has_a_request_id_taken_from_the_client_or_made() {
    let backend = Backend::start().await;
    let (node, _control_plane, _stream) = node_with(&one_route(&backend)).await;
    let made = get(node.proxy_address(), "/").await;
    let made = made.header("x-request-id").unwrap();
    assert_eq!(made.len(), 32);
    assert_eq!(backend.last().header("x-request-id"), Some(made));

    let with = |id: &str| format!("GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: {id}\r\n\r\n");
    let taken = request(node.proxy_address(), with("client-chose-this")).await;
    assert_eq!(taken.header("x-request-id"), Some("client-chose-this"));
    let too_long = request(node.proxy_address(), with(&"x".repeat(129))).await;
    assert_eq!(too_long.header("x-request-id").unwrap().len(), 32);

    let refused =
        request(node.proxy_address(), "TRACE / HTTP/1.1\r\nHost: a\r\nX-Request-Id: t\"1\r\n\r\n")
            .await;
    assert_eq!((refused.status, refused.header("x-request-id")), (405, Some("t\"1")));
    assert_eq!(refused.header("content-type"), Some("application/json"));
    assert!(refused.text().ends_with(r#","request_id":"t\"1"}"#), "{}", refused.text());
}

#[tokio::test]
async fn answers_pass_as_they_are_but_for_what_concerns_the_connection() {
    let long = "0123456789".repeat(20_000);
    let answers = [
        ("/empty", "HTTP/1.1 204 No Content\r\nX-Kept: 1\r\n\r\n".to_owned(), String::new()),
        ("/not-modified", "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 5\r\n\r\n".to_owned(), String::new()),
        ("/short", "HTTP/1.1 418 Teapot\r\nContent-Length: 5\r\nConnection: X-Drop\r\nX-Drop: 1\r\nX-Kept: 1\r\nKeep-Alive: 5\r\n\r\nhello".to_owned(), "hello".to_owned()),
        ("/long", format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{long}", long.len()), long.clone()),
        ("/chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-After\r\n\r\n5\r\nhello\r\n0\r\nX-After: 1\r\n\r\n".to_owned(), "hello".to_owned()),
        ("/until-close", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello".to_owned(), "hello".to_owned()),
        ("/continue", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".to_owned(), "hello".to_owned()),
    ];
    let by_path = answers.clone();
    let backend = Backend::answering(move |seen: &Seen| {
        by_path.iter().find(|(path, ..)| *path == seen.target).unwrap().1.clone().into_bytes()
    })
    .await;
    let (node, _control_plane, _stream) = node_with(&one_route(&backend)).await;
    let mut client = Client::connect(node.proxy_address()).await;
    for (path, sent, body) in &answers {
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        let answer = client.answer().await.unwrap();
        let status = if *path == "/continue" { "200" } else { sent.split(' ').nth(1).unwrap() };
        assert_eq!(answer.status.to_string(), status, "{path}");
        assert_eq!(answer.text(), *body, "{path}");
        for gone in ["x-drop", "keep-alive", "trailer", "connection"] {
            assert_eq!(answer.header(gone), None, "{path}");
        }
        assert_eq!(answer.header("x-kept").is_some(), sent.contains("X-Kept"), "{path}");
    }
    client.send("HEAD /short HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let head = client.answer_to("HEAD").await.unwrap();
    assert_eq!((head.status, head.header("content-length")), (418, Some("5")));
}

#[tokio::test]
async fn connections_on_both_sides_are_used_again() {
    let backend = Backend::start().await;
    let (node, _control_plane, _stream) = node_with(&one_route(&backend)).await;
    let mut client = Client::connect(node.proxy_address()).await;
    for _ in 0..5 {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!(client.answer().await.unwrap().status, 200);
    }
    // Two at once, sent in one piece.
    client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.answer().await.unwrap().status, 200);
    assert_eq!(client.answer().await.unwrap().status, 200);
    assert_eq!((backend.connections(), backend.seen().len()), (1, 7));
}

#[tokio::test]
async fn http_1_0_is_answered_and_closed() {
    let backend = Backend::start().await;
    let (node, _control_plane, _stream) = node_with(&one_route(&backend)).await;
    let mut client = Client::connect(node.proxy_address()).await;
    client.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.answer().await.unwrap().text(), "hello");
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_connection_that_the_backend_closed_costs_no_request() {
    // Each connection is closed after its answer, without saying so.
    let backend = Backend::answering(|_| {
        let mut answer = reply("200 OK", "hello");
        answer.splice(15..15, b"\r\nX-Note: connection: close".iter().copied());
        answer
    })
    .await;
    let (node, _control_plane, _stream) = node_with(&one_route(&backend)).await;
    let mut client = Client::connect(node.proxy_address()).await;
    for round in 0..30 {
        let pause = if round % 10 == 9 { 250 } else { round % 3 };
        tokio::time::sleep(std::time::Duration::from_millis(pause)).await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!(client.answer().await.unwrap().status, 200, "round {round}");
    }
}

#[tokio::test]
async fn a_backend_that_answers_badly_is_a_bad_gateway() {
    let broken = Backend::answering(|seen: &Seen| match seen.target.as_str() {
        "/garbage" => b"this is not HTTP\r\n\r\n".to_vec(),
        "/switching" => {
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
                .to_vec()
        }
        _ => Vec::new(),
    })
    .await;
    let (node, _control_plane, _stream) = node_with(&one_route(&broken)).await;
    for path in ["/garbage", "/switching", "/closed"] {
        let answer = get(node.proxy_address(), path).await;
        assert_eq!((answer.status, answer.code()), (502, "BACKEND_ANSWER_BROKEN"), "{path}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_cut_off_for_the_client_too() {
    let backend = Backend::answering(|seen: &Seen| {
        let length = if seen.target == "/short" { 100 } else { 1_000_000 };
        format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\nhalf")
            .into_bytes()
    })
    .await;
    let (node, _control_plane, _stream) = node_with(&one_route(&backend)).await;
    for path in ["/short", "/long"] {
        let mut client = Client::connect(node.proxy_address()).await;
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        assert!(client.answer().await.is_none(), "{path}");
    }
}

#[tokio::test]
async fn a_backend_that_does_not_answer_in_time_is_a_gateway_timeout() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let slow = api("/", silent.local_addr().unwrap(), |api| {
        api.backend.as_mut().unwrap().timeout_ms = 50;
    });
    let (node, _control_plane, _stream) =
        node_with(&Resources::of([group(1, &[]), route(2, 1, slow)])).await;
    let answer = get(node.proxy_address(), "/").await;
    assert_eq!((answer.status, answer.code()), (504, "BACKEND_TIMEOUT"));
}

#[tokio::test]
async fn what_happened_is_counted() {
    let backend = Backend::start().await;
    let resources = Resources::of([
        group(1, &[]),
        route(2, 1, api("/signed", backend.address(), |_| {})),
        route(3, 1, api("/plain", backend.address(), |_| {})),
        hmac(4),
        binding(2, 4),
    ]);
    let (node, _control_plane, _stream) = node_with(&resources).await;
    for path in ["/signed", "/signed", "/plain", "/nowhere"] {
        get(node.proxy_address(), path).await;
    }
    let metrics = get(node.status_address().unwrap(), "/metrics").await;
    for line in [
        r#"countersign_node_requests_total{route="signed_hmac",status="2xx"} 2"#,
        r#"countersign_node_requests_total{route="unsigned",status="2xx"} 1"#,
        r#"countersign_node_requests_total{route="none",status="4xx"} 1"#,
        r#"countersign_node_signatures_total{type="hmac"} 2"#,
        r#"countersign_node_rejections_total{code="API_NOT_FOUND"} 1"#,
        r#"countersign_node_request_latency_seconds_count{route="signed_hmac"} 2"#,
        r#"countersign_node_request_latency_seconds_count{route="none"} 1"#,
        "countersign_node_backend_tries_total 3",
        "countersign_node_received_bytes_total ",
        r#"countersign_node_backend_pool{what="idle"} "#,
        "countersign_node_connections_total 4",
        "countersign_node_backend_latency_seconds_count 3",
        "countersign_node_connected 1",
        "countersign_node_applied_revision 1",
        "countersign_node_last_contact_age_seconds 0",
    ] {
        assert!(metrics.text().contains(line), "{line} is missing in\n{}", metrics.text());
    }
    assert_eq!(get(node.status_address().unwrap(), "/live").await.status, 200);
}

#[tokio::test]
async fn requests_under_way_finish_when_the_node_is_shut_down() {
    let slow = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let resources =
        Resources::of([group(1, &[]), route(2, 1, api("/", slow.local_addr().unwrap(), |_| {}))]);
    let (node, _control_plane, _stream) = node_with(&resources).await;
    let (proxy, status) = (node.proxy_address(), node.status_address().unwrap());
    let mut client = Client::connect(proxy).await;
    let mut idle = Client::connect(proxy).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let (mut backend, _) = soon("the backend's connection", slow.accept()).await.unwrap();
    backend.read_buf(&mut Vec::new()).await.unwrap();

    let shutdown = tokio::spawn(node.shutdown());
    assert!(idle.is_closed().await, "an idle connection is closed");
    let ready = get(status, "/ready").await;
    assert_eq!(ready.status, 503);
    assert!(ready.text().contains("draining"));
    assert!(!shutdown.is_finished());

    backend.write_all(&reply("200 OK", "late")).await.unwrap();
    assert_eq!(client.answer().await.unwrap().text(), "late");
    assert!(client.is_closed().await);
    soon("the shutdown", shutdown).await.unwrap();
}

#[tokio::test]
async fn a_shutdown_waits_no_longer_than_its_limit() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let resources =
        Resources::of([group(1, &[]), route(2, 1, api("/", silent.local_addr().unwrap(), |_| {}))]);
    let (node, _control_plane, _stream) =
        node_of(&resources, |c| c.drain_timeout = std::time::Duration::from_millis(50)).await;
    let mut client = Client::connect(node.proxy_address()).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let _backend = soon("the backend's connection", silent.accept()).await.unwrap();
    soon("the shutdown", node.shutdown()).await;
    assert!(client.answer().await.is_none());
}

#[tokio::test]
async fn a_client_that_waits_is_asked_for_its_body() {
    let backend = Backend::start().await;
    let resources =
        Resources::of([group(1, &[]), route(2, 1, api("/", backend.address(), |_| {}))]);
    let (node, _control_plane, _stream) = node_with(&resources).await;
    let mut client = Client::connect(node.proxy_address()).await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.unwrap().status, 100);
    client.send("body").await;
    assert_eq!(client.answer().await.unwrap().status, 200);
    assert_eq!(backend.last().body, b"body");
}
