//! What was true when: the state after each command, learnt from the log and from nothing else,
//! and found by the hash of the chain, so that a log that was rolled back and written anew has
//! both of its pasts.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use countersign_control_plane::history::decode_event;
use countersign_control_plane::log::{Head, LogReader};
use countersign_feed::Digests;
use countersign_proto::convert::record_from_proto;
use countersign_shared::id::{ApiId, EnvironmentId, KeyId};
use countersign_shared::secret::Fingerprint;
use countersign_shared::state::State;

type Hash = [u8; 32];

/// The state after a command.
#[derive(Debug)]
pub(crate) struct Truth {
    pub(crate) head: Head,
    pub(crate) state: State,
    pub(crate) digests: OnceLock<Arc<Digests>>,
    expected: OnceLock<BTreeMap<(EnvironmentId, ApiId), Expected>>,
}

/// What a node has to know of an API that is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) path: String,
    pub(crate) domains: Vec<String>,
    /// Key, its text, and its secret.
    pub(crate) signed_by: Option<(KeyId, String, Fingerprint)>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Histories {
    by_hash: HashMap<Hash, Arc<Truth>>,
    /// Of the log that is now in use, oldest first.
    chain: Vec<Arc<Truth>>,
}

impl Histories {
    /// Reads what is new in the log; one that goes back or is another is gone back to.
    pub(crate) fn learn(&mut self, reader: &dyn LogReader) {
        while self.chain.last().is_some_and(|truth| {
            reader.hash_at(truth.head.revision).unwrap() != Some(truth.head.hash)
        }) {
            self.chain.pop();
        }
        let mut state = self.chain.last().map(|truth| truth.state.clone()).unwrap_or_default();
        let records = reader.read(state.head().revision + 1, usize::MAX).unwrap();
        let mut records = records.iter().peekable();
        let mut decoded = None;
        while let Some(stored) = records.next() {
            let record = decoded
                .take()
                .unwrap_or_else(|| record_from_proto(&decode_event(stored).unwrap()).unwrap());
            if let Some(mark) = &record.origin.request {
                let known = state.requests().get(&mark.id);
                let once = known.is_none_or(|known| known.first_revision == record.first_revision);
                assert!(once, "{} was carried out twice", mark.id);
            }
            state.apply(&record);
            decoded =
                records.peek().map(|next| record_from_proto(&decode_event(next).unwrap()).unwrap());
            let goes_on =
                decoded.as_ref().is_some_and(|next| next.first_revision == record.first_revision);
            if !goes_on {
                let head = Head { revision: stored.revision, hash: stored.hash };
                self.add(Truth::new(head, state.clone()));
            }
        }
    }

    pub(crate) fn newest(&self) -> &Arc<Truth> {
        self.chain.last().unwrap()
    }

    /// Of the log in use.
    pub(crate) fn chain(&self) -> &[Arc<Truth>] {
        &self.chain
    }

    /// Of any log, in use or not.
    pub(crate) fn at(&self, hash: &[u8]) -> Option<&Arc<Truth>> {
        self.by_hash.get(&Hash::try_from(hash).ok()?)
    }

    /// Whether the log in use has this in it.
    pub(crate) fn is_in_use(&self, revision: u64, hash: &[u8]) -> bool {
        let found = self.chain.binary_search_by_key(&revision, |truth| truth.head.revision);
        found.is_ok_and(|at| self.chain[at].head.hash.as_bytes().as_slice() == hash)
    }

    fn add(&mut self, truth: Truth) {
        let truth =
            self.by_hash.entry(*truth.head.hash.as_bytes()).or_insert_with(|| Arc::new(truth));
        self.chain.push(Arc::clone(truth));
    }
}

impl Truth {
    fn new(head: Head, state: State) -> Self {
        Self { head, state, digests: OnceLock::new(), expected: OnceLock::new() }
    }

    /// All that is published, worked out from the state and not by `project`.
    pub(crate) fn expected(&self) -> &BTreeMap<(EnvironmentId, ApiId), Expected> {
        self.expected.get_or_init(|| {
            let state = &self.state;
            let published = state.publications().iter().map(|((environment, api), publication)| {
                let group = state.apis()[api].fields.group;
                let domains = &state.groups()[&group].fields.domains;
                let signed_by = state.bindings().get(&(*environment, *api)).map(|binding| {
                    let key = &state.keys()[&binding.key];
                    (key.id, key.key.to_string(), key.secret.sealed.fingerprint)
                });
                let expected = Expected {
                    path: publication.definition.path.to_string(),
                    domains: domains.iter().map(ToString::to_string).collect(),
                    signed_by,
                };
                ((*environment, *api), expected)
            });
            published.collect()
        })
    }
}
