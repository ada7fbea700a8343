//! The nodes that have had a stream here since the process started: who they are, what they were sent
//! and what they said of it. In memory only; a node that is gone is kept for a day.

pub mod exposition;
pub mod load;
pub mod propagation;
pub mod reports;
pub mod standing;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use countersign_proto::v1;
use countersign_shared::id::EnvironmentId;
use tokio::sync::{oneshot, watch};

use crate::commits::Commits;
use load::Load;
use propagation::Propagation;

/// Nodes that are remembered; beyond it the one that has been gone longest is forgotten.
pub const NODES_MAX: usize = 100_000;
/// How long a node that is gone is still listed.
pub const GONE_KEPT_MS: i64 = 24 * 60 * 60 * 1000;
/// How often it is looked for those that are gone for longer.
const FORGET_INTERVAL_MS: i64 = 60 * 1000;
/// A node that was not heard for so many bookmark intervals is stale, for it answers each bookmark.
pub const SILENT_INTERVALS_MAX: i64 = 3;

#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "facts that have nothing to do with each other")]
pub struct NodeStatus {
    pub instance: String,
    pub version: String,
    /// Of the protocol that is spoken on its stream.
    pub protocol_version: u32,
    pub environments: Vec<EnvironmentId>,
    pub address: String,
    /// The relays between here and it; empty: it has its stream here.
    pub via: String,
    /// It is a relay, which signs nothing.
    pub relay: bool,
    /// Of the certificate that it showed: in hex digits, empty where it showed none.
    pub certificate_serial: String,
    /// 0 where it showed none.
    pub certificate_expires_ms: i64,
    pub connected: bool,
    /// Behind a relay: that it is stale is found there.
    pub silent: bool,
    pub connected_at_ms: i64,
    pub last_contact_ms: i64,
    pub sent_revision: u64,
    pub acked_revision: u64,
    /// Commits after this revision count in its times: what it had, or what there was, when it came.
    pub timed_revision: u64,
    /// When it brought that into force, by its own clock; 0 where it does not tell.
    pub applied_at_ms: i64,
    pub in_sync: bool,
    pub last_nack: Option<Refusal>,
    pub snapshots_sent: u64,
    pub deltas_sent: u64,
    /// Of all its streams since the control plane started, as is the last refusal.
    pub propagation: Propagation,
    pub load: Load,
}

impl NodeStatus {
    /// It signs with this revision now. Counts how long each commit took that is new to it.
    pub fn acked(&mut self, revision: u64, commits: &Commits, now: Instant) {
        commits.each_between(self.timed_revision, revision, |committed| {
            self.propagation.observe(now.saturating_duration_since(committed));
        });
        self.timed_revision = self.timed_revision.max(revision);
        self.acked_revision = self.acked_revision.max(revision);
    }

    /// Whether its stream is open and it was not heard since that moment.
    pub fn is_stale(&self, heard_since_ms: i64) -> bool {
        let is_silent =
            if self.via.is_empty() { self.last_contact_ms < heard_since_ms } else { self.silent };
        self.connected && is_silent
    }
}

#[derive(Debug, Clone)]
pub struct Refusal {
    pub revision: u64,
    /// Kind and id of the resource, as the node named them; 0 and empty where it was none.
    pub resource_kind: i32,
    pub resource_id: Vec<u8>,
    pub reason: String,
    pub at_ms: i64,
}

impl Refusal {
    /// As a node has said it, as much of it as is kept.
    pub fn of(nack: v1::Nack, at_ms: i64) -> Self {
        Self {
            revision: nack.revision,
            resource_kind: nack.kind,
            resource_id: nack.resource_id.into_iter().take(16).collect(),
            reason: nack.reason.chars().take(1_000).collect(),
            at_ms,
        }
    }
}

/// What is known of a node. Its stream has hold of it as well, so that thousands of answers at once
/// neither wait for each other nor look for names.
#[derive(Debug)]
struct Seen(Mutex<Known>);

#[derive(Debug)]
struct Known {
    status: NodeStatus,
    /// Dropped when another node of the same name connects.
    replaced: Option<oneshot::Sender<()>>,
}

#[derive(Debug, Default)]
struct Nodes {
    by_name: BTreeMap<String, Arc<Seen>>,
    /// When those that were gone for long were last looked for.
    forgotten_at_ms: i64,
}

/// Who has connected, by name.
#[derive(Debug)]
pub struct NodeRegistry {
    nodes: Mutex<Nodes>,
    /// Counts changes that somebody may wait for: a node came, went or signs with another revision.
    moved: watch::Sender<u64>,
}

impl Default for NodeRegistry {
    fn default() -> Self {
        Self { nodes: Mutex::default(), moved: watch::Sender::new(0) }
    }
}

/// The registration of one stream: what is known of its node, listed until another stream takes the
/// name; and of those that are behind it, where it is a relay.
#[derive(Debug)]
pub struct Registration {
    name: String,
    seen: Arc<Seen>,
    behind: Mutex<BTreeMap<String, Arc<Seen>>>,
}

impl Registration {
    fn behind(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Seen>>> {
        self.behind.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl NodeRegistry {
    /// A node has connected. The receiver ends when another node of that name does. What was known
    /// of the name's last refusal and its times stays known.
    pub fn connect(
        &self,
        name: &str,
        mut status: NodeStatus,
    ) -> (Registration, oneshot::Receiver<()>) {
        let (replaced, replacement) = oneshot::channel();
        let mut nodes = self.lock();
        if let Some(former) = nodes.by_name.get(name) {
            let mut former = former.lock();
            status.last_nack = former.status.last_nack.take();
            status.propagation = std::mem::take(&mut former.status.propagation);
            former.replaced = None;
        }
        let now_ms = status.last_contact_ms;
        let seen = Arc::new(Seen(Mutex::new(Known { status, replaced: Some(replaced) })));
        nodes.by_name.insert(name.to_owned(), Arc::clone(&seen));
        forget(&mut nodes, now_ms);
        drop(nodes);
        self.tell();
        let registration = Registration { name: name.to_owned(), seen, behind: Mutex::default() };
        (registration, replacement)
    }

    /// Changes what is known of a node. Where another stream has taken its name, nobody sees it.
    pub fn update(&self, registration: &Registration, change: impl FnOnce(&mut NodeStatus)) {
        let status = &mut registration.seen.lock().status;
        let before = status.acked_revision;
        change(status);
        if status.acked_revision != before {
            self.tell();
        }
    }

    /// A stream has ended; with that of a relay, all nodes are gone that were reported on it.
    pub fn disconnect(&self, registration: &Registration) {
        let gone = |seen: &Seen| {
            let mut known = seen.lock();
            known.status.connected = false;
            known.replaced = None;
        };
        gone(&registration.seen);
        registration.behind().values().for_each(|seen| gone(seen));
        self.tell();
    }

    /// Changes when a node came, went, or signs with another revision.
    pub fn moved(&self) -> watch::Receiver<u64> {
        self.moved.subscribe()
    }

    /// After the change, which whoever begins to wait later finds.
    fn tell(&self) {
        // Nobody waits, mostly, and thousands of answers at once would all write to one place.
        if self.moved.receiver_count() > 0 {
            self.moved.send_modify(|count| *count += 1);
        }
    }

    pub fn get(&self, name: &str) -> Option<NodeStatus> {
        self.lock().by_name.get(name).map(|seen| seen.lock().status.clone())
    }

    /// All nodes by name.
    pub fn list(&self) -> Vec<(String, NodeStatus)> {
        let nodes = self.lock();
        let status =
            |(name, seen): (&String, &Arc<Seen>)| (name.clone(), seen.lock().status.clone());
        nodes.by_name.iter().map(status).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Nodes> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Since when its stream is closed; `None` while it is open.
    fn gone_since_ms(&self) -> Option<i64> {
        let known = self.lock();
        (!known.status.connected).then_some(known.status.last_contact_ms)
    }
}

/// Looks at all nodes, and so not whenever one of thousands connects.
fn forget(nodes: &mut Nodes, now_ms: i64) {
    if now_ms - nodes.forgotten_at_ms >= FORGET_INTERVAL_MS {
        nodes.forgotten_at_ms = now_ms;
        nodes
            .by_name
            .retain(|_, seen| seen.gone_since_ms().is_none_or(|gone| now_ms - gone < GONE_KEPT_MS));
    }
    while nodes.by_name.len() > NODES_MAX {
        let gone =
            nodes.by_name.iter().filter_map(|(name, seen)| Some((seen.gone_since_ms()?, name)));
        let Some(name) = gone.min().map(|(_, name)| name.clone()) else { break };
        nodes.by_name.remove(&name);
    }
}
