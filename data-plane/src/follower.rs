//! How a node follows a stream, sans-IO: replica and table builder, and which messages become
//! which table and which answer. `sync` does the sending and the waiting; the simulator runs
//! these very lines. It never reads a clock, and never serves a table itself.

use std::sync::Arc;

use countersign_delivery::{HandOver, Recipient};
use countersign_proto::v1::subscribe_request::Message as Request;
use countersign_proto::v1::subscribe_response::Message as Response;
use countersign_proto::v1::{Ack, Hello, Nack, ServedEnvironment, Welcome};
use countersign_shared::id::EnvironmentId;

use crate::replica::{
    DeliveryKeys, Outcome, PROTOCOL_VERSION, Position, Replica, Unusable, Unwelcome,
};
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
    /// Whom delivery keys are sealed to; made anew at each start.
    pub recipient: Arc<Recipient>,
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
            epoch: position.epoch,
            revision: position.revision,
            hash: position.hash,
            delivery_public_key: identity.recipient.public_key().to_vec(),
            relay: false,
        }
    }

    /// Begins a stream. Says whether this is another log than the copy is of. Without the keys that
    /// its snapshot would need it is not begun.
    pub fn welcome(&mut self, identity: &Identity, welcome: &Welcome) -> Result<bool, Unwelcome> {
        let keys = delivery_keys(identity, welcome)?;
        let is_other = self.replica.welcome(welcome, &keys)?;
        match self.replica.without_delivery_key() {
            Some(name) => Err(Unwelcome::NoDeliveryKey(name.to_owned())),
            None => Ok(is_other),
        }
    }

    /// The same, with keys that were kept.
    pub fn welcome_with(
        &mut self,
        welcome: &Welcome,
        keys: &DeliveryKeys,
    ) -> Result<bool, Unwelcome> {
        self.replica.welcome(welcome, keys)
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
            Response::Waiting(_) => return Ok(None),
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

/// The delivery keys that came, opened.
fn delivery_keys(identity: &Identity, welcome: &Welcome) -> Result<DeliveryKeys, Unwelcome> {
    let came = welcome.environments.iter().filter(|served| !served.sealed_delivery_key.is_empty());
    let open = |served: &ServedEnvironment| {
        let environment =
            EnvironmentId::try_from(&*served.id).map_err(|_| Unwelcome::EnvironmentId)?;
        let (log_id, node) = (welcome.log_id.as_str(), identity.node.as_str());
        let of = HandOver { log_id, environment, node, instance: &identity.instance };
        let key = identity.recipient.open(&of, &served.sealed_delivery_key);
        let key = key.map_err(|_| Unwelcome::DeliveryKey(served.name.clone()))?;
        Ok((environment, Arc::new(key)))
    };
    came.map(open).collect()
}

/// The message that tells an outcome, without the time at which it came into force, and why the
/// stream ends with it, if it does.
pub fn answer(outcome: Outcome) -> (Request, Option<Unusable>) {
    match outcome {
        Outcome::Ack { revision, digest, .. } => {
            let digest = digest.as_bytes().to_vec();
            (Request::Ack(Ack { revision, digest, applied_at_ms: 0, counts: None }), None)
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
    use countersign_delivery::hand_over;
    use countersign_proto::v1::SnapshotEnd;

    use super::*;
    use crate::replica::doubles;

    fn snapshot() -> Vec<Result<Response, Unexpected>> {
        let end = SnapshotEnd { revision: 5, hash: vec![5; 32], digest: vec![0; 32] };
        vec![Ok(Response::SnapshotEnd(end))]
    }

    fn identity() -> Identity {
        let recipient = Arc::new(Recipient::generate().unwrap());
        Identity { node: "n".into(), instance: "i".into(), environments: vec![], recipient }
    }

    /// To be sealed for this node of an environment of this log.
    fn welcome(identity: &Identity, of: &HandOver<'_>) -> Welcome {
        let sealed = hand_over(&doubles::delivery_key(), of, identity.recipient.public_key());
        let environments = vec![ServedEnvironment {
            id: of.environment.as_bytes().to_vec(),
            name: "RELEASE".into(),
            sealed_delivery_key: sealed.unwrap(),
        }];
        let (log_id, protocol_version) = ("ours".to_owned(), PROTOCOL_VERSION);
        Welcome { log_id, environments, protocol_version, ..Welcome::default() }
    }

    fn for_us() -> HandOver<'static> {
        let environment = EnvironmentId::from_bytes([1; 16]);
        HandOver { log_id: "ours", environment, node: "n", instance: "i" }
    }

    fn welcomed(mut follower: Follower) -> Follower {
        let identity = identity();
        assert_eq!(follower.welcome(&identity, &welcome(&identity, &for_us())), Ok(false));
        follower
    }

    #[test]
    fn a_delivery_key_that_was_sealed_for_somebody_else_is_not_gone_along_with() {
        let identity = identity();
        let refused = Err(Unwelcome::DeliveryKey("RELEASE".into()));
        for of in [
            HandOver { node: "m", ..for_us() },
            HandOver { instance: "j", ..for_us() },
            HandOver { log_id: "theirs", ..for_us() },
        ] {
            let welcome = welcome(&identity, &of);
            assert_eq!(Follower::default().welcome(&identity, &welcome), refused, "{of:?}");
        }
        let of_another_process = welcome(&self::identity(), &for_us());
        assert_eq!(Follower::default().welcome(&identity, &of_another_process), refused);
    }

    #[test]
    fn a_stream_without_keys_is_begun_only_by_who_has_them() {
        let identity = identity();
        let mut without = welcome(&identity, &for_us());
        without.environments[0].sealed_delivery_key.clear();
        let refused = Err(Unwelcome::NoDeliveryKey("RELEASE".into()));
        assert_eq!(Follower::default().welcome(&identity, &without), refused);
        let mut follower = welcomed(Follower::default());
        let (_, result) = follower.apply_all(snapshot().into_iter());
        assert!(result.is_ok());
        assert_eq!(follower.welcome(&identity, &without), Ok(false));
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
        let identity = identity();
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
