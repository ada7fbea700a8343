//! What the engine does with its keystore besides putting data keys: forgets those of secrets that are
//! no more, and goes over to another master key. In between commits, so that no data key comes or goes
//! meanwhile.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign_shared::event::{Event, Record};
use countersign_shared::id::SecretId;
use countersign_shared::state::State;
use tokio::sync::{oneshot, watch};

use super::follow::Waiting;
use super::{EngineHandle, Fatal, ToEngine, Writer};
use crate::keystore::{Keystore, MasterKey, PutError};
use crate::log::Standing;

/// After a secret was replaced or deleted so much time passes until its data key is gone from the
/// disk: more that come meanwhile go with it,
const FORGET_AFTER: Duration = Duration::from_secs(1);
/// and of all time at most one part in so many is spent with it.
const FORGET_SHARE: u32 = 20;

/// Why the master key is still the one it was.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    #[error(
        "the next master key is the one that is in use: put a new one in its place \
         (`countersign master-key new`)"
    )]
    InUse,
    #[error(
        "the log is in etcd, so that all replicas would have to change the master key at once, which is \
         not built yet"
    )]
    Shared,
    /// The rotation can be asked for again.
    #[error("the master key was not rotated: {0}")]
    Full(String),
    #[error("the control plane is stopping: try again")]
    Stopped,
}

/// What is done between commits.
#[derive(Debug)]
pub(super) enum Chore {
    /// Others may have appended, or this process may have begun or ceased to lead.
    Follow(Waiting),
    Forget(oneshot::Sender<Duration>),
    Rotate(MasterKey, oneshot::Sender<Result<u32, RotateError>>),
    /// The numbers of master key and epoch.
    Tell(oneshot::Sender<(u32, u32)>),
}

impl EngineHandle {
    /// Leaves nothing on the disk with which a secret that is no more could be opened. How long it took.
    pub async fn forget(&self) -> Option<Duration> {
        let (reply, done) = oneshot::channel();
        self.queue.send(ToEngine::Chore(Chore::Forget(reply))).await.ok()?;
        done.await.ok()
    }

    /// Goes over to another master key. Its number, when everything on the disk is under it.
    pub async fn rotate(&self, master: MasterKey) -> Result<u32, RotateError> {
        let (reply, done) = oneshot::channel();
        let chore = ToEngine::Chore(Chore::Rotate(master, reply));
        self.queue.send(chore).await.map_err(|_| RotateError::Stopped)?;
        done.await.map_err(|_| RotateError::Stopped)?
    }

    /// How many master keys there have been, and which file of data keys there is.
    pub async fn master_key(&self) -> Result<(u32, u32), RotateError> {
        let (reply, told) = oneshot::channel();
        let chore = ToEngine::Chore(Chore::Tell(reply));
        self.queue.send(chore).await.map_err(|_| RotateError::Stopped)?;
        told.await.map_err(|_| RotateError::Stopped)
    }

    /// Forgets what is to be forgotten, again and again, until the control plane stops.
    pub async fn keep_forgetting(self, mut stopping: watch::Receiver<bool>) {
        let mut pause = FORGET_AFTER;
        let mut stopped = std::pin::pin!(async move {
            // A sender that is gone means the same.
            let _ = stopping.wait_for(|stopping| *stopping).await;
        });
        loop {
            tokio::select! {
                () = &mut stopped => return,
                () = self.forgettable.notified() => {}
            }
            // What is left when the control plane stops, the engine forgets as it ends.
            tokio::select! {
                () = &mut stopped => return,
                () = tokio::time::sleep(pause) => {}
            }
            let Some(took) = self.forget().await else { return };
            pause = FORGET_AFTER.max(took * FORGET_SHARE);
        }
    }
}

/// The secrets of a state, which are all that the keystore has to open.
pub fn living(state: &State) -> HashSet<SecretId> {
    state.keys().values().map(|key| key.secret.sealed.secret_id).collect()
}

impl Writer {
    /// Notes whether records leave secrets behind that nobody needs any more.
    pub(super) fn note_forgettable(&mut self, records: &[Record]) {
        let leaves = |record: &Record| {
            matches!(record.event, Event::SecretReplaced { .. } | Event::KeyDeleted { .. })
        };
        if records.iter().any(leaves) {
            self.has_forgettable = true;
            self.forgettable.notify_one();
        }
    }

    pub(super) fn carry_out(&mut self, chore: Chore) -> Result<(), Fatal> {
        match chore {
            Chore::Follow(waiting) => self.follow_for(vec![waiting])?,
            Chore::Forget(reply) => {
                let begun = Instant::now();
                self.forget()?;
                let _ = reply.send(begun.elapsed());
            }
            Chore::Tell(reply) => {
                let keystore = &self.engine.keystore;
                let _ = reply.send((keystore.master_number(), keystore.epoch()));
            }
            Chore::Rotate(_, reply) if self.engine.keystore.is_shared() => {
                let _ = reply.send(Err(RotateError::Shared));
            }
            Chore::Rotate(master, reply) if self.engine.keystore.is_under(&master) => {
                let _ = reply.send(Err(RotateError::InUse));
            }
            Chore::Rotate(master, reply) => {
                let rotated = self.engine.keystore.rotate(&master, &mut || {});
                let _ = reply.send(match rotated {
                    Ok(number) => Ok(number),
                    Err(PutError::Full(error)) => Err(RotateError::Full(error.to_string())),
                    Err(error) => return Err(Fatal::of(error)),
                });
            }
        }
        Ok(())
    }

    /// Does nothing where no secret was left behind.
    pub(super) fn forget(&mut self) -> Result<(), Fatal> {
        // What is in the log and not yet in the state may live.
        let is_behind = self.engine.log.head().revision != self.engine.state.head().revision;
        if !self.has_forgettable || is_behind {
            return Ok(());
        }
        if self.engine.keystore.is_shared() && !self.forget_shared() {
            return Ok(());
        }
        match forget_all_but_living(&mut self.engine.keystore, &self.engine.state) {
            Ok(()) => self.has_forgettable = false,
            Err(PutError::Full(error)) => {
                tracing::warn!(%error, "secrets that are no more wait for space to be forgotten");
                Arc::clone(&self.forgettable).notify_one();
            }
            Err(error) => return Err(Fatal::of(error)),
        }
        Ok(())
    }
}

impl Writer {
    /// The one that leads has all replicas forget; the others forget for themselves. Whether an append
    /// whose outcome is unknown may still need a data key of its own: then nothing is forgotten yet.
    fn forget_shared(&self) -> bool {
        let engine = &self.engine;
        match (engine.log.settled_as(), engine.log.standing()) {
            (Some(fence), _) => {
                let forgotten = engine.keystore.forget_shared(&living(&engine.state), fence);
                if let Err(error) = &forgotten {
                    tracing::warn!(%error, "secrets that are no more wait to be forgotten");
                }
                forgotten.is_ok()
            }
            (None, Standing::Following { leader: Some(_), .. }) => true,
            (None, _) => false,
        }
    }
}

/// Has the keystore forget all but the secrets of a state, which everything logged has led to.
pub fn forget_all_but_living(keystore: &mut Keystore, state: &State) -> Result<(), PutError> {
    let forgotten = keystore.forget_all_but(&living(state))?;
    if forgotten > 0 {
        tracing::info!(
            forgotten,
            epoch = keystore.epoch(),
            "secrets that are no more are forgotten"
        );
    }
    Ok(())
}
