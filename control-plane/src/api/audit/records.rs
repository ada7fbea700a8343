//! The stored records as a stream, in messages that every client takes.

use std::sync::Arc;

use countersign_proto::v1;
use tonic::Status;

use super::proofs::record_to_proto;
use super::{Replier, off_thread};
use crate::api::{Api, status, stopped};
use crate::history::HistoryError;
use crate::log::StoredRecord;

/// The records read from the log at a time.
const READ_RECORDS_MAX: usize = 512;
/// A message ends with the record with which it reaches this length; clients take 4 MiB.
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;

/// Which records.
pub(super) struct Asked {
    next: u64,
    /// None: goes on with what comes.
    last: Option<u64>,
}

impl Asked {
    pub(super) fn parse(api: &Api, request: &v1::ReadRecordsRequest) -> Result<Self, Status> {
        let head = api.history.reader.head().revision;
        let last = if request.revision_to == 0 { head } else { request.revision_to };
        for revision in [request.revision_from.saturating_sub(1), last] {
            if revision > head {
                return Err(status::of_history(&HistoryError::ToCome { revision, head }));
            }
        }
        let next = request.revision_from.max(1);
        Ok(Self { next, last: (!request.follow).then_some(last) })
    }
}

/// Sends until the last one, or until the reader or the control plane goes.
pub(super) async fn send(api: Api, mut asked: Asked, sender: Replier<v1::ReadRecordsResponse>) {
    let mut revision = api.engine.revision();
    let mut stopping = api.stopping.clone();
    while asked.last.is_none_or(|last| asked.next <= last) {
        let next = asked.next;
        let read = off_thread(&api, move |api| {
            Ok(Arc::clone(&api.history.reader).read(next, READ_RECORDS_MAX)?)
        });
        let records = match read.await {
            Ok(records) => records,
            Err(status) => {
                // A reader that has gone does not wait for it.
                let _ = sender.send(Err(status)).await;
                return;
            }
        };
        for message in messages(records, asked.last.unwrap_or(u64::MAX)) {
            asked.next = message.records.last().map_or(asked.next, |last| last.revision + 1);
            if sender.send(Ok(message)).await.is_err() {
                return;
            }
        }
        if asked.next == next {
            tokio::select! {
                () = stopped(&mut stopping) => return,
                () = sender.closed() => return,
                moved = revision.wait_for(|revision| *revision >= next) => if moved.is_err() { return },
            }
        }
    }
}

fn messages(records: Vec<StoredRecord>, last: u64) -> Vec<v1::ReadRecordsResponse> {
    let mut messages: Vec<v1::ReadRecordsResponse> = Vec::new();
    let mut bytes = MESSAGE_BYTES_MAX;
    for record in records.into_iter().filter(|record| record.revision <= last) {
        if bytes >= MESSAGE_BYTES_MAX {
            messages.push(v1::ReadRecordsResponse::default());
            bytes = 0;
        }
        bytes += record.bytes.len();
        if let Some(message) = messages.last_mut() {
            message.records.push(record_to_proto(&record));
        }
    }
    messages
}
