//! Making snapshots: one at a time, on a thread that may block, for all streams that want it.

use std::sync::Arc;
use std::time::Instant;

use countersign_shared::id::EnvironmentId;
use tokio::sync::Mutex;

use super::Parts;
use crate::shelf::{Edition, Part, Shelf};
use crate::source::{NoSnapshot, Source};

/// The tables of some environments at one revision.
pub(super) struct Snapshot<V> {
    pub(super) view: Arc<V>,
    pub(super) parts: Vec<Arc<Part>>,
}

#[derive(Debug)]
pub(super) struct Snapshots<V> {
    shelf: Arc<Shelf<V>>,
    /// Held by the one that has something made.
    making: Mutex<()>,
}

impl<V: AsRef<crate::Tip> + Send + Sync + 'static> Snapshots<V> {
    pub(super) fn new(held: prometheus_client::metrics::gauge::Gauge) -> Self {
        Self { shelf: Arc::new(Shelf::new(held)), making: Mutex::new(()) }
    }

    /// For a stream whose node has seen `least`, which the source's view has, too.
    pub(super) async fn get<S: Source<View = V>>(
        &self,
        parts: &Arc<Parts<S>>,
        environments: &[EnvironmentId],
        least: u64,
    ) -> Result<Snapshot<V>, NoSnapshot> {
        let feed = parts.source.feed();
        let shelved = || self.shelf.edition(Instant::now(), feed, least);
        if let Some(snapshot) = shelved().and_then(|edition| whole(&edition, environments)) {
            return Ok(snapshot);
        }
        let _only_one = self.making.lock().await;
        let edition = shelved().unwrap_or_else(|| self.replace(&parts.source.view()));
        let missing: Vec<EnvironmentId> =
            environments.iter().copied().filter(|id| edition.part(*id).is_none()).collect();
        let (making, of) = (Arc::clone(parts), Arc::clone(&edition));
        let made = tokio::task::spawn_blocking(move || {
            missing.into_iter().try_for_each(|environment| {
                of.keep(environment, making.source.snapshot(of.view(), environment)?);
                making.metrics.snapshots_made.inc();
                Ok(())
            })
        });
        made.await.map_err(|error| NoSnapshot(error.to_string()))??;
        whole(&edition, environments).ok_or_else(|| NoSnapshot("a table is missing".into()))
    }

    fn replace(&self, view: &Arc<V>) -> Arc<Edition<V>> {
        let (edition, is_first) = self.shelf.replace(Instant::now(), view);
        if is_first {
            tokio::spawn(sweep(Arc::clone(&self.shelf)));
        }
        edition
    }
}

/// What was made of an edition, if that is all that is needed.
fn whole<V: AsRef<crate::Tip>>(
    edition: &Edition<V>,
    environments: &[EnvironmentId],
) -> Option<Snapshot<V>> {
    let parts = environments.iter().map(|environment| edition.part(*environment));
    Some(Snapshot { view: Arc::clone(edition.view()), parts: parts.collect::<Option<_>>()? })
}

/// Until there is nothing left on the shelf.
async fn sweep<V: AsRef<crate::Tip>>(shelf: Arc<Shelf<V>>) {
    while let Some(due) = shelf.sweep(Instant::now()) {
        tokio::time::sleep_until(due.into()).await;
    }
}
