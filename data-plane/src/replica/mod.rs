//! What the node holds: its copy of the environments that it serves, and where in the log that
//! copy stands. Sans-IO: messages go in, outcomes come out, and the simulator runs these very
//! lines. A message is used whole or not at all; it never empties or guesses.

mod contents;
mod environment;
mod resource;
mod welcome;

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign_delivery::DeliveryKey;
use countersign_proto::v1;
use countersign_shared::digest::TableDigest;
use countersign_shared::id::EnvironmentId;

pub use contents::Contents;
pub use environment::EnvironmentReplica;
pub use resource::{Key, Resource, Unusable};
pub use welcome::Unwelcome;

use contents::KeptEnvironment;
use environment::Pending;
use welcome::{Served, Stream};

/// What a node opens secrets with, by environment.
pub type DeliveryKeys = BTreeMap<EnvironmentId, Arc<DeliveryKey>>;

/// Where a copy stands: what a Hello says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Position {
    pub log_id: String,
    pub epoch: u64,
    pub revision: u64,
    pub hash: Vec<u8>,
}

/// What to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Applied. The answer is due once the node signs with it.
    Ack { revision: u64, digest: TableDigest, digest_differs: bool },
    /// Not applied. Only a snapshot brings this replica on.
    Nack { revision: u64, unusable: Unusable },
}

/// What differs from the table that was built last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    All,
    /// Resources, by the environment's place in the served order. A key may stand here twice.
    Some(Vec<(usize, Key)>),
}

/// The newest version of the protocol that is spoken here, which a Hello says.
pub const PROTOCOL_VERSION: u32 = 1;
/// The oldest one that a control plane may choose.
pub const PROTOCOL_VERSION_MIN: u32 = 1;

/// The node's copy.
#[derive(Debug)]
pub struct Replica {
    position: Position,
    environments: Vec<EnvironmentReplica>,
    staged: Option<Staged>,
    /// After a refusal nothing is applied until the next snapshot is complete.
    needs_snapshot: bool,
    complete: bool,
    changed: Changed,
    stream: Stream,
    /// The log whose next snapshot takes the place of whatever is held, once.
    accepted_log: Option<String>,
    /// Whether resources are kept as they came, too.
    keeps_encoded: bool,
}

/// A snapshot that is still coming in.
#[derive(Debug)]
struct Staged {
    environments: Vec<EnvironmentReplica>,
    unusable: Option<Unusable>,
}

impl Default for Replica {
    fn default() -> Self {
        Self {
            position: Position::default(),
            environments: Vec::new(),
            staged: None,
            needs_snapshot: false,
            complete: false,
            changed: Changed::Some(Vec::new()),
            stream: Stream::default(),
            accepted_log: None,
            keeps_encoded: false,
        }
    }
}

impl Replica {
    /// The same, but it takes the next snapshot of this log in the place of whatever it holds, be
    /// that of another log or of a later revision. All other logs than its own are refused.
    #[must_use]
    pub fn accepting(self, log_id: Option<String>) -> Self {
        Self { accepted_log: log_id, ..self }
    }

    /// The same, but it also keeps every resource as it came, for a cache.
    #[must_use]
    pub fn keeping_encoded(self) -> Self {
        Self { keeps_encoded: true, ..self }
    }

    /// What it holds; `None` before the first complete snapshot, and where nothing is kept.
    pub fn contents(&self) -> Option<Contents> {
        let kept = |of: &EnvironmentReplica| {
            Some(KeptEnvironment {
                id: of.id(),
                name: of.name().to_owned(),
                delivery: of.delivery().cloned(),
                resources: of.kept()?.clone(),
            })
        };
        let environments = self.environments.iter().map(kept).collect::<Option<_>>()?;
        let (position, digest) = (self.position.clone(), self.digest());
        self.complete.then_some(Contents { position, digest, environments })
    }

    /// Whether this log takes the place of whatever is held: one that was accepted by its id, in
    /// whatever epoch, or by its id and this epoch.
    fn accepts(&self, log_id: &str, epoch: u64) -> bool {
        self.accepted_log.as_ref().is_some_and(|accepted| {
            let (accepted_id, in_epoch) = accepted.split_once('/').unzip();
            accepted_id.unwrap_or(accepted) == log_id
                && in_epoch.is_none_or(|accepted| accepted.parse() == Ok(epoch))
        })
    }

    /// What to say in a Hello: nothing where only a snapshot would help. A node that waits for
    /// another log to accept stays a witness of its own.
    pub fn hello(&self) -> Position {
        let takes_its_own_anew = self.accepts(&self.position.log_id, self.position.epoch);
        let wants_snapshot = self.needs_snapshot || takes_its_own_anew;
        if wants_snapshot { Position::default() } else { self.position.clone() }
    }

    /// Where the copy stands, also after a refusal.
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// Whether there ever was a complete snapshot.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    pub fn environments(&self) -> &[EnvironmentReplica] {
        &self.environments
    }

    pub fn digest(&self) -> TableDigest {
        self.environments.iter().fold(TableDigest::ZERO, |sum, e| sum.union(e.digest()))
    }

    /// Whether anything changed since `take_changed`.
    pub fn has_changed(&self) -> bool {
        !matches!(&self.changed, Changed::Some(keys) if keys.is_empty())
    }

    /// What changed since this was asked last.
    pub fn take_changed(&mut self) -> Changed {
        std::mem::replace(&mut self.changed, Changed::Some(Vec::new()))
    }

    /// Begins a stream; what was staged on an earlier one is dropped. Says whether this is
    /// another log than the copy is of, which was accepted. Where no delivery key is given, the one
    /// that is held stays.
    pub fn welcome(
        &mut self,
        welcome: &v1::Welcome,
        keys: &DeliveryKeys,
    ) -> Result<bool, Unwelcome> {
        if !(PROTOCOL_VERSION_MIN..=PROTOCOL_VERSION).contains(&welcome.protocol_version) {
            return Err(Unwelcome::ProtocolVersion(welcome.protocol_version));
        }
        let mut stream = Stream::of(welcome, keys)?;
        let Position { log_id, epoch, .. } = &self.position;
        let is_other = welcome.log_id != *log_id || welcome.epoch != *epoch;
        let other_log = self.complete && is_other;
        let names = || (log_name(log_id, *epoch), log_name(&welcome.log_id, welcome.epoch));
        if other_log && !self.accepts(&welcome.log_id, welcome.epoch) {
            let (ours, theirs) = names();
            return Err(Unwelcome::ForeignLog { ours, theirs });
        }
        if welcome.resumed {
            if other_log || !self.complete {
                let (ours, theirs) = names();
                return Err(Unwelcome::OtherLog { ours, theirs });
            }
            let served = stream.environments.iter().map(|served| served.id);
            if !served.eq(self.environments.iter().map(EnvironmentReplica::id)) {
                return Err(Unwelcome::OtherEnvironments);
            }
        }
        if !other_log {
            stream.share_keys(&mut self.environments);
        }
        self.staged = None;
        self.stream = stream;
        Ok(other_log)
    }

    /// The name of an environment of this stream whose secrets cannot be opened.
    pub fn without_delivery_key(&self) -> Option<&str> {
        let mut environments = self.stream.environments.iter();
        environments.find(|served| served.delivery.is_none()).map(|served| served.name.as_str())
    }

    /// Stages a part of a snapshot. What cannot be used is told at its end.
    pub fn snapshot_chunk(&mut self, chunk: &v1::SnapshotChunk) {
        let (stream, keeps) = (&self.stream, self.keeps_encoded);
        let staged = self.staged.get_or_insert_with(|| Staged::empty(stream, keeps));
        if staged.unusable.is_some() {
            return;
        }
        match stage(&mut staged.environments, &chunk.environments) {
            Ok(pending) => drop(commit(&mut staged.environments, pending)),
            Err(unusable) => staged.unusable = Some(unusable),
        }
    }

    /// Brings the staged snapshot into force.
    pub fn snapshot_end(&mut self, end: &v1::SnapshotEnd) -> Outcome {
        let staged = self.staged.take();
        let staged = staged.unwrap_or_else(|| Staged::empty(&self.stream, self.keeps_encoded));
        let unusable = staged.unusable.or_else(|| {
            let is_accepted = self.accepts(&self.stream.log_id, self.stream.epoch);
            if self.complete && !is_accepted { self.going_back(end.revision) } else { None }
        });
        let dangling = || staged.environments.iter().find_map(EnvironmentReplica::dangling);
        if let Some(unusable) = unusable.or_else(dangling) {
            return self.refuse(end.revision, unusable);
        }
        self.environments = staged.environments;
        self.changed = Changed::All;
        self.complete = true;
        self.needs_snapshot = false;
        if self.accepts(&self.stream.log_id, self.stream.epoch) {
            self.accepted_log = None;
        }
        self.advance(end.revision, &end.hash);
        self.acknowledge(&end.digest)
    }

    /// Applies what a batch of events changed.
    pub fn delta(&mut self, delta: &v1::Delta) -> Outcome {
        let checked = self.expect_next(delta.revision).and_then(|()| {
            let pending = stage(&mut self.environments, &delta.environments)?;
            let dangling = |(at, pending): (usize, &Pending)| {
                self.environments.get(at)?.dangling_after(pending)
            };
            match pending.iter().enumerate().find_map(dangling) {
                Some(unusable) => Err(unusable),
                None => Ok(pending),
            }
        });
        match checked {
            Err(unusable) => self.refuse(delta.revision, unusable),
            Ok(pending) => {
                let keys = commit(&mut self.environments, pending);
                if let Changed::Some(changed) = &mut self.changed {
                    changed.extend(keys);
                }
                self.advance(delta.revision, &delta.hash);
                Outcome::Ack {
                    revision: delta.revision,
                    digest: self.digest(),
                    digest_differs: false,
                }
            }
        }
    }

    /// Nothing changed up to here.
    pub fn bookmark(&mut self, bookmark: &v1::Bookmark) -> Outcome {
        if let Err(unusable) = self.expect_next(bookmark.revision) {
            return self.refuse(bookmark.revision, unusable);
        }
        self.advance(bookmark.revision, &bookmark.hash);
        self.acknowledge(&bookmark.digest)
    }

    fn expect_next(&self, revision: u64) -> Result<(), Unusable> {
        if self.staged.is_some() {
            return Err(Unusable::message("the snapshot before this message has no end"));
        }
        if !self.complete || self.needs_snapshot {
            return Err(Unusable::message("this node needs a snapshot first"));
        }
        self.going_back(revision).map_or(Ok(()), Err)
    }

    fn going_back(&self, revision: u64) -> Option<Unusable> {
        let ours = self.position.revision;
        (revision < ours).then(|| {
            Unusable::message(format!(
                "revision {revision} lies before {ours}, which this node has"
            ))
        })
    }

    fn advance(&mut self, revision: u64, hash: &[u8]) {
        let (log_id, epoch) = (self.stream.log_id.clone(), self.stream.epoch);
        self.position = Position { log_id, epoch, revision, hash: hash.to_vec() };
    }

    fn acknowledge(&self, theirs: &[u8]) -> Outcome {
        let digest = self.digest();
        let digest_differs = digest.as_bytes() != theirs;
        Outcome::Ack { revision: self.position.revision, digest, digest_differs }
    }

    fn refuse(&mut self, revision: u64, unusable: Unusable) -> Outcome {
        self.needs_snapshot = true;
        Outcome::Nack { revision, unusable }
    }
}

/// A log and its epoch, as `--accept-log` takes them.
pub(crate) fn log_name(log_id: &str, epoch: u64) -> String {
    if epoch == 0 { log_id.to_owned() } else { format!("{log_id}/{epoch}") }
}

impl Staged {
    fn empty(stream: &Stream, keeps_encoded: bool) -> Self {
        let environments = stream.environments.iter();
        let empty = |of: &Served| {
            EnvironmentReplica::new(of.id, &of.name, of.delivery.clone(), keeps_encoded)
        };
        let environments = environments.map(empty).collect();
        Self { environments, unusable: None }
    }
}

/// Decodes and checks all changes before any is made: one list per environment, in order.
fn stage(
    environments: &mut [EnvironmentReplica],
    changes: &[v1::EnvironmentChanges],
) -> Result<Vec<Pending>, Unusable> {
    let mut pending: Vec<Pending> = environments.iter().map(|_| Pending::default()).collect();
    for change in changes {
        let at =
            environments.iter().position(|e| e.id().as_bytes().as_slice() == change.environment_id);
        let slot = at.and_then(|at| Some((environments.get_mut(at)?, pending.get_mut(at)?)));
        let (environment, pending) = slot.ok_or_else(|| {
            Unusable::message("a change of an environment that this node does not serve")
        })?;
        environment.decode(&change.change_set, pending)?;
    }
    Ok(pending)
}

fn commit(environments: &mut [EnvironmentReplica], pending: Vec<Pending>) -> Vec<(usize, Key)> {
    let mut keys = Vec::new();
    for (at, (environment, pending)) in environments.iter_mut().zip(pending).enumerate() {
        keys.extend(environment.commit(pending).map(|key| (at, key)));
    }
    keys
}

#[cfg(test)]
pub(crate) mod doubles;
#[cfg(test)]
mod tests;
