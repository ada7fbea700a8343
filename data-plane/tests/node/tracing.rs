//! Traces: what goes to the collector, and what goes on to the backend.

use prost::Message as _;

use crate::support::{
    Backend, Collector, Resources, api, attributes, binding, group, hmac, node_of, request, route,
    spans,
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

fn bound(backend: &Backend) -> Resources {
    let api = api("/orders/{id}", backend.address(), |_| {});
    Resources::of([group(1, &[]), route(2, 1, api), hmac(3), binding(2, 3)])
}

fn asked(headers: &str) -> String {
    format!("GET /orders/7?token=in-the-query HTTP/1.1\r\nHost: a\r\n{headers}\r\n")
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

#[tokio::test]
async fn a_sampled_parent_is_followed_and_an_unsampled_one_is_left_alone() {
    let backend = Backend::start().await;
    let mut collector = Collector::start().await;
    let (node, _control_plane, _stream) = node_of(&bound(&backend), |config| {
        config.otlp_endpoint = Some(collector.uri());
        config.trace_every = 1;
    })
    .await;
    let unsampled = format!("00-{TRACE}-{PARENT}-00");
    let headers = format!("traceparent: {unsampled}\r\ntracestate: a=1\r\n");
    assert_eq!(request(node.proxy_address(), asked(&headers)).await.status, 200);
    let seen = backend.last();
    assert_eq!(seen.header("traceparent"), Some(unsampled.as_str()));
    assert_eq!(seen.header("tracestate"), Some("a=1"));

    let headers = format!(
        "traceparent: 00-{TRACE}-{PARENT}-01\r\ntracestate: a=1\r\nCookie: in-a-header\r\n"
    );
    let answer = request(node.proxy_address(), asked(&headers)).await;
    let batch = collector.batch().await;
    let spans = spans(&batch);
    assert_eq!(spans.len(), 1, "the unsampled one has none");
    let span = &spans[0];
    assert_eq!((hex(&span.trace_id), hex(&span.parent_span_id)), (TRACE.into(), PARENT.into()));
    assert_eq!((span.name.as_str(), span.trace_state.as_str()), ("GET /orders/{id}", "a=1"));
    let seen = backend.last();
    let onwards = format!("00-{TRACE}-{}-01", hex(&span.span_id));
    assert_eq!(seen.header("traceparent"), Some(onwards.as_str()));
    assert_eq!(seen.header("tracestate"), Some("a=1"));
    let attributes = attributes(span);
    for (name, value) in [
        ("http.request.method", "GET"),
        ("http.route", "/orders/{id}"),
        ("http.response.status_code", "200"),
        ("countersign.route", "signed_hmac"),
        ("countersign.backend", &backend.address().to_string()),
        ("countersign.tries", "1"),
        ("countersign.request_id", answer.header("x-request-id").unwrap()),
    ] {
        assert_eq!(attributes.get(name).map(String::as_str), Some(value), "{name}");
    }
    let bytes = batch.encode_to_vec();
    for hidden in ["in-the-query", "in-a-header", "/orders/7"] {
        assert!(!bytes.windows(hidden.len()).any(|part| part == hidden.as_bytes()), "{hidden}");
    }
}

#[tokio::test]
async fn a_request_without_a_parent_begins_a_trace_when_it_is_its_turn() {
    let backend = Backend::start().await;
    let mut collector = Collector::start().await;
    let (node, _control_plane, _stream) = node_of(&bound(&backend), |config| {
        config.otlp_endpoint = Some(collector.uri());
        config.trace_every = 2;
    })
    .await;
    let mut parents = Vec::new();
    for _ in 0..2 {
        request(node.proxy_address(), asked("tracestate: a=1\r\n")).await;
        let seen = backend.last();
        parents.push((
            seen.header("traceparent").map(str::to_owned),
            seen.header("tracestate").is_some(),
        ));
    }
    assert_eq!(parents[0], (None, true), "it is not its turn, and nothing is touched");
    // What was not answered by a backend is traced, too; a node that stops sends what is left.
    request(node.proxy_address(), "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n").await;
    request(node.proxy_address(), "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n").await;
    node.shutdown().await;
    let mut all = Vec::new();
    while all.len() < 2 {
        all.extend(spans(&collector.batch().await));
    }
    assert!(all[0].parent_span_id.is_empty());
    let begun = format!("00-{}-{}-01", hex(&all[0].trace_id), hex(&all[0].span_id));
    assert_eq!(parents[1], (Some(begun), false));
    let refused = attributes(&all[1]);
    assert_eq!(refused["countersign.refusal"], "API_NOT_FOUND");
    assert_eq!(refused["http.response.status_code"], "404");
}

#[tokio::test]
async fn without_a_collector_whatever_came_goes_on() {
    let backend = Backend::start().await;
    let (node, _control_plane, _stream) = node_of(&bound(&backend), |_| {}).await;
    request(node.proxy_address(), asked("traceparent: anything\r\n")).await;
    assert_eq!(backend.last().header("traceparent"), Some("anything"));
}
