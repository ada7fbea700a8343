//! The publisher: what the engine commits, encoded once for each environment and pushed into the
//! feed, and whole tables encoded the same way. It seals secrets for the nodes, and sends nothing itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use countersign_feed::snapshot::chunks;
use countersign_feed::{Digests, Feed, FeedEntry, Window};
use countersign_proto::v1;
use countersign_shared::digest::{TableDigest, Term, term};
use countersign_shared::event::Event;
use countersign_shared::id::EnvironmentId;
use countersign_shared::state::State;
use prost::Message;

use crate::keystore::{Sealer, UnsealError};
use crate::log::Head;
use crate::project::{Change, Name, Resource, project, snapshot};

/// The writing end: turns what the engine commits into entries.
#[derive(Debug)]
pub struct Publisher {
    feed: Arc<Feed>,
    sealer: Sealer,
    digests: Arc<Digests>,
}

impl Publisher {
    /// Begins with the state that the first commit will change.
    pub fn new(sealer: Sealer, state: &State, window: Window) -> Result<Self, UnsealError> {
        let mut digests = Digests::default();
        for environment in state.environments().keys() {
            for (name, resource) in snapshot(state, *environment) {
                let bytes = encode(&sealer, *environment, &resource)?;
                let digest = digests.entry(*environment);
                *digest = digest.add(term_of(*environment, name, &bytes));
            }
        }
        let feed = Arc::new(Feed::after(state.head().revision, window));
        Ok(Self { feed, sealer, digests: Arc::new(digests) })
    }

    pub fn feed(&self) -> Arc<Feed> {
        Arc::clone(&self.feed)
    }

    pub fn digests(&self) -> Arc<Digests> {
        Arc::clone(&self.digests)
    }

    /// Pushes what the events changed between two states.
    pub fn publish<'a>(
        &mut self,
        before: &State,
        after: &State,
        events: impl Iterator<Item = &'a Event>,
        head: Head,
    ) -> Result<(), UnsealError> {
        let mut sets: BTreeMap<EnvironmentId, v1::ChangeSet> = BTreeMap::new();
        let changes = project(before, after, events);
        if !changes.is_empty() {
            let mut digests = Digests::clone(&self.digests);
            for change in changes {
                let environment = change.environment;
                let message = self.encode_change(change, digests.entry(environment))?;
                sets.entry(environment).or_default().changes.push(message);
            }
            self.digests = Arc::new(digests);
        }
        let changes =
            sets.into_iter().map(|(env, set)| (env, Bytes::from(set.encode_to_vec()))).collect();
        let digests = Arc::clone(&self.digests);
        self.feed.push(FeedEntry { after: before.head().revision, head, changes, digests });
        Ok(())
    }

    fn encode_change(
        &self,
        change: Change,
        digest: &mut TableDigest,
    ) -> Result<v1::Change, UnsealError> {
        let Change { environment, name, before, after } = change;
        if let Some(before) = before {
            let bytes = encode(&self.sealer, environment, &before)?;
            *digest = digest.sub(term_of(environment, name, &bytes));
        }
        let resource = after.map(|after| encode(&self.sealer, environment, &after)).transpose()?;
        if let Some(bytes) = &resource {
            *digest = digest.add(term_of(environment, name, bytes));
        }
        Ok(v1::Change { kind: name.kind().into(), id: name.id().to_vec(), resource })
    }
}

/// The whole table of an environment in chunks.
pub fn snapshot_chunks(
    sealer: &Sealer,
    state: &State,
    environment: EnvironmentId,
) -> Result<Vec<v1::SnapshotChunk>, UnsealError> {
    let resources = snapshot(state, environment).map(|(name, resource)| {
        let resource = Some(encode(sealer, environment, &resource)?);
        Ok(v1::Change { kind: name.kind().into(), id: name.id().to_vec(), resource })
    });
    chunks(environment, resources)
}

fn encode(
    sealer: &Sealer,
    environment: EnvironmentId,
    resource: &Resource,
) -> Result<Bytes, UnsealError> {
    resource.encode(|key| sealer.deliver(environment, key))
}

fn term_of(environment: EnvironmentId, name: Name, bytes: &[u8]) -> Term {
    term(environment, name.kind() as u8, name.id(), bytes)
}
