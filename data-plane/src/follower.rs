//! How a node follows a stream, sans-IO: replica and table builder, and which messages become
//! which table and which answer. `sync` does the sending and the waiting; the simulator runs
//! these very lines. It never reads a clock, and never serves a table itself.

use countersign_proto::v1::subscribe_request::Message as Request;
use countersign_proto::v1::subscribe_response::Message as Response;
use countersign_proto::v1::{Ack, Hello, Nack, Welcome};

use crate::replica::{Outcome, PROTOCOL_VERSION, Position, Replica, Unusable, Unwelcome};
use crate::table::{RoutingTable, TableBuilder};

/// At most this many messages are applied between two tables.
const MESSAGES_PER_TABLE_MAX: usize = 4096;

/// Who the node is, as it says in each Hello.
#[derive(Debug, Clone)]
pub struct Identity {
    pub node: String,
    /// Made anew at each start.
    pub instance: String,
    pub environments: Vec<String>,
}

/// A second Welcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a second Welcome")]
pub struct Unexpected;

/// What some messages came to.
#[derive(Debug, Default)]
pub struct Applied {
    /// What is to be answered once the table is in force: the newest acknowledgement, or the
    /// refusal.
    pub outcome: Option<Outcome>,
    /// How often this node's table was not the control plane's.
    pub digest_mismatches: u64,
}

/// What is carried from stream to stream.
#[derive(Debug, Default)]
pub struct Follower {
    replica: Replica,
    builder: TableBuilder,
    /// What the table that was built last is of.
    built: Position,
}

impl Follower {
    /// The same, but it takes the next snapshot of this log in the place of whatever it holds.
    #[must_use]
    pub fn accepting(self, log_id: Option<String>) -> Self {
        Self { replica: self.replica.accepting(log_id), ..self }
    }

    /// The same, but what it holds can be kept in a cache.
    #[must_use]
    pub fn keeping_encoded(self) -> Self {
        Self { replica: self.replica.keeping_encoded(), ..self }
    }

    /// The first message of a stream.
    pub fn hello(&self, identity: &Identity) -> Hello {
        let position = self.replica.hello();
        Hello {
            node: identity.node.clone(),
            instance: identity.instance.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            protocol_version: PROTOCOL_VERSION,
            environments: identity.environments.clone(),
            log_id: position.log_id,
            revision: position.revision,
            hash: position.hash,
        }
    }

    /// Begins a stream. Says whether this is another log than the copy is of.
    pub fn welcome(&mut self, welcome: &Welcome) -> Result<bool, Unwelcome> {
        self.replica.welcome(welcome)
    }

    pub fn replica(&self) -> &Replica {
        &self.replica
    }

    /// Applies the messages that are there, in order, up to a refusal or an error; of the rest
    /// none is taken. What was applied before an error stays, and wants its table, too.
    pub fn apply_all<E: From<Unexpected>>(
        &mut self,
        messages: impl Iterator<Item = Result<Response, E>>,
    ) -> (Applied, Result<(), E>) {
        let mut applied = Applied::default();
        for message in messages.take(MESSAGES_PER_TABLE_MAX) {
            match message.and_then(|message| Ok(self.apply(message)?)) {
                Err(error) => return (applied, Err(error)),
                Ok(None) => {}
                Ok(Some(outcome)) => {
                    let differs = matches!(outcome, Outcome::Ack { digest_differs: true, .. });
                    applied.digest_mismatches += u64::from(differs);
                    let is_refusal = matches!(outcome, Outcome::Nack { .. });
                    applied.outcome = Some(outcome);
                    if is_refusal {
                        break;
                    }
                }
            }
        }
        (applied, Ok(()))
    }

    /// The table of what the replica holds now, if that is another than was built last. What
    /// heals a table that differed is of the same revision as that.
    pub fn table(&mut self) -> Option<RoutingTable> {
        let is_another = *self.replica.position() != self.built || self.replica.has_changed();
        if !self.replica.is_complete() || !is_another {
            return None;
        }
        self.built = self.replica.position().clone();
        Some(self.builder.build(&mut self.replica))
    }

    fn apply(&mut self, message: Response) -> Result<Option<Outcome>, Unexpected> {
        Ok(Some(match message {
            Response::Welcome(_) => return Err(Unexpected),
            Response::SnapshotChunk(chunk) => {
                self.replica.snapshot_chunk(&chunk);
                return Ok(None);
            }
            Response::SnapshotEnd(end) => self.replica.snapshot_end(&end),
            Response::Delta(delta) => self.replica.delta(&delta),
            Response::Bookmark(bookmark) => self.replica.bookmark(&bookmark),
        }))
    }
}

/// The message that tells an outcome, without the time at which it came into force, and why the
/// stream ends with it, if it does.
pub fn answer(outcome: Outcome) -> (Request, Option<Unusable>) {
    match outcome {
        Outcome::Ack { revision, digest, .. } => {
            let digest = digest.as_bytes().to_vec();
            (Request::Ack(Ack { revision, digest, applied_at_ms: 0 }), None)
        }
        Outcome::Nack { revision, unusable } => {
            let nack = Nack {
                revision,
                kind: unusable.kind,
                resource_id: unusable.id.clone(),
                reason: unusable.reason.clone(),
            };
            (Request::Nack(nack), Some(unusable))
        }
    }
}

#[cfg(test)]
mod tests {
    use countersign_proto::v1::{ServedEnvironment, SnapshotEnd};

    use super::*;

    fn snapshot() -> Vec<Result<Response, Unexpected>> {
        let end = SnapshotEnd { revision: 5, hash: vec![5; 32], digest: vec![0; 32] };
        vec![Ok(Response::SnapshotEnd(end))]
    }

    fn welcomed(mut follower: Follower) -> Follower {
        let environments = vec![ServedEnvironment { id: vec![1; 16], name: "RELEASE".into() }];
        let (log_id, protocol_version) = ("ours".to_owned(), PROTOCOL_VERSION);
        let welcome = Welcome { log_id, environments, protocol_version, ..Welcome::default() };
        assert_eq!(follower.welcome(&welcome), Ok(false));
        follower
    }

    #[test]
    fn a_snapshot_that_heals_comes_into_force_though_its_revision_is_the_same() {
        let mut follower = welcomed(Follower::default());
        for _ in 0..2 {
            let (applied, result) = follower.apply_all(snapshot().into_iter());
            assert!(result.is_ok() && matches!(applied.outcome, Some(Outcome::Ack { .. })));
            assert_eq!(follower.table().map(|table| table.revision), Some(5));
            assert!(follower.table().is_none());
        }
    }

    #[test]
    fn a_node_that_waits_for_another_log_says_what_it_has_of_its_own() {
        let identity = Identity { node: "n".into(), instance: "i".into(), environments: vec![] };
        for accepted in ["theirs", "ours"] {
            let mut follower = welcomed(Follower::default().accepting(Some(accepted.into())));
            let (_, result) = follower.apply_all(snapshot().into_iter());
            assert!(result.is_ok());
            let hello = follower.hello(&identity);
            assert_eq!(
                (hello.log_id.as_str(), hello.revision),
                ("ours", 5),
                "accepting {accepted}"
            );
        }
    }
}
