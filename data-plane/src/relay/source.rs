//! What a relay serves: the newest tables and the changes before them, as the streams read them.

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use countersign_feed::commits::Commits;
use countersign_feed::source::{NoKeys, NoSnapshot};
use countersign_feed::{Feed, Refused, ServedEnvironment, Source, Unserved, Window};
use countersign_proto::v1;
use countersign_shared::id::{EnvironmentId, LogId};
use tokio::sync::watch;

use super::keys::Keys;
use super::tables::{Served, View};

/// Written by the stream from upstream, read by all streams to nodes.
#[derive(Debug)]
pub(crate) struct Shelf {
    view: ArcSwap<View>,
    feed: Feed,
    revision: watch::Sender<u64>,
    pub(crate) commits: Arc<Commits>,
    pub(crate) keys: Keys,
}

impl Shelf {
    pub(crate) fn new() -> Self {
        Self {
            view: ArcSwap::from_pointee(View::none()),
            feed: Feed::after(0, Window::default()),
            revision: watch::Sender::new(0),
            commits: Arc::default(),
            keys: Keys::default(),
        }
    }

    /// Serves this from now on. With a change the feed comes first, so that it is never behind the
    /// view; with a snapshot the view does, so that nobody is sent the former one once more.
    pub(crate) fn serve(&self, served: Served, now: Instant) {
        let revision = served.view.tip.head.revision;
        match served.entry {
            Some(entry) => {
                self.feed.push(entry);
                self.view.store(served.view);
            }
            None if self.view.load().tip.head == served.view.tip.head => {
                self.view.store(served.view);
            }
            None => {
                self.view.store(served.view);
                self.feed.begin_anew_after(revision);
            }
        }
        self.commits.record(revision, now);
        self.revision.send_replace(revision);
    }

    /// Changes with each revision; 0 before the first snapshot.
    pub(crate) fn revision(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }
}

/// A shelf, served.
#[derive(Debug, Clone)]
pub(crate) struct RelaySource(pub(crate) Arc<Shelf>);

impl Source for RelaySource {
    type View = View;

    fn is_there(&self) -> Result<(), Refused> {
        if *self.0.revision.borrow() == 0 { Err(Refused::NotYet) } else { Ok(()) }
    }

    fn log_id(&self) -> LogId {
        self.0.view.load().log_id
    }

    fn epoch(&self) -> u64 {
        self.0.view.load().epoch
    }

    fn view(&self) -> Arc<View> {
        self.0.view.load_full()
    }

    fn revision(&self) -> watch::Receiver<u64> {
        self.0.revision()
    }

    fn feed(&self) -> &Feed {
        &self.0.feed
    }

    fn environment(&self, view: &View, text: &str) -> Result<ServedEnvironment, Unserved> {
        view.environment(text).cloned().ok_or_else(|| Unserved::new(text))
    }

    /// What cannot be judged here begins anew. A node that is ahead is not taken back, but sent to
    /// try again; nobody is accused of a rollback by who does not have the hash.
    fn resume(&self, hello: &v1::Hello) -> Result<Option<u64>, Refused> {
        let view = self.view();
        let head = view.tip.head;
        let is_ours = hello.log_id.parse::<LogId>().ok() == Some(view.log_id);
        if !is_ours || hello.epoch != view.epoch || hello.revision == 0 {
            return Ok(None);
        }
        if hello.revision > head.revision {
            return Err(Refused::Behind { head: head.revision });
        }
        let known = if hello.revision == head.revision {
            Some(head.hash)
        } else {
            self.0.feed.hash_at(hello.revision)
        };
        match known {
            None => Ok(None),
            Some(hash) if hash.as_bytes().as_slice() == hello.hash => Ok(Some(hello.revision)),
            Some(_) => Err(Refused::RolledBack { head: head.revision }),
        }
    }

    fn snapshot(
        &self,
        view: &View,
        environment: EnvironmentId,
    ) -> Result<Vec<v1::SnapshotChunk>, NoSnapshot> {
        let chunks = view.chunks(environment);
        chunks.ok_or_else(|| NoSnapshot(format!("{environment} is served here no longer")))
    }

    async fn delivery_keys(&self, asked: v1::DeliverKeysRequest) -> Result<Vec<Vec<u8>>, NoKeys> {
        self.0.keys.of(asked).await
    }
}
