//! What a relay keeps: the resources of its environments as they came, and where in the log they
//! stand. Sans-IO: messages go in, and what is to be served comes out. It looks into no resource, has no
//! key for the secrets in them, and never goes back.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use countersign_feed::snapshot::chunks;
use countersign_feed::{Digests, FeedEntry, ServedEnvironment, Tip};
use countersign_proto::v1;
use countersign_proto::v1::subscribe_response::Message as FromPlane;
use countersign_shared::chain::{ChainHash, Head};
use countersign_shared::digest::{TableDigest, Term, term};
use countersign_shared::id::{EnvironmentId, LogId};
use prost::Message;

use crate::replica::{Outcome, PROTOCOL_VERSION, PROTOCOL_VERSION_MIN, Position, log_name};
use crate::replica::{Unusable, Unwelcome};

/// Kind and id, as the contract has them.
type Name = (u8, [u8; 16]);

/// The resources of one environment. A clone shares them.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    environment: ServedEnvironment,
    resources: imbl::HashMap<Name, Bytes>,
    digest: TableDigest,
}

/// All tables at one revision.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) log_id: LogId,
    pub(crate) epoch: u64,
    pub(crate) tip: Tip,
    tables: Vec<Table>,
}

/// The copy.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    /// None before the first complete snapshot.
    view: Option<Arc<View>>,
    /// What the Welcome said.
    stream: Option<((LogId, u64), Vec<ServedEnvironment>)>,
    /// A snapshot that is still coming in, or why it cannot be used.
    staged: Option<Result<Vec<Table>, Unusable>>,
    needs_snapshot: bool,
}

/// What a message has brought.
#[derive(Debug)]
pub(crate) struct Brought {
    pub(crate) outcome: Outcome,
    /// What is to be served from now on; none after a refusal.
    pub(crate) served: Option<Served>,
}

#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) view: Arc<View>,
    /// What the streams go on with; none: they go on from the view, by snapshot.
    pub(crate) entry: Option<FeedEntry>,
}

impl View {
    /// Before anything came.
    pub(crate) fn none() -> Self {
        let log_id = LogId::from_bytes([0; 16]);
        let tip = Tip { head: Head::genesis(log_id), digests: Arc::default() };
        Self { log_id, epoch: 0, tip, tables: Vec::new() }
    }

    /// By id or name.
    pub(crate) fn environment(&self, text: &str) -> Option<&ServedEnvironment> {
        let id = text.parse::<EnvironmentId>().ok();
        let mut served = self.tables.iter().map(|table| &table.environment);
        served.find(|served| served.name == text || Some(served.id) == id)
    }

    pub(crate) fn chunks(&self, environment: EnvironmentId) -> Option<Vec<v1::SnapshotChunk>> {
        let table = self.tables.iter().find(|table| table.environment.id == environment)?;
        let changes = table.resources.iter().map(|((kind, id), resource)| {
            let (kind, id, resource) = (i32::from(*kind), id.to_vec(), Some(resource.clone()));
            Ok::<_, std::convert::Infallible>(v1::Change { kind, id, resource })
        });
        let Ok(chunks) = chunks(environment, changes);
        Some(chunks)
    }
}

impl AsRef<Tip> for View {
    fn as_ref(&self) -> &Tip {
        &self.tip
    }
}

impl Tables {
    /// What to say in a Hello: nothing where only a snapshot would help.
    pub(crate) fn position(&self) -> Position {
        match &self.view {
            Some(view) if !self.needs_snapshot => Position {
                log_id: view.log_id.to_string(),
                epoch: view.epoch,
                revision: view.tip.head.revision,
                hash: view.tip.head.hash.as_bytes().to_vec(),
            },
            _ => Position::default(),
        }
    }

    /// Begins a stream. A relay has one log for as long as it runs.
    pub(crate) fn welcome(&mut self, welcome: &v1::Welcome) -> Result<(), Unwelcome> {
        if !(PROTOCOL_VERSION_MIN..=PROTOCOL_VERSION).contains(&welcome.protocol_version) {
            return Err(Unwelcome::ProtocolVersion(welcome.protocol_version));
        }
        let log_id = welcome.log_id.parse::<LogId>().map_err(|_| Unwelcome::LogId)?;
        let served = welcome.environments.iter().map(|served| {
            let id = EnvironmentId::try_from(&*served.id).map_err(|_| Unwelcome::EnvironmentId)?;
            Ok(ServedEnvironment { id, name: served.name.clone() })
        });
        let served = served.collect::<Result<Vec<_>, _>>()?;
        let (log, theirs) = ((log_id, welcome.epoch), log_name(&log_id.to_string(), welcome.epoch));
        let ours = self.view.as_ref().map(|view| (view.log_id, view.epoch));
        if let Some((ours, epoch)) = ours.filter(|ours| *ours != log) {
            let ours = log_name(&ours.to_string(), epoch);
            return Err(Unwelcome::ForeignRelayedLog { ours, theirs });
        }
        if welcome.resumed {
            let Some(view) = &self.view else {
                return Err(Unwelcome::OtherLog { ours: String::new(), theirs });
            };
            let held = view.tables.iter().map(|table| table.environment.id);
            if !held.eq(served.iter().map(|served| served.id)) {
                return Err(Unwelcome::OtherEnvironments);
            }
        }
        self.staged = None;
        self.stream = Some((log, served));
        Ok(())
    }

    /// Takes a message whole or not at all. Nothing for a part of a snapshot.
    pub(crate) fn apply(&mut self, message: FromPlane) -> Option<Brought> {
        let revision = match &message {
            FromPlane::Delta(delta) => delta.revision,
            FromPlane::SnapshotEnd(end) => end.revision,
            FromPlane::Bookmark(bookmark) => bookmark.revision,
            FromPlane::SnapshotChunk(_) | FromPlane::Waiting(_) | FromPlane::Welcome(_) => 0,
        };
        let applied = match message {
            FromPlane::SnapshotChunk(chunk) => {
                self.stage(&chunk);
                return None;
            }
            FromPlane::Waiting(_) => return None,
            FromPlane::Welcome(_) => Err(Unusable::message("a second Welcome")),
            FromPlane::SnapshotEnd(end) => self.replace(&end),
            FromPlane::Delta(delta) => self.go_on(delta.revision, &delta.hash, &delta.environments),
            // That our digest is another is found by whoever sent it, with our answer.
            FromPlane::Bookmark(told) => self.go_on(told.revision, &told.hash, &[]),
        };
        Some(match applied {
            Ok(served) => {
                (self.view, self.needs_snapshot) = (Some(Arc::clone(&served.view)), false);
                let digest = served.view.digest();
                let outcome = Outcome::Ack { revision, digest, digest_differs: false };
                Brought { outcome, served: Some(served) }
            }
            Err(unusable) => {
                self.needs_snapshot = true;
                Brought { outcome: Outcome::Nack { revision, unusable }, served: None }
            }
        })
    }

    fn stage(&mut self, chunk: &v1::SnapshotChunk) {
        let staged = self.staged.take().unwrap_or_else(|| Ok(self.empty()));
        self.staged = Some(staged.and_then(|mut tables| {
            changed(&mut tables, &chunk.environments)?;
            Ok(tables)
        }));
    }

    fn replace(&mut self, end: &v1::SnapshotEnd) -> Result<Served, Unusable> {
        let tables = self.staged.take().unwrap_or_else(|| Ok(self.empty()))?;
        self.not_back(end.revision)?;
        let view = self.view_of(head(end.revision, &end.hash)?, tables)?;
        Ok(Served { view: Arc::new(view), entry: None })
    }

    fn go_on(
        &self,
        revision: u64,
        hash: &[u8],
        changes: &[v1::EnvironmentChanges],
    ) -> Result<Served, Unusable> {
        let Some(view) = self.view.as_ref().filter(|_| !self.needs_snapshot) else {
            return Err(Unusable::message("this relay needs a snapshot first"));
        };
        if self.staged.is_some() {
            return Err(Unusable::message("the snapshot before this message has no end"));
        }
        self.not_back(revision)?;
        let mut tables = view.tables.clone();
        let changes = changed(&mut tables, changes)?;
        let (after, head) = (view.tip.head.revision, head(revision, hash)?);
        let view = Arc::new(self.view_of(head, tables)?);
        let digests = Arc::clone(&view.tip.digests);
        let entry = (revision > after).then_some(FeedEntry { after, head, changes, digests });
        Ok(Served { view, entry })
    }

    fn not_back(&self, revision: u64) -> Result<(), Unusable> {
        let ours = self.view.as_ref().map_or(0, |view| view.tip.head.revision);
        if revision >= ours {
            return Ok(());
        }
        let reason = format!("revision {revision} lies before {ours}, which this relay has");
        Err(Unusable::message(reason))
    }

    fn empty(&self) -> Vec<Table> {
        let served = self.stream.iter().flat_map(|(_, served)| served);
        let resources = imbl::HashMap::new;
        let digest = TableDigest::ZERO;
        served.map(|of| Table { environment: of.clone(), resources: resources(), digest }).collect()
    }

    fn view_of(&self, head: Head, tables: Vec<Table>) -> Result<View, Unusable> {
        let Some(((log_id, epoch), _)) = &self.stream else {
            return Err(Unusable::message("it came before the Welcome"));
        };
        let mut digests = Digests::default();
        for table in &tables {
            *digests.entry(table.environment.id) = table.digest;
        }
        Ok(View {
            log_id: *log_id,
            epoch: *epoch,
            tip: Tip { head, digests: Arc::new(digests) },
            tables,
        })
    }
}

impl View {
    /// Of all tables together.
    fn digest(&self) -> TableDigest {
        self.tables.iter().fold(TableDigest::ZERO, |sum, table| sum.union(table.digest))
    }
}

fn head(revision: u64, hash: &[u8]) -> Result<Head, Unusable> {
    let hash = hash.try_into().map_err(|_| Unusable::message("a hash has 32 bytes"))?;
    Ok(Head { revision, hash: ChainHash::from_bytes(hash) })
}

/// Makes the changes, and gives them by environment, as they came.
fn changed(
    tables: &mut [Table],
    changes: &[v1::EnvironmentChanges],
) -> Result<BTreeMap<EnvironmentId, Bytes>, Unusable> {
    let mut forwarded = BTreeMap::new();
    for v1::EnvironmentChanges { environment_id, change_set } in changes {
        let mut of = tables.iter_mut();
        let table = of.find(|t| t.environment.id.as_bytes().as_slice() == environment_id);
        let table = table.ok_or_else(|| {
            Unusable::message("a change of an environment that this relay does not serve")
        })?;
        table.change(change_set)?;
        if forwarded.insert(table.environment.id, change_set.clone()).is_some() {
            return Err(Unusable::message("two change sets of one environment"));
        }
    }
    Ok(forwarded)
}

impl Table {
    fn change(&mut self, set: &Bytes) -> Result<(), Unusable> {
        let set = v1::ChangeSet::decode(set.clone())
            .map_err(|_| Unusable::message("the bytes of a change set are none"))?;
        for v1::Change { kind, id, resource } in set.changes {
            let name = u8::try_from(kind).ok().zip(id.try_into().ok());
            let name = name.ok_or_else(|| Unusable::message("a resource without kind or id"))?;
            let former = match resource {
                // Not a slice, which would keep the whole message.
                Some(resource) => {
                    self.digest = self.digest.add(self.term(name, &resource));
                    self.resources.insert(name, Bytes::copy_from_slice(&resource))
                }
                None => self.resources.remove(&name),
            };
            if let Some(former) = former {
                self.digest = self.digest.sub(self.term(name, &former));
            }
        }
        Ok(())
    }

    fn term(&self, (kind, id): Name, resource: &[u8]) -> Term {
        term(self.environment.id, kind, &id, resource)
    }
}

#[cfg(test)]
mod tests;
