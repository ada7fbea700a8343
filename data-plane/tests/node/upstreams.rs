//! Several targets of one backend, one of which dies and comes back while requests are under way.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::support::{
    Backend, Client, Resources, api, binding, get, group, hmac, local, node_with, reply, route,
    soon,
};

/// A backend that can be killed, with every connection that it has.
struct Mortal {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
    /// It takes requests and does not answer them.
    holds: Arc<AtomicBool>,
    life: Option<JoinHandle<()>>,
}

impl Mortal {
    async fn start() -> Self {
        let mut mortal =
            Self { address: local(), asked: Arc::default(), holds: Arc::default(), life: None };
        mortal.revive().await;
        mortal
    }

    async fn revive(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.address = listener.local_addr().unwrap();
        let (asked, holds) = (Arc::clone(&self.asked), Arc::clone(&self.holds));
        self.life = Some(tokio::spawn(async move {
            // Ends with the task, and all connections with it.
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(serve(stream, Arc::clone(&asked), Arc::clone(&holds)));
            }
        }));
    }

    async fn kill(&mut self) {
        let life = self.life.take().unwrap();
        life.abort();
        assert!(life.await.unwrap_err().is_cancelled());
    }

    fn asked(&self) -> usize {
        self.asked.load(SeqCst)
    }
}

async fn serve(mut stream: TcpStream, asked: Arc<AtomicUsize>, holds: Arc<AtomicBool>) {
    let mut head = Vec::new();
    while stream.read_buf(&mut head).await.is_ok_and(|bytes| bytes > 0) {
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        head.clear();
        asked.fetch_add(1, SeqCst);
        if holds.load(SeqCst) {
            std::future::pending::<()>().await;
        }
        stream.write_all(&reply("200 OK", "mortal")).await.unwrap();
    }
}

#[tokio::test]
async fn a_target_that_dies_and_comes_back_costs_no_safe_request() {
    let (steady, mut mortal) = (Backend::start().await, Mortal::start().await);
    let both = api("/", steady.address(), |api| {
        let backend = api.backend.as_mut().unwrap();
        backend.targets.push(mortal.address.to_string());
        backend.retries = 1;
    });
    let resources = Resources::of([group(1, &[]), route(2, 1, both), hmac(3), binding(2, 3)]);
    let (node, _control_plane, _stream) = node_with(&resources).await;
    let mut client = Client::connect(node.proxy_address()).await;
    let mut answered = async |requests: usize| {
        for _ in 0..requests {
            client.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n").await;
            assert_eq!(client.answer().await.unwrap().status, 200);
        }
    };
    answered(40).await;
    assert_eq!((steady.seen().len(), mortal.asked()), (20, 20), "in turn, where none is busy");

    // Killed while it has requests, over old connections and new ones.
    mortal.holds.store(true, SeqCst);
    let address = node.proxy_address();
    let waiting: Vec<_> = (0..16).map(|_| tokio::spawn(get_a(address))).collect();
    soon("the target has requests", async {
        while mortal.asked() == 20 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    mortal.kill().await;
    for request in waiting {
        assert_eq!(request.await.unwrap(), 200, "sent again to the other, signed for it");
    }
    let host = steady.address().to_string();
    assert!(steady.seen().iter().all(|seen| seen.header("host") == Some(&host)));
    answered(100).await;

    mortal.holds.store(false, SeqCst);
    mortal.revive().await;
    let before = mortal.asked();
    soon("the target is asked again", async {
        while mortal.asked() == before {
            answered(1).await;
        }
    })
    .await;
    answered(40).await;
}

async fn get_a(address: SocketAddr) -> u16 {
    get(address, "/a").await.status
}
