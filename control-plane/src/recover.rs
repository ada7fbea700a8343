//! From a log to what a control plane starts with: the state, and a feed as if all of it had just
//! happened, so that nodes go on by deltas after a restart. It writes nothing. The simulator
//! restarts by these very lines.

use std::collections::HashMap;

use countersign_feed::Window;
use countersign_shared::event::{Event, Record};
use countersign_shared::id::{KeyId, LogId, SecretId};
use countersign_shared::state::State;

use crate::history::{HistoryError, each_after, replay};
use crate::keystore::{Sealer, UnsealError};
use crate::log::{Head, LogReader};
use crate::publisher::Publisher;

/// Why a log is not started from.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    #[error(transparent)]
    History(#[from] HistoryError),
    #[error(
        "{0}. Restore the keystore file from a backup, or set the secret of that key again from one that has it"
    )]
    Secret(#[from] UnsealError),
    #[error(
        "the log in the data directory is {found}, its first event names {named}: put back the files of one log"
    )]
    Foreign { found: LogId, named: String },
}

/// Brings a state forward to the end of the log, and fills the feed on the way.
pub fn recover(
    reader: &dyn LogReader,
    log_id: LogId,
    state: &mut State,
    sealer: &Sealer,
    window: Window,
) -> Result<Publisher, RecoverError> {
    let head = reader.head();
    if let Some(revision) = last_forgotten(reader, state, sealer)? {
        // What came before cannot be sent again: nodes that are behind it get a snapshot.
        replay(reader, state, revision, |_| {})?;
    }
    let mut publisher = Publisher::new(sealer.clone(), state, window)?;
    fill(reader, state, head, &mut publisher)?;
    open_every_secret(sealer, state)?;
    if head.revision > 0 && state.log_id() != Some(log_id) {
        let named = state.log_id().map_or_else(|| "none".to_owned(), |id| id.to_string());
        return Err(RecoverError::Foreign { found: log_id, named });
    }
    Ok(publisher)
}

/// The end of the last command that left a secret behind which was forgotten since.
fn last_forgotten(
    reader: &dyn LogReader,
    state: &State,
    sealer: &Sealer,
) -> Result<Option<u64>, RecoverError> {
    let mut secrets: HashMap<KeyId, SecretId> =
        state.keys().values().map(|key| (key.id, key.secret.sealed.secret_id)).collect();
    let (mut last, mut command, mut leaves) = (None, 0, false);
    each_after(reader, state.head().revision, reader.head().revision, |_, record| {
        if record.first_revision != command {
            command = record.first_revision;
            leaves = false;
        }
        let left = match &record.event {
            Event::KeyCreated { id, secret, .. } | Event::SecretReplaced { id, secret } => {
                secrets.insert(*id, secret.sealed.secret_id)
            }
            Event::KeyDeleted { id, .. } => secrets.remove(id),
            _ => None,
        };
        leaves |= left.is_some_and(|secret_id| !sealer.contains(secret_id));
        if leaves {
            last = Some(record.at.revision);
        }
    })?;
    Ok(last)
}

/// The events of one command make one entry, as they did when they happened: no node ever holds
/// half of what a command did.
fn fill(
    reader: &dyn LogReader,
    state: &mut State,
    head: Head,
    publisher: &mut Publisher,
) -> Result<(), RecoverError> {
    let mut failed = None;
    let mut command =
        Command { before: state.clone(), after: state.clone(), records: vec![], head };
    replay(reader, state, head.revision, |(stored, record, after)| {
        let begins = command
            .records
            .first()
            .is_some_and(|first| first.first_revision != record.first_revision);
        if begins {
            failed = failed.take().or(command.publish(publisher).err());
        }
        command.records.push(record.clone());
        command.after = after.clone();
        command.head = Head { revision: stored.revision, hash: stored.hash };
    })?;
    failed = failed.or(command.publish(publisher).err());
    failed.map_or(Ok(()), |error| Err(error.into()))
}

/// The events of one command, as far as they were read.
struct Command {
    before: State,
    after: State,
    records: Vec<Record>,
    head: Head,
}

impl Command {
    fn publish(&mut self, publisher: &mut Publisher) -> Result<(), UnsealError> {
        let records = std::mem::take(&mut self.records);
        if records.is_empty() {
            return Ok(());
        }
        let before = std::mem::replace(&mut self.before, self.after.clone());
        publisher.publish(&before, &self.after, records.iter().map(|r| &r.event), self.head)
    }
}

/// Also those that no node signs with: one that does not open would end the process as soon as
/// its key is bound, and every start from then on.
pub(crate) fn open_every_secret(sealer: &Sealer, state: &State) -> Result<(), UnsealError> {
    state.keys().values().try_for_each(|key| {
        let sealed = &key.secret.sealed;
        sealer.unseal(key.id, sealed.secret_id, &sealed.ciphertext).map(drop)
    })
}
