//! The log as it lies in etcd, and the transactions over it: the only file that knows its keys. Its
//! calls wait for their answers, on a small runtime of their own, so that any thread may make them.
//!
//! ```text
//! PREFIX/identity       whose log it is: its id and its epoch
//! PREFIX/head           the newest revision (8 bytes) and the chain's hash there (32 bytes)
//! PREFIX/frames/REV     the frames of one append, by its first revision in 20 digits; of a log that
//!                       was moved here, those of a part of it
//! PREFIX/keyring        the keyring of all replicas, under the master key
//! PREFIX/keys/ID        the data key of a secret, wrapped
//! PREFIX/leader         who may append, under a lease: the replica, and its address
//! PREFIX/moving         there while the log comes, or after it has gone (`moving.rs`)
//! ```

use std::future::Future;
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use bytes::Bytes;
use countersign_etcd::pb::{KeyValue, RangeRequest, TxnRequest, TxnResponse};
use countersign_etcd::request::{absent, found, last, one, put, range, read, unchanged};
use countersign_etcd::{Access, Client, Error};
use tokio::runtime::{Builder, Runtime};

use crate::log::data_dir::Identity;
use crate::log::frame::Frame;
use crate::log::pack::unpack;
use crate::log::{ChainHash, Head};

/// A call may take so long, whatever members are down: longer than an election among them.
pub(super) const CALL_TIME_MAX: Duration = Duration::from_secs(10);
/// How many appends are read at a time. Each is an append, of 1.1 MiB at most.
const PAGE_APPENDS: i64 = 64;
const REVISION_DIGITS: usize = 20;

/// Where a log is shared.
#[derive(Debug, Clone)]
pub struct EtcdConfig {
    pub access: Access,
    /// All keys begin with it.
    pub prefix: String,
    /// What clients of another replica are told when this one leads.
    pub advertise: String,
    /// Who vouches for the other replicas; none: whom the system trusts.
    pub replica_ca: Option<PathBuf>,
    /// After this time etcd is told to forget its history, all of it, whosever it is; none: never.
    pub compact_after: Option<Duration>,
}

/// The log in etcd.
pub(super) struct Cluster {
    runtime: Option<Runtime>,
    pub(super) client: Client,
    pub(super) keys: Keys,
}

#[derive(Debug, Clone)]
pub(super) struct Keys {
    prefix: String,
}

/// The head in etcd, and etcd's own revision of it, by which the next append is compared.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tip {
    pub(crate) head: Head,
    pub(super) mod_revision: i64,
}

/// What one append is compared with, and what it writes.
pub(super) struct Commit {
    pub(super) on: Tip,
    pub(super) fence: i64,
    pub(super) head: Head,
    pub(super) frames: Vec<u8>,
}

/// Why the log in etcd cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    #[error(transparent)]
    Etcd(#[from] Error),
    #[error("{key} in etcd is damaged: {what}. Start from a backup, under another prefix")]
    Damaged { key: String, what: String },
    /// Nothing was written.
    #[error(
        "something else wrote to the log in etcd meanwhile: see that no control plane and no other \
         migration runs on it, then run this again"
    )]
    Changed,
}

impl Cluster {
    pub(super) fn connect(config: &EtcdConfig) -> Result<Self, ClusterError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("etcd")
            .enable_all()
            .build()
            .map_err(|error| stopped(&error.to_string()))?;
        let client = {
            let _within = runtime.enter();
            Client::new(&config.access)?
        };
        let keys = Keys { prefix: config.prefix.clone() };
        Ok(Self { runtime: Some(runtime), client, keys })
    }

    /// Runs beside the calls until the log is closed.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = &self.runtime {
            runtime.spawn(task);
        }
    }

    /// The same error, or, where nothing answers because this process is not let in, that one.
    pub(super) fn explained(&self, error: ClusterError) -> ClusterError {
        let ClusterError::Etcd(Error::Unavailable { .. }) = &error else { return error };
        let client = self.client.clone();
        let barred = self.wait(async move { Ok(client.barred().await) }).ok().flatten();
        barred.map_or(error, ClusterError::Etcd)
    }

    /// Whose log this is, if there is one.
    pub(super) fn identity(&self) -> Result<Option<Identity>, ClusterError> {
        let key = self.keys.identity();
        let found = self.get(&key)?;
        found.map(|stored| parse_identity(&key, &stored.value)).transpose()
    }

    /// Makes it this log, unless it is another already. Returns whose it is.
    pub(super) fn claim(&self, identity: Identity) -> Result<Identity, ClusterError> {
        let key = self.keys.identity();
        let value = identity.text().into_bytes();
        let transaction = TxnRequest {
            compare: vec![absent(&key), absent(&self.keys.moving())],
            success: vec![put(&key, value, 0)],
            failure: vec![read(one(&key))],
        };
        let answer = self.transact(transaction)?;
        if answer.succeeded {
            return Ok(identity);
        }
        match found(answer).into_iter().flatten().next() {
            Some(stored) => parse_identity(&key, &stored.value),
            None => Err(ClusterError::Changed),
        }
    }

    /// The newest head, which all that is durable leads to.
    pub(super) fn tip(&self, genesis: Head) -> Result<Tip, ClusterError> {
        let key = self.keys.head();
        match self.get(&key)? {
            None => Ok(Tip { head: genesis, mod_revision: 0 }),
            Some(stored) => parse_tip(&key, &stored),
        }
    }

    /// The newest head, and in the same moment the appends from the one that begins at a revision,
    /// some of them.
    pub(super) fn news(
        &self,
        genesis: Head,
        first: u64,
    ) -> Result<(Tip, Vec<Vec<Frame>>), ClusterError> {
        let head_key = self.keys.head();
        let frames = range(&self.keys.frames(first), &self.keys.frames_end(), PAGE_APPENDS);
        let reads = vec![read(one(&head_key)), read(frames)];
        let answer = self.transact(TxnRequest { success: reads, ..TxnRequest::default() })?;
        let mut found = found(answer).into_iter();
        let tip = match found.next().unwrap_or_default().pop() {
            None => Tip { head: genesis, mod_revision: 0 },
            Some(stored) => parse_tip(&head_key, &stored)?,
        };
        Ok((tip, appends(found.next().unwrap_or_default())?))
    }

    /// Appends, if the head is still this one, nothing lies there, and the leader is still who it was.
    /// Otherwise returns the newest head. Once it was carried out it is not carried out again,
    /// so that it may be sent again when an answer is lost.
    pub(super) fn commit(&self, commit: Commit) -> Result<Result<Tip, Option<Tip>>, ClusterError> {
        let Commit { on, fence, head, frames } = commit;
        let (head_key, frame_key) = (self.keys.head(), self.keys.frames(on.head.revision + 1));
        let transaction = TxnRequest {
            compare: vec![
                unchanged(&head_key, on.mod_revision),
                absent(&frame_key),
                unchanged(&self.keys.leader(), fence),
            ],
            success: vec![put(&head_key, head_value(head), 0), put(&frame_key, frames.clone(), 0)],
            failure: vec![read(one(&head_key)), read(one(&frame_key))],
        };
        let answer = self.transact(transaction)?;
        if answer.succeeded {
            let mod_revision = answer.header.map_or(0, |header| header.revision);
            return Ok(Ok(Tip { head, mod_revision }));
        }
        let found: Vec<KeyValue> = found(answer).into_iter().flatten().collect();
        // An earlier try of this very append, whose answer was lost: no other has its epoch.
        if let Some(ours) = found.iter().find(|stored| stored.value == frames) {
            return Ok(Ok(Tip { head, mod_revision: ours.mod_revision }));
        }
        let newest = found.iter().find(|stored| stored.key == head_key.as_bytes());
        Ok(Err(newest.map(|stored| parse_tip(&head_key, stored)).transpose()?))
    }

    /// The appends from the one that begins at a revision, in order, some of them.
    pub(super) fn appends_from(&self, first: u64) -> Result<Vec<Vec<Frame>>, ClusterError> {
        let (from, before) = (self.keys.frames(first), self.keys.frames_end());
        appends(self.range(range(&from, &before, PAGE_APPENDS))?)
    }

    /// The append that has a revision, which has to be there.
    pub(super) fn append_with(&self, revision: u64) -> Result<Vec<Frame>, ClusterError> {
        let (from, before) = (self.keys.frames(0), self.keys.frames(revision + 1));
        Ok(appends(self.range(last(&from, &before))?)?.pop().unwrap_or_default())
    }

    pub(super) fn range(&self, range: RangeRequest) -> Result<Vec<KeyValue>, ClusterError> {
        let client = self.client.clone();
        Ok(self.wait(async move { client.range(&range, CALL_TIME_MAX).await })?.kvs)
    }

    pub(super) fn get(&self, key: &str) -> Result<Option<KeyValue>, ClusterError> {
        Ok(self.range(one(key))?.pop())
    }

    pub(super) fn transact(&self, transaction: TxnRequest) -> Result<TxnResponse, ClusterError> {
        let client = self.client.clone();
        Ok(self.wait(async move { client.transact(&transaction, CALL_TIME_MAX).await })?)
    }

    pub(super) fn wait<T: Send + 'static>(
        &self,
        call: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let (done, answer) = sync_channel(1);
        self.spawn(async move {
            // Whoever waited has gone with the whole process.
            let _ = done.send(call.await);
        });
        answer.recv().unwrap_or_else(|_| Err(stopped("the client is stopping")))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A runtime must not be waited for where another one runs.
            runtime.shutdown_background();
        }
    }
}

impl Keys {
    pub(super) fn identity(&self) -> String {
        format!("{}/identity", self.prefix)
    }

    pub(super) fn head(&self) -> String {
        format!("{}/head", self.prefix)
    }

    pub(super) fn frames(&self, first: u64) -> String {
        format!("{}/frames/{first:020}", self.prefix)
    }

    fn frames_end(&self) -> String {
        format!("{}/frames/:", self.prefix)
    }

    pub(super) fn keyring(&self) -> String {
        format!("{}/keyring", self.prefix)
    }

    pub(super) fn data_key(&self, id: &str) -> String {
        format!("{}/keys/{id}", self.prefix)
    }

    pub(super) fn data_keys_end(&self) -> String {
        format!("{}/keys0", self.prefix)
    }

    pub(super) fn leader(&self) -> String {
        format!("{}/leader", self.prefix)
    }

    pub(super) fn moving(&self) -> String {
        format!("{}/moving", self.prefix)
    }

    /// From the first of two keys to before the second lies all there is.
    pub(super) fn all(&self) -> (String, String) {
        (format!("{}/", self.prefix), format!("{}0", self.prefix))
    }

    /// From the first of two keys to before the second lie `head` and `leader`, and no frames.
    pub(super) fn pulse(&self) -> (String, String) {
        (self.head(), format!("{}/leader0", self.prefix))
    }
}

fn parse_identity(key: &str, value: &[u8]) -> Result<Identity, ClusterError> {
    Identity::parse(&String::from_utf8_lossy(value)).ok_or_else(|| ClusterError::Damaged {
        key: key.to_owned(),
        what: "it is not the identity of a log".into(),
    })
}

fn parse_tip(key: &str, stored: &KeyValue) -> Result<Tip, ClusterError> {
    let split = stored.value.split_first_chunk::<8>();
    split
        .and_then(|(revision, hash)| {
            let hash = ChainHash::from_bytes(hash.try_into().ok()?);
            let head = Head { revision: u64::from_be_bytes(*revision), hash };
            Some(Tip { head, mod_revision: stored.mod_revision })
        })
        .ok_or_else(|| ClusterError::Damaged {
            key: key.to_owned(),
            what: "it is not a revision and a hash".into(),
        })
}

pub(super) fn head_value(head: Head) -> Vec<u8> {
    let parts: [&[u8]; 2] = [&head.revision.to_be_bytes(), head.hash.as_bytes()];
    parts.concat()
}

fn appends(stored: Vec<KeyValue>) -> Result<Vec<Vec<Frame>>, ClusterError> {
    let decode = |stored: KeyValue| {
        let key = String::from_utf8_lossy(&stored.key).into_owned();
        let revision = key
            .get(key.len().saturating_sub(REVISION_DIGITS)..)
            .and_then(|digits| digits.parse().ok());
        let Some(first) = revision else {
            return Err(ClusterError::Damaged { key, what: "it is not a revision".into() });
        };
        unpack(Bytes::from(stored.value), first)
            .and_then(|frames| begins_at(frames, first))
            .map_err(|what| ClusterError::Damaged { key, what })
    };
    stored.into_iter().map(decode).collect()
}

fn begins_at(frames: Vec<Frame>, first: u64) -> Result<Vec<Frame>, String> {
    match frames.first() {
        Some(frame) if frame.before.revision + 1 == first => Ok(frames),
        _ => Err("its records are not those its key says".into()),
    }
}

fn stopped(why: &str) -> Error {
    Error::Unavailable { endpoint: "this process".into(), why: why.into() }
}
