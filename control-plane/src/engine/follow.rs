//! A replica that follows: what others appended is applied and published as they did it, command by
//! command, so that nodes get the same deltas whichever replica they listen to.

use countersign_shared::event::{Event, Record};
use countersign_shared::id::SecretId;
use countersign_shared::state::State;
use tokio::sync::oneshot;

use super::{Fatal, Writer};
use crate::history::replay;
use crate::keystore::KeystoreError;
use crate::log::{AppendError, Head, Standing};

/// The events of one command, and the log and the state after them.
struct Command {
    records: Vec<Record>,
    head: Head,
    after: State,
}

/// Whether all that was durable is here; if not, why.
pub(super) type Followed = Result<(), String>;

/// Who waits until this replica has followed.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) reply: oneshot::Sender<Followed>,
    /// It will not do that nobody else is known to append: the log has to be asked.
    pub(super) has_to_ask: bool,
}

impl Writer {
    /// Answers all of them by one look at the log.
    pub(super) fn follow_for(&mut self, waiting: Vec<Waiting>) -> Result<(), Fatal> {
        if waiting.is_empty() {
            return Ok(());
        }
        let has_to_ask = waiting.iter().any(|waiting| waiting.has_to_ask);
        // What has changed is most often what this replica appended itself.
        let followed = if has_to_ask || self.engine.log.settled_as().is_none() {
            self.follow()?
        } else {
            Ok(())
        };
        for waiting in waiting {
            // Whoever has gone does not wait for it.
            let _ = waiting.reply.send(followed.clone());
        }
        Ok(())
    }

    /// What is decided now would be decided on an old state: this replica leads, and has yet to follow.
    pub(super) fn is_unsettled(&self) -> bool {
        let log = &self.engine.log;
        matches!(log.standing(), Standing::Leading(_)) && log.settled_as().is_none()
    }

    /// Takes over what others appended. A log that cannot be reached is asked again with its next beat.
    fn follow(&mut self) -> Result<Followed, Fatal> {
        let leads = matches!(self.engine.log.standing(), Standing::Leading(_));
        self.engine.metrics.stands(leads);
        let seen = match self.engine.log.follow() {
            Ok(_) => Ok(()),
            Err(error @ AppendError::Fatal(_)) => return Err(Fatal::of(error)),
            Err(error) => {
                tracing::warn!(%error, "what others append is not seen");
                Err(error.to_string())
            }
        };
        let head = self.engine.log.head();
        if head.revision == self.engine.state.head().revision {
            return Ok(seen);
        }
        let mut commands: Vec<Command> = Vec::new();
        let mut state = self.engine.state.clone();
        let reader = self.engine.log.reader();
        let read = replay(&*reader, &mut state, head.revision, |(stored, record, after)| {
            let head = Head { revision: stored.revision, hash: stored.hash };
            if let Some(command) = commands.last_mut().filter(|command| command.is_of(record)) {
                command.records.push(record.clone());
                (command.head, command.after) = (head, after.clone());
            } else {
                let (records, after) = (vec![record.clone()], after.clone());
                commands.push(Command { records, head, after });
            }
        });
        read.map_err(Fatal::of)?;
        match self.engine.keystore.fetch(&secrets(&commands)) {
            Ok(true) => {}
            // What was forgotten since cannot be sent: all of it makes one entry, from end to end.
            Ok(false) => commands = Command::merge(commands).into_iter().collect(),
            Err(KeystoreError::Unreached(error)) => {
                tracing::warn!(%error, "what others appended waits for its data keys");
                return Ok(Err(error.to_string()));
            }
            Err(error) => return Err(Fatal::of(error)),
        }
        for Command { records, head, after } in commands {
            let before = std::mem::replace(&mut self.engine.state, after);
            self.publish(&before, &records, head)?;
            self.note_forgettable(&records);
        }
        self.revised.send_modify(|_| {});
        Ok(seen)
    }
}

/// The secrets that came with them.
fn secrets(commands: &[Command]) -> Vec<SecretId> {
    let events = commands.iter().flat_map(|command| &command.records).map(|record| &record.event);
    let secrets = events.filter_map(|event| match event {
        Event::KeyCreated { secret, .. } | Event::SecretReplaced { secret, .. } => {
            Some(secret.sealed.secret_id)
        }
        _ => None,
    });
    secrets.collect()
}

impl Command {
    fn merge(commands: Vec<Self>) -> Option<Self> {
        commands.into_iter().reduce(|before, next| {
            let records = [before.records, next.records].concat();
            Self { records, ..next }
        })
    }

    fn is_of(&self, record: &Record) -> bool {
        self.records.first().is_some_and(|first| first.first_revision == record.first_revision)
    }
}
