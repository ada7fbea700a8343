//! The nodes that this control plane has seen since it started: who they are, what they were sent
//! and what they said of it. In memory only; a node that is gone is kept for a day.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use countersign_shared::id::EnvironmentId;
use tokio::sync::oneshot;

/// Nodes that are remembered; beyond it the one that has been gone longest is forgotten.
pub const NODES_MAX: usize = 20_000;
/// How long a node that is gone is still listed.
pub const GONE_KEPT_MS: i64 = 24 * 60 * 60 * 1000;

#[derive(Debug, Clone, Default)]
pub struct NodeStatus {
    pub instance: String,
    pub version: String,
    pub environments: Vec<EnvironmentId>,
    pub address: String,
    pub connected: bool,
    pub connected_at_ms: i64,
    pub last_contact_ms: i64,
    pub sent_revision: u64,
    pub acked_revision: u64,
    pub in_sync: bool,
    pub last_nack: Option<Refusal>,
    pub snapshots_sent: u64,
    pub deltas_sent: u64,
}

#[derive(Debug, Clone)]
pub struct Refusal {
    pub revision: u64,
    pub reason: String,
    pub at_ms: i64,
}

#[derive(Debug, Default)]
struct Seen {
    status: NodeStatus,
    stream: u64,
    /// Dropped when another node of the same name connects.
    replaced: Option<oneshot::Sender<()>>,
}

#[derive(Debug, Default)]
struct Nodes {
    by_name: BTreeMap<String, Seen>,
    streams: u64,
}

#[derive(Debug, Default)]
pub struct NodeRegistry(Mutex<Nodes>);

/// The registration of one stream.
#[derive(Debug)]
pub struct Registration {
    name: String,
    stream: u64,
}

impl NodeRegistry {
    /// A node has connected. The receiver ends when another node of that name does.
    pub fn connect(&self, name: &str, status: NodeStatus) -> (Registration, oneshot::Receiver<()>) {
        let (replaced, replacement) = oneshot::channel();
        let mut nodes = self.lock();
        nodes.streams += 1;
        let stream = nodes.streams;
        let now_ms = status.last_contact_ms;
        nodes.by_name.insert(name.to_owned(), Seen { status, stream, replaced: Some(replaced) });
        forget(&mut nodes, now_ms);
        (Registration { name: name.to_owned(), stream }, replacement)
    }

    /// Changes what is known of a node, unless another stream has taken its name.
    pub fn update(&self, registration: &Registration, change: impl FnOnce(&mut NodeStatus)) {
        let mut nodes = self.lock();
        if let Some(seen) = nodes.by_name.get_mut(&registration.name)
            && seen.stream == registration.stream
        {
            change(&mut seen.status);
        }
    }

    pub fn disconnect(&self, registration: &Registration) {
        let mut nodes = self.lock();
        if let Some(seen) = nodes.by_name.get_mut(&registration.name)
            && seen.stream == registration.stream
        {
            seen.status.connected = false;
            seen.replaced = None;
        }
    }

    pub fn get(&self, name: &str) -> Option<NodeStatus> {
        self.lock().by_name.get(name).map(|seen| seen.status.clone())
    }

    /// All nodes by name.
    pub fn list(&self) -> Vec<(String, NodeStatus)> {
        self.lock().by_name.iter().map(|(name, seen)| (name.clone(), seen.status.clone())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Nodes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forget(nodes: &mut Nodes, now_ms: i64) {
    nodes.by_name.retain(|_, seen| {
        seen.status.connected || now_ms - seen.status.last_contact_ms < GONE_KEPT_MS
    });
    while nodes.by_name.len() > NODES_MAX {
        let gone = nodes.by_name.iter().filter(|(_, seen)| !seen.status.connected);
        let longest = gone.min_by_key(|(_, seen)| seen.status.last_contact_ms);
        let Some(name) = longest.map(|(name, _)| name.clone()) else { break };
        nodes.by_name.remove(&name);
    }
}
