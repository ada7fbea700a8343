//! Backends that are not well, slow or elsewhere: what a node finds out by itself, and what it
//! bounds.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use countersign_data_plane::{Resolve, Resolving};
use countersign_proto::v1;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{
    Backend, Client, Resources, Seen, api, get, group, local, node_of, node_with, reply, route,
    soon,
};

fn unsigned(backend: impl std::fmt::Display, change: impl FnOnce(&mut v1::Backend)) -> Resources {
    let definition = api("/", backend, |api| change(api.backend.as_mut().unwrap()));
    Resources::of([group(1, &[]), route(2, 1, definition)])
}

/// Tries until it is so.
async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    soon(what, async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// A backend that says of itself whether it is well.
struct Patient {
    backend: Backend,
    is_ill: Arc<AtomicBool>,
}

impl Patient {
    async fn start() -> Self {
        let is_ill = Arc::<AtomicBool>::default();
        let ill = Arc::clone(&is_ill);
        let answer = move |seen: &Seen| match seen.target.as_str() {
            "/healthz?deep=1" if ill.load(SeqCst) => reply("503 Service Unavailable", ""),
            _ => reply("200 OK", "hello"),
        };
        Self { backend: Backend::answering(answer).await, is_ill }
    }

    /// Requests that were no checks.
    fn asked(&self) -> usize {
        self.backend.seen().iter().filter(|seen| seen.target == "/").count()
    }

    fn checks(&self) -> usize {
        self.backend.seen().len() - self.asked()
    }
}

#[tokio::test]
async fn a_target_that_fails_its_checks_is_out_until_it_passes_them() {
    let (first, second) = (Patient::start().await, Patient::start().await);
    let resources = unsigned(first.backend.address(), |backend| {
        backend.targets.push(second.backend.address().to_string());
        backend.health_check = Some(v1::HealthCheck {
            path: "/healthz?deep=1".into(),
            interval_ms: 50,
            timeout_ms: 10_000,
            unhealthy_after: 2,
            healthy_after: 2,
        });
    });
    let (node, _control_plane, _stream) = node_of(&resources, |config| config.workers = 2).await;
    let address = node.proxy_address();
    let answered = async |requests: usize| {
        for _ in 0..requests {
            assert_eq!(get(address, "/").await.status, 200);
        }
    };
    answered(20).await;
    assert!(first.asked() > 0 && second.asked() > 0);

    second.is_ill.store(true, SeqCst);
    until("the target is out", async || {
        let before = second.asked();
        answered(10).await;
        second.asked() == before
    })
    .await;

    first.is_ill.store(true, SeqCst);
    let checks = first.checks();
    until("the other fails as well", async || first.checks() >= checks + 4).await;
    answered(10).await;

    second.is_ill.store(false, SeqCst);
    until("the target is back, alone", async || {
        let before = (first.asked(), second.asked());
        answered(10).await;
        (first.asked(), second.asked()) == (before.0, before.1 + 10)
    })
    .await;
    let host = second.backend.address().to_string();
    let seen = second.backend.seen();
    let check = seen.iter().find(|seen| seen.target != "/").unwrap();
    assert_eq!(check.header("host"), Some(host.as_str()));
    assert_eq!(check.header("authorization"), None);
}

#[tokio::test]
async fn a_backend_that_fails_gets_few_more_requests_than_came() {
    let backend = Backend::answering(|_| Vec::new()).await;
    let resources = unsigned(backend.address(), |backend| backend.retries = 10);
    let (node, _control_plane, _stream) = node_with(&resources).await;
    for _ in 0..50 {
        assert_eq!(get(node.proxy_address(), "/").await.status, 502);
    }
    let tries = backend.seen().len();
    // 3 to begin with, one for five requests, 3 a second: without a budget they are 550.
    assert!((53..250).contains(&tries), "{tries}");
}

/// A backend that holds what it is asked.
struct Holding(TcpListener);

impl Holding {
    async fn start() -> (Self, SocketAddr) {
        let listener = TcpListener::bind(local()).await.unwrap();
        let address = listener.local_addr().unwrap();
        (Self(listener), address)
    }

    /// A connection on which a request has come.
    async fn asked(&self) -> TcpStream {
        let (mut stream, _) = soon("a connection", self.0.accept()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            assert_ne!(soon("a request", stream.read_buf(&mut head)).await.unwrap(), 0);
        }
        stream
    }
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn one_request_too_many_is_refused_until_another_has_ended() {
    let (backend, address) = Holding::start().await;
    let resources = unsigned(address, |backend| backend.concurrency_max = 1);
    let (node, _control_plane, _stream) = node_of(&resources, |config| config.workers = 2).await;
    let mut first = Client::connect(node.proxy_address()).await;
    first.send(GET).await;
    let mut connection = backend.asked().await;
    for _ in 0..3 {
        let refused = get(node.proxy_address(), "/").await;
        assert_eq!((refused.status, refused.code()), (503, "OVERLOADED"));
    }
    let answer = [reply("200 OK", "first"), b"garbage".to_vec()].concat();
    connection.write_all(&answer).await.unwrap();
    assert_eq!(first.answer().await.unwrap().text(), "first");
    first.send(GET).await;
    backend.asked().await.write_all(&reply("200 OK", "second")).await.unwrap();
    assert_eq!(first.answer().await.unwrap().text(), "second");
}

#[tokio::test]
async fn a_worker_has_so_many_connections_to_a_target_and_no_more() {
    let (backend, address) = Holding::start().await;
    let resources = unsigned(address, |_| {});
    let (node, _control_plane, _stream) =
        node_of(&resources, |config| config.upstream.connections_max = 1).await;
    let mut first = Client::connect(node.proxy_address()).await;
    first.send(GET).await;
    let mut connection = backend.asked().await;
    let refused = get(node.proxy_address(), "/").await;
    assert_eq!((refused.status, refused.code()), (503, "OVERLOADED"));
    connection.write_all(&reply("200 OK", "first")).await.unwrap();
    assert_eq!(first.answer().await.unwrap().text(), "first");
}

#[tokio::test]
async fn an_answer_that_takes_too_long_altogether_is_cut_off() {
    let (backend, address) = Holding::start().await;
    let resources = unsigned(address, |backend| backend.total_timeout_ms = 300);
    let (node, _control_plane, _stream) = node_with(&resources).await;
    let mut client = Client::connect(node.proxy_address()).await;
    client.send(GET).await;
    let mut connection = backend.asked().await;
    connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal").await.unwrap();
    assert!(client.answer().await.is_none(), "it never comes to its end");
    assert_eq!(soon("the end", connection.read(&mut [0])).await.unwrap(), 0);

    let mut client = Client::connect(node.proxy_address()).await;
    client.send(GET).await;
    let _connection = backend.asked().await;
    let refused = client.answer().await.unwrap();
    assert_eq!((refused.status, refused.code()), (504, "BACKEND_TIMEOUT"));
}

/// Says what the test says.
#[derive(Debug, Default)]
struct Script(Mutex<Option<Vec<SocketAddr>>>);

impl Script {
    fn say(&self, addresses: Option<Vec<SocketAddr>>) {
        *self.0.lock().unwrap() = addresses;
    }
}

impl Resolve for Script {
    fn resolve<'a>(&'a self, authority: &'a str) -> Resolving<'a> {
        assert_eq!(authority, "backend.example:80");
        let addresses = self.0.lock().unwrap().clone();
        Box::pin(async { addresses.ok_or_else(|| io::ErrorKind::TimedOut.into()) })
    }
}

#[tokio::test]
async fn a_backend_is_followed_where_its_name_leads() {
    let backends = [Backend::start().await, Backend::start().await, Backend::start().await];
    let [first, second, third] = backends.each_ref().map(Backend::address);
    let script = Arc::new(Script::default());
    script.say(Some(vec![first, second]));
    let resources = unsigned("backend.example", |_| {});
    let resolver = Arc::clone(&script);
    let (node, _control_plane, _stream) = node_of(&resources, |config| {
        config.upstream.resolver = resolver;
        config.upstream.resolve_interval = std::time::Duration::ZERO;
    })
    .await;
    let status = async || get(node.proxy_address(), "/").await.status;
    let counts = || backends.each_ref().map(|backend| backend.seen().len());
    until("all addresses of a name are used", async || {
        let waiting = [status(), status(), status(), status()];
        assert_eq!(futures_util::future::join_all(waiting).await, [200; 4]);
        counts()[0] > 0 && counts()[1] > 0
    })
    .await;

    script.say(Some(vec![third]));
    until("the name leads elsewhere", async || {
        let before = counts();
        assert_eq!(status().await, 200);
        counts() == [before[0], before[1], before[2] + 1]
    })
    .await;
    let before = counts();
    script.say(None);
    for _ in 0..20 {
        assert_eq!(status().await, 200, "without an answer the last address stays");
    }
    assert_eq!(counts(), [before[0], before[1], before[2] + 20]);
    assert_eq!(backends[2].last().header("host"), Some("backend.example"));
}
