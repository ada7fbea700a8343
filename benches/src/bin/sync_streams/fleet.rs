//! Nodes as the control plane sees them, a thousand in one process: each a stream on a connection
//! of its own that reads every message and acknowledges it. None holds a table: what their digest
//! is after a change is what an [`Observer`] found, which is a real follower of the same stream.

use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use countersign_data_plane::replica::Position;
use countersign_delivery::Recipient;
use countersign_proto::v1::subscribe_request::Message as ToPlane;
use countersign_proto::v1::subscribe_response::Message as FromPlane;
use countersign_proto::v1::{Ack, Delta, Hello, SubscribeRequest, SubscribeResponse};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::arrivals::{Arrivals, Counted};
use crate::call::{Call, CallError, call};
use crate::clock;
use crate::observer::Observer;
use crate::traffic::Traffic;

/// A node's own pause before it tries again: full jitter, doubled up to the longest.
const PAUSE_FIRST: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// What all clients of one control plane share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) address: String,
    pub(crate) traffic: Arc<Traffic>,
    pub(crate) arrivals: Arc<Arrivals>,
    /// The digest after a change, by the change: one API is bound to one of two keys in turn.
    digests: Mutex<HashMap<Bytes, Vec<u8>>>,
    /// Whom delivery keys are sealed to. Nodes ask for theirs as they do in earnest, and open none.
    pub(crate) recipient: Arc<Recipient>,
    /// Where the observer stands.
    pub(crate) position: watch::Sender<Position>,
    /// Whole tables that nodes were sent.
    pub(crate) snapshots: AtomicUsize,
}

impl Shared {
    pub(crate) fn learn(&self, delta: &Delta, digest: Vec<u8>) {
        let mut digests = self.digests.lock().unwrap_or_else(PoisonError::into_inner);
        digests.insert(change_of(delta), digest);
    }

    fn digest_of(&self, change: &Bytes) -> Option<Vec<u8>> {
        self.digests.lock().unwrap_or_else(PoisonError::into_inner).get(change).cloned()
    }

    async fn digest_after(&self, delta: &Delta) -> Vec<u8> {
        let change = change_of(delta);
        let mut position = self.position.subscribe();
        loop {
            if let Some(digest) = self.digest_of(&change) {
                return digest;
            }
            position.changed().await.unwrap();
        }
    }
}

fn change_of(delta: &Delta) -> Bytes {
    delta.environments.first().map(|changes| changes.change_set.clone()).unwrap_or_default()
}

/// A control plane's clients: the observer, and as many nodes as were connected.
#[derive(Debug)]
pub(crate) struct Fleet {
    pub(crate) shared: Arc<Shared>,
    nodes: JoinSet<()>,
    /// Ends with this.
    observer: JoinSet<()>,
}

impl Fleet {
    /// With the observer alone, which has the whole table when this returns.
    pub(crate) async fn observing(address: SocketAddr) -> Self {
        let mut fleet = Self::alone(address);
        fleet.observer.spawn(Observer::new(Arc::clone(&fleet.shared)).run());
        fleet.observed(1).await;
        fleet
    }

    /// Without an observer: its nodes cannot answer changes.
    pub(crate) fn alone(address: SocketAddr) -> Self {
        let shared = Arc::new(Shared {
            address: address.to_string(),
            traffic: Arc::default(),
            arrivals: Arc::default(),
            digests: Mutex::default(),
            recipient: Arc::new(Recipient::generate().unwrap()),
            position: watch::Sender::new(Position::default()),
            snapshots: AtomicUsize::new(0),
        });
        Self { shared, nodes: JoinSet::new(), observer: JoinSet::new() }
    }

    /// Where the observer stands when it has at least this revision.
    pub(crate) async fn observed(&self, revision: u64) -> Position {
        let mut position = self.shared.position.subscribe();
        position.wait_for(|position| position.revision >= revision).await.unwrap().clone()
    }

    /// Connects so many nodes that have what a position says, and waits until each was heard.
    pub(crate) async fn connect(&mut self, nodes: usize, position: &Position) {
        self.shared.arrivals.expect(nodes, position.revision.saturating_sub(1));
        self.spawn(nodes, position);
        self.shared.arrivals.complete().await;
    }

    /// The same, without waiting.
    pub(crate) fn spawn(&mut self, nodes: usize, position: &Position) {
        for number in 0..nodes {
            let shared = Arc::clone(&self.shared);
            let node = Node { shared, number, position: position.clone() };
            self.nodes.spawn(node.run());
        }
    }

    /// Ends their streams. The observer stays.
    pub(crate) async fn disconnect(&mut self) {
        self.nodes.shutdown().await;
    }
}

struct Node {
    shared: Arc<Shared>,
    number: usize,
    position: Position,
}

impl Node {
    async fn run(mut self) {
        let mut counted = Counted::default();
        let mut pauses = Pauses::new(self.number);
        loop {
            // However it ended: it is tried again, as a node does.
            let _ = self.follow(&mut counted, &mut pauses).await;
            tokio::time::sleep(pauses.next()).await;
        }
    }

    async fn follow(
        &mut self,
        counted: &mut Counted,
        pauses: &mut Pauses,
    ) -> Result<(), CallError> {
        let hello = Hello {
            node: node_name(self.number),
            instance: self.number.to_string(),
            protocol_version: 1,
            environments: vec!["RELEASE".to_owned()],
            log_id: self.position.log_id.clone(),
            revision: self.position.revision,
            hash: self.position.hash.clone(),
            delivery_public_key: self.shared.recipient.public_key().to_vec(),
            ..Hello::default()
        };
        let shared = Arc::clone(&self.shared);
        subscribe(&shared, hello, |call| self.talk(call, counted, pauses)).await
    }

    async fn talk(
        &mut self,
        mut call: Call,
        counted: &mut Counted,
        pauses: &mut Pauses,
    ) -> Result<(), CallError> {
        loop {
            let SubscribeResponse { message } = call.next().await?;
            let (revision, hash, digest) = match message {
                Some(FromPlane::Welcome(welcome)) => {
                    self.position.log_id = welcome.log_id;
                    continue;
                }
                Some(FromPlane::Delta(delta)) => {
                    let digest = self.shared.digest_after(&delta).await;
                    (delta.revision, delta.hash, digest)
                }
                Some(FromPlane::Bookmark(bookmark)) => {
                    (bookmark.revision, bookmark.hash, bookmark.digest)
                }
                Some(FromPlane::SnapshotEnd(end)) => {
                    self.shared.snapshots.fetch_add(1, Relaxed);
                    (end.revision, end.hash, end.digest)
                }
                _ => continue,
            };
            (self.position.revision, self.position.hash) = (revision, hash);
            self.shared.arrivals.saw(revision, counted);
            pauses.begin_anew();
            call.send(&ack(revision, digest))?;
        }
    }
}

pub(crate) fn node_name(number: usize) -> String {
    format!("node-{number:05}")
}

/// A stream, with the Hello sent.
pub(crate) async fn subscribe<F: Future<Output = Result<(), CallError>>>(
    shared: &Shared,
    hello: Hello,
    talk: impl FnOnce(Call) -> F,
) -> Result<(), CallError> {
    let hello = SubscribeRequest { message: Some(ToPlane::Hello(hello)) };
    call(&shared.address, "/countersign.v1.Sync/Subscribe", &shared.traffic, |mut call| {
        let sent = call.send(&hello);
        let talk = talk(call);
        async move {
            sent?;
            talk.await
        }
    })
    .await
}

pub(crate) fn ack(revision: u64, digest: Vec<u8>) -> SubscribeRequest {
    let applied_at_ms = i64::try_from(clock::now().as_millis()).unwrap_or_default();
    SubscribeRequest {
        message: Some(ToPlane::Ack(Ack { revision, digest, applied_at_ms, counts: None })),
    }
}

#[derive(Debug)]
pub(crate) struct Pauses {
    longest: Duration,
    chance: u64,
}

impl Pauses {
    pub(crate) fn new(number: usize) -> Self {
        Self { longest: PAUSE_FIRST, chance: number as u64 }
    }

    fn begin_anew(&mut self) {
        self.longest = PAUSE_FIRST;
    }

    pub(crate) fn next(&mut self) -> Duration {
        self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let longest = self.longest;
        self.longest = (longest * 2).min(PAUSE_MAX);
        longest * u32::try_from(self.chance >> 54).unwrap_or_default() / 1024
    }
}
