//! Requests through the nodes all the while, and a backend that answers 200 only to what is
//! signed by a key that may sign for that API.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use countersign_tests::{Backend, Client, HmacClaim, Key, Seen, reply};
use tokio::task::JoinHandle;

use crate::dice::Dice;
use crate::setting::{COMMON, OWN_KEYS, SECRETS, busy_path, own_key};

const CLIENTS_PER_NODE: u64 = 2;
/// Between two requests of a client: the processor is for more than this.
const PAUSE: Duration = Duration::from_millis(2);

/// Says with which key a request was signed, or 401.
pub(crate) async fn verifying_backend() -> Backend {
    Backend::answering(|seen| match signer_of(seen) {
        Some(key) => reply("200 OK", &said_of(&key)),
        None => reply("401 Unauthorized", "not signed by a key of this API"),
    })
    .await
}

/// What the backend says of a request that this key signed.
pub(crate) fn said_of(key: &Key) -> String {
    format!("signed by {} with {}", key.key, key.secret)
}

/// One GET for a writer's busy API.
pub(crate) fn get_busy(writer: usize) -> String {
    format!("GET {} HTTP/1.1\r\nHost: any.example\r\n\r\n", busy_path(writer))
}

/// Nodes may be behind, but never beyond: any secret that a key has had will do.
fn signer_of(seen: &Seen) -> Option<Key> {
    let writer = (0..OWN_KEYS.len()).find(|writer| seen.target == busy_path(*writer))?;
    let claimed = seen.is_signed().then(|| HmacClaim::of(seen).key)?;
    let own = (0..SECRETS.len()).map(|secret| own_key(writer, secret));
    let mut keys = own.chain([COMMON]).filter(|key| key.key == claimed);
    keys.find(|key| key.verify(seen).is_ok())
}

#[derive(Debug)]
pub(crate) struct Traffic {
    going: Arc<AtomicBool>,
    clients: Vec<JoinHandle<usize>>,
}

impl Traffic {
    pub(crate) fn through(proxies: &[SocketAddr]) -> Self {
        let going = Arc::new(AtomicBool::new(true));
        let mut clients = Vec::new();
        for proxy in proxies {
            for seed in 0..CLIENTS_PER_NODE {
                clients.push(tokio::spawn(ask(*proxy, Dice::new(seed), Arc::clone(&going))));
            }
        }
        Self { going, clients }
    }

    /// Panics if an answer was not what it should be.
    pub(crate) fn assert_goes_on(&self) {
        assert!(!self.clients.iter().any(JoinHandle::is_finished), "a request went wrong");
    }

    /// How many requests were answered.
    pub(crate) async fn end(self) -> usize {
        self.going.store(false, Relaxed);
        let mut answered = 0;
        for client in self.clients {
            answered += client.await.unwrap();
        }
        answered
    }
}

async fn ask(proxy: SocketAddr, mut dice: Dice, going: Arc<AtomicBool>) -> usize {
    let mut client = Client::connect(proxy).await;
    let mut answered = 0;
    while going.load(Relaxed) {
        client.send(get_busy(dice.below(OWN_KEYS.len()))).await;
        let answer = client.answer().await.expect("an answer on a connection that is kept");
        assert_eq!(answer.status, 200, "{}", answer.text());
        answered += 1;
        tokio::time::sleep(PAUSE).await;
    }
    answered
}
