//! Requests through the nodes all the while. The backend answers 200 to what is signed, and to nothing
//! else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use countersign_tests::Client;
use tokio::task::JoinHandle;

/// Between two requests of a client: the processor is for more than this.
const PAUSE: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub(crate) struct Traffic {
    going: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<()>>,
}

impl Traffic {
    pub(crate) fn through(proxies: &[SocketAddr]) -> Self {
        let (going, answered) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
        let ask = |proxy: &SocketAddr| {
            tokio::spawn(ask(*proxy, Arc::clone(&going), Arc::clone(&answered)))
        };
        let clients = proxies.iter().map(ask).collect();
        Self { going, answered, clients }
    }

    /// How many were signed so far; panics if one was not.
    pub(crate) fn signed(&self) -> usize {
        assert!(!self.clients.iter().any(JoinHandle::is_finished), "a request went wrong");
        self.answered.load(Relaxed)
    }

    pub(crate) async fn end(self) -> usize {
        self.going.store(false, Relaxed);
        for client in self.clients {
            client.await.unwrap();
        }
        self.answered.load(Relaxed)
    }
}

async fn ask(proxy: SocketAddr, going: Arc<AtomicBool>, answered: Arc<AtomicUsize>) {
    let mut client = Client::connect(proxy).await;
    while going.load(Relaxed) {
        client.send("GET /busy HTTP/1.1\r\nHost: any.example\r\n\r\n").await;
        let answer = client.answer().await.expect("an answer on a connection that is kept");
        assert_eq!(answer.status, 200, "{}", answer.text());
        answered.fetch_add(1, Relaxed);
        tokio::time::sleep(PAUSE).await;
    }
}
