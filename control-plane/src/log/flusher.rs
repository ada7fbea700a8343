//! Makes a copy durable on this disk while its writer already waits for the next append elsewhere: what
//! it has is durable there. Owns one thread. The copy is one append behind at most, as it would be
//! after a kill in mid-append; what it lacks then is taken from where it is a copy of.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use super::sled::StoreError;
use super::stored::Stored;

/// The thread, until it is dropped: then all is durable.
pub(super) struct Flusher {
    begin: Option<SyncSender<usize>>,
    done: Receiver<Result<(), StoreError>>,
    is_under_way: bool,
    thread: Option<JoinHandle<()>>,
}

impl Flusher {
    pub(super) fn start(stored: Arc<Stored>) -> io::Result<Self> {
        let (begin, asked) = sync_channel(1);
        let (tell, done) = sync_channel(1);
        let thread = thread::Builder::new().name("log-flusher".into()).spawn(move || {
            for bytes in asked {
                let end = stored.end();
                let outcome = stored.store.make_durable(bytes);
                match &outcome {
                    Ok(()) => stored.made_durable(end),
                    Err(error) => stored.fail(&error.to_string()),
                }
                if tell.send(outcome).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { begin: Some(begin), done, is_under_way: false, thread: Some(thread) })
    }

    /// Begins to make durable what was written, so many bytes. Nothing else may be written before it
    /// was settled.
    pub(super) fn begin(&mut self, bytes: usize) {
        // The thread ends only with this, or with a failure, which the log has been told.
        self.is_under_way = self.begin.as_ref().is_some_and(|begin| begin.send(bytes).is_ok());
    }

    /// Waits for what was begun.
    pub(super) fn settle(&mut self) -> Result<(), StoreError> {
        if !std::mem::take(&mut self.is_under_way) {
            return Ok(());
        }
        self.done.recv().unwrap_or(Ok(()))
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        // The log has been told of a failure.
        let _ = self.settle();
        self.begin = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Flusher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Flusher")
    }
}
