//! The log of this control plane as what nodes' streams read from. It decides where a node may go on,
//! has whole tables encoded, and delivery keys sealed; it sends nothing.

use std::sync::Arc;

use countersign_delivery::HandOver;
use countersign_feed::source::{NoKeys, NoSnapshot};
use countersign_feed::{Feed, Refused, ServedEnvironment, Source, Unserved};
use countersign_proto::v1;
use countersign_shared::id::{EnvironmentId, LogId};
use countersign_shared::node::KnownNode;
use data_encoding::HEXLOWER;
use tokio::sync::watch;

use crate::decide::find_environment;
use crate::engine::{EngineHandle, View};
use crate::keystore::Sealer;
use crate::log::LogReader;
use crate::publisher::snapshot_chunks;

#[derive(Clone)]
pub struct LogSource {
    pub engine: EngineHandle,
    pub feed: Arc<Feed>,
    pub sealer: Sealer,
    pub log_id: LogId,
    pub epoch: u64,
    pub reader: Arc<dyn LogReader>,
}

impl std::fmt::Debug for LogSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogSource").field("log_id", &self.log_id).finish_non_exhaustive()
    }
}

impl Source for LogSource {
    type View = View;

    fn log_id(&self) -> LogId {
        self.log_id
    }

    fn epoch(&self) -> u64 {
        self.epoch
    }

    fn view(&self) -> Arc<View> {
        self.engine.view()
    }

    fn revision(&self) -> watch::Receiver<u64> {
        self.engine.revision()
    }

    fn feed(&self) -> &Feed {
        &self.feed
    }

    fn known_node(&self, view: &View, name: &str) -> Option<Arc<KnownNode>> {
        view.state.nodes().get(name).cloned()
    }

    fn admissions(&self) -> watch::Receiver<u64> {
        self.engine.admissions()
    }

    fn environment(&self, view: &View, text: &str) -> Result<ServedEnvironment, Unserved> {
        environment(view, text)
    }

    fn resume(&self, hello: &v1::Hello) -> Result<Option<u64>, Refused> {
        resume(hello, (self.log_id, self.epoch), &self.feed, &*self.reader)
    }

    fn snapshot(
        &self,
        view: &View,
        environment: EnvironmentId,
    ) -> Result<Vec<v1::SnapshotChunk>, NoSnapshot> {
        snapshot_chunks(&self.sealer, &view.state, environment)
            .map_err(|error| NoSnapshot(error.to_string()))
    }

    async fn delivery_keys(&self, asked: v1::DeliverKeysRequest) -> Result<Vec<Vec<u8>>, NoKeys> {
        let (view, log_id) = (self.view(), self.log_id.to_string());
        let keys = asked.environment_ids.iter().map(|id| {
            let environment = EnvironmentId::try_from(&**id)
                .ok()
                .filter(|id| view.state.environments().contains_key(id))
                .ok_or_else(|| Unserved::new(&HEXLOWER.encode(id)))?;
            let (node, instance) = (&*asked.node, &*asked.instance);
            let of = HandOver { log_id: &log_id, environment, node, instance };
            let sealed = self.sealer.hand_over(&of, &asked.delivery_public_key);
            sealed.map_err(|_| NoKeys::PublicKey)
        });
        keys.collect()
    }
}

/// The environment of this id or name.
pub fn environment(view: &View, text: &str) -> Result<ServedEnvironment, Unserved> {
    let found = find_environment(&view.state, text);
    let fields = &found.map_err(|_| Unserved::new(text))?.fields;
    Ok(ServedEnvironment { id: fields.id, name: fields.name.to_string() })
}

/// Where a node may go on. One that has seen more of this epoch than there is, or something else than
/// there is, proves that the log was rolled back or rewritten: it is not served.
pub fn resume(
    hello: &v1::Hello,
    (log_id, epoch): (LogId, u64),
    feed: &Feed,
    reader: &dyn LogReader,
) -> Result<Option<u64>, Refused> {
    let is_ours = hello.log_id.parse::<LogId>().ok() == Some(log_id) && hello.epoch == epoch;
    if !is_ours || hello.revision == 0 {
        return Ok(None);
    }
    // Most nodes that come back at once are in the ring; the others are looked up on the disk.
    let ours = match feed.hash_at(hello.revision) {
        Some(hash) => Some(hash),
        None => reader.hash_at(hello.revision).map_err(|e| Refused::Damaged(e.to_string()))?,
    };
    if ours.is_some_and(|hash| hash.as_bytes().as_slice() == hello.hash) {
        return Ok(Some(hello.revision));
    }
    Err(Refused::RolledBack { head: reader.head().revision })
}
