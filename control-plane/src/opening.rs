//! What a control plane is made of, opened in the order in which each needs the one before: place,
//! keystore, log, state (newest good snapshot, then the log), feed. It serves nothing.

use std::sync::Arc;

use countersign_feed::Window;
use countersign_feed::ring::FEED_ENTRIES_MAX;
use countersign_shared::id::LogId;

use crate::Limits;
use crate::api::Auditing;
use crate::attempts::Attempts;
use crate::engine::{Engine, forget_all_but_living};
use crate::history::History;
use crate::keystore::{Keystore, KeystoreError, MasterKey, MasterKeySource, PutError};
use crate::log::{CheckpointKey, OpenError, SnapshotStore};
use crate::metrics::EngineMetrics;
use crate::place::{Place, Whereabouts};
use crate::recover::recover;
use crate::snapshotter::Snapshotter;
use crate::start::StartError;

/// What is needed to open everything.
pub(crate) struct Opening {
    pub(crate) whereabouts: Whereabouts,
    pub(crate) master_key: Option<MasterKeySource>,
    pub(crate) next_master_key: Option<MasterKeySource>,
    pub(crate) limits: Limits,
}

/// All that was opened, for a control plane to be made of.
pub(crate) struct Opened {
    pub(crate) engine: Engine,
    pub(crate) history: History,
    pub(crate) log_id: LogId,
    pub(crate) epoch: u64,
    pub(crate) auditing: Auditing,
}

pub(crate) fn open(opening: &Opening, metrics: Arc<EngineMetrics>) -> Result<Opened, StartError> {
    let place = Place::open(&opening.whereabouts)?;
    let dir = place.dir();
    let (log_id, epoch) = (dir.log_id(), dir.epoch());
    let mut keystore = open_keystore(&place, opening)?;
    let snapshots = Arc::new(SnapshotStore::of(dir));
    let attempts = Attempts::open(&dir.attempts_path()).map_err(OpenError::from)?;
    let seed = keystore.checkpoint_seed();
    let signing = || CheckpointKey::from_seed(&seed, log_id);
    let log = place.open_log(signing())?;
    keystore.take_shared()?;
    let auditing = Auditing::new(signing(), attempts);
    let head = log.head();
    let history = History { reader: log.reader(), snapshots: Arc::clone(&snapshots) };

    // From a snapshot so old that the replay fills the feed: nodes go on by deltas after a restart.
    let mut state = history.snapshot_before(head.revision.saturating_sub(FEED_ENTRIES_MAX as u64));
    let snapshot_revision = state.head().revision;
    let sealer = keystore.sealer();
    let publisher = recover(&*history.reader, log_id, &mut state, &sealer, Window::default())?;
    // Those that a crash kept from being forgotten.
    match forget_all_but_living(&mut keystore, &state) {
        Err(error @ PutError::Full(_)) => tracing::warn!(%error, "no secret is forgotten"),
        forgotten => forgotten.map_err(KeystoreError::from)?,
    }
    metrics.committed(head.revision);
    tracing::info!(
        revision = head.revision,
        replayed = head.revision - snapshot_revision,
        keys = state.keys().len(),
        bindings = state.bindings().len(),
        "log read"
    );
    let snapshotter =
        Snapshotter::spawn(snapshots, snapshot_revision).map_err(StartError::Thread)?;
    let limits = opening.limits;
    let engine = Engine { log, keystore, state, publisher, limits, snapshotter, metrics };
    Ok(Opened { engine, history, log_id, epoch, auditing })
}

/// Under the master key, or under the next one: after a rotation that is the one until somebody puts it
/// in the other's place.
fn open_keystore(place: &Place, opening: &Opening) -> Result<Keystore, StartError> {
    let under = |master: &MasterKey| place.open_keystore(master);
    let tried = place.dir().master_key(opening.master_key.as_ref());
    let refused: StartError = match tried.map(|master| under(&master)) {
        Ok(Ok(keystore)) => return Ok(keystore),
        Ok(Err(error @ KeystoreError::WrongMasterKey(_))) => error.into(),
        Ok(Err(error)) => return Err(error.into()),
        Err(error) => error.into(),
    };
    let next = opening.next_master_key.as_ref().and_then(|next| next.read().ok());
    let Some(Ok(keystore)) = next.map(|next| under(&next)) else { return Err(refused) };
    tracing::warn!(
        number = keystore.master_number(),
        "the next master key is the one in use: put it in the place of the former one"
    );
    Ok(keystore)
}
