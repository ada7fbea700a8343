//! A log that moves to etcd, or away from there, while nobody has it open. Owns the key `moving`, which
//! says so: until all of a log is here it has no `identity`, and once it has gone neither that nor a
//! `head`, so that no control plane goes on from either. Whatever is written here is compared with it.
//!
//! ```text
//! PREFIX/moving         coming, or gone and up to where; the directory's name as a replica; whose log
//! ```

use std::collections::HashSet;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use countersign_etcd::pb::{Compare, RequestOp, TxnRequest};
use countersign_etcd::request::{absent, delete, holds, put, range, unchanged};
use countersign_shared::id::{LogId, SecretId};
use data_encoding::HEXLOWER;

use super::cluster::{Cluster, ClusterError, EtcdConfig, Tip, head_value};
use super::keys::{EtcdKeys, TRANSACTION_KEYS};
use super::lead;
use crate::keystore::{Shared, SharedKeys, Unreached};
use crate::log::data_dir::Identity;
use crate::log::{APPEND_BYTES_MAX, ChainHash, Head, StoredRecord, pack};

/// A leader that was killed is waited for so long: its lease runs out meanwhile.
const LEADER_WAIT: Duration = Duration::from_secs(8);
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// The records in one key: of those, a whole page is read in a moment on a slow line, too.
const KEY_BYTES: usize = 64 * 1024;

/// What there is under a prefix.
#[derive(Debug)]
pub(crate) enum There {
    Nothing,
    /// Keys, such as this one, and no log.
    Else(String),
    Log(Identity),
    Moving(Moving),
}

/// What the key `moving` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moving {
    pub(crate) identity: Identity,
    /// The name, as a replica, of the directory that it comes from or goes to: no other one is it.
    pub(crate) replica: String,
    /// Where it ended when it had gone; none: it comes.
    pub(crate) gone: Option<Head>,
}

/// A log in etcd, for whoever moves it.
pub(crate) struct FarLog(Arc<Cluster>);

/// The right to write while a log comes. Whoever takes it anew ends that of the one before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn(i64);

impl FarLog {
    pub(crate) fn connect(config: &EtcdConfig) -> Result<Self, ClusterError> {
        Ok(Self(Arc::new(Cluster::connect(config)?)))
    }

    pub(crate) fn there(&self) -> Result<There, ClusterError> {
        let identity = self.0.identity().map_err(|error| self.0.explained(error))?;
        if let Some(identity) = identity {
            return Ok(There::Log(identity));
        }
        if let Some(moving) = self.0.moving()? {
            return Ok(There::Moving(moving));
        }
        let (from, before) = self.0.keys.all();
        Ok(match self.0.range(range(&from, &before, 1))?.pop() {
            None => There::Nothing,
            Some(stored) => There::Else(String::from_utf8_lossy(&stored.key).into_owned()),
        })
    }

    pub(crate) fn keys(&self) -> Box<dyn SharedKeys> {
        Box::new(EtcdKeys(Arc::clone(&self.0)))
    }

    /// Where it ends.
    pub(crate) fn tip(&self, log_id: LogId) -> Result<Tip, ClusterError> {
        self.0.tip(Head::genesis(log_id))
    }

    /// Records from a revision on, which has to be there; some of them.
    pub(crate) fn records_from(&self, revision: u64) -> Result<Vec<StoredRecord>, ClusterError> {
        let mut appends = self.0.appends_from(revision)?;
        let begins = appends.first().and_then(|append| append.first());
        if begins.is_none_or(|frame| frame.before.revision + 1 != revision) {
            appends = vec![self.0.append_with(revision)?];
        }
        let records = appends.into_iter().flatten().flat_map(|frame| frame.records);
        Ok(records.filter(|record| record.revision >= revision).collect())
    }

    /// Who leads, after a while in which a lease runs out that nobody keeps.
    pub(crate) fn leader(&self) -> Result<Option<String>, ClusterError> {
        let begun = Instant::now();
        loop {
            let Some(stored) = self.0.get(&self.0.keys.leader())? else { return Ok(None) };
            if begun.elapsed() > LEADER_WAIT {
                return Ok(lead::address_in(&stored.value));
            }
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// Declares that a log comes, from the directory that will be this replica.
    pub(crate) fn begin(&self, identity: Identity, replica: &str) -> Result<Turn, ClusterError> {
        let key = self.0.keys.moving();
        let before = self.0.get(&key)?.map_or(0, |stored| stored.mod_revision);
        let moving = Moving { identity, replica: replica.to_owned(), gone: None };
        let mut compare = vec![unchanged(&key, before), absent(&self.0.keys.identity())];
        if before == 0 {
            compare.push(absent(&self.0.keys.head()));
        }
        self.write(compare, vec![put(&key, moving.text().into_bytes(), 0)]).map(Turn)
    }

    /// Puts there what replicas share of their keystores, and nothing of what was there.
    pub(crate) fn share(&self, turn: Turn, all: Shared) -> Result<(), Unreached> {
        let Shared { keyring, keys } = all;
        let shared = EtcdKeys(Arc::clone(&self.0));
        let mut operations = vec![put(&self.0.keys.keyring(), keyring, 0)];
        let kept: HashSet<SecretId> = keys.iter().map(|(id, _)| *id).collect();
        let left = shared.all()?.into_iter().filter(|(id, _)| !kept.contains(id));
        operations.extend(left.map(|(id, _)| delete(&shared.key(id))));
        operations.extend(keys.into_iter().map(|(id, bytes)| put(&shared.key(id), bytes, 0)));
        for operations in operations.chunks(TRANSACTION_KEYS) {
            self.write(vec![self.of(turn)], operations.to_vec())?;
        }
        Ok(())
    }

    /// Appends what follows, as much as one append may have, in keys that are read fast. Returns where
    /// it ends now.
    pub(crate) fn append(
        &self,
        turn: Turn,
        on: Tip,
        records: &[StoredRecord],
    ) -> Result<Tip, ClusterError> {
        let keys = &self.0.keys;
        let (mut head, mut puts) = (on.head, Vec::new());
        let (mut rest, _) = pack::split(records, APPEND_BYTES_MAX);
        while let (together, later) = pack::split(rest, KEY_BYTES)
            && let Some(last) = together.last()
        {
            puts.push(put(&keys.frames(head.revision + 1), pack::pack(head, together), 0));
            head = Head { revision: last.revision, hash: last.hash };
            rest = later;
        }
        puts.push(put(&keys.head(), head_value(head), 0));
        let compare = vec![
            self.of(turn),
            unchanged(&keys.head(), on.mod_revision),
            absent(&keys.frames(on.head.revision + 1)),
        ];
        match self.write(compare, puts) {
            Ok(mod_revision) => Ok(Tip { head, mod_revision }),
            // It was carried out, and the answer was lost.
            Err(ClusterError::Changed) => {
                let tip = self.0.tip(on.head)?;
                if tip.head == head { Ok(tip) } else { Err(ClusterError::Changed) }
            }
            Err(error) => Err(error),
        }
    }

    /// All of it is there: from now on control planes may go on from it.
    pub(crate) fn arrive(
        &self,
        turn: Turn,
        tip: Tip,
        identity: Identity,
    ) -> Result<(), ClusterError> {
        let keys = &self.0.keys;
        let compare = vec![
            self.of(turn),
            absent(&keys.identity()),
            absent(&keys.leader()),
            unchanged(&keys.head(), tip.mod_revision),
        ];
        let success =
            vec![put(&keys.identity(), identity.text().into_bytes(), 0), delete(&keys.moving())];
        self.write(compare, success).map(drop)
    }

    /// It goes on elsewhere: from now on no control plane goes on from what is here.
    pub(crate) fn leave(&self, tip: Tip, moving: &Moving) -> Result<(), ClusterError> {
        let keys = &self.0.keys;
        let compare = vec![
            holds(&keys.identity(), moving.identity.text().into_bytes()),
            unchanged(&keys.head(), tip.mod_revision),
            absent(&keys.leader()),
        ];
        let success = vec![
            put(&keys.moving(), moving.text().into_bytes(), 0),
            delete(&keys.identity()),
            delete(&keys.head()),
        ];
        self.write(compare, success).map(drop)
    }

    fn of(&self, turn: Turn) -> Compare {
        unchanged(&self.0.keys.moving(), turn.0)
    }

    /// Returns etcd's revision of it.
    fn write(&self, compare: Vec<Compare>, success: Vec<RequestOp>) -> Result<i64, ClusterError> {
        let answer = self.0.transact(TxnRequest { compare, success, failure: vec![] })?;
        if !answer.succeeded {
            return Err(ClusterError::Changed);
        }
        Ok(answer.header.map_or(0, |header| header.revision))
    }
}

impl Cluster {
    pub(super) fn moving(&self) -> Result<Option<Moving>, ClusterError> {
        let key = self.keys.moving();
        let Some(stored) = self.get(&key)? else { return Ok(None) };
        let moving = Moving::parse(&String::from_utf8_lossy(&stored.value));
        let what = "it does not say which log moves".to_owned();
        moving.map(Some).ok_or(ClusterError::Damaged { key, what })
    }
}

impl Moving {
    /// Why no control plane uses what is here.
    pub(super) fn refusal(&self) -> String {
        let log_id = self.identity.log_id;
        match self.gone {
            None => format!(
                "the log {log_id} is being moved there: finish that with `countersign log migrate`"
            ),
            Some(head) => format!(
                "the log {log_id} was moved away from there at revision {}, to a data directory: \
                 start on that one, with --log sled",
                head.revision
            ),
        }
    }

    fn text(&self) -> String {
        let Self { identity, replica, gone } = self;
        let stands = gone.map_or_else(
            || "coming".to_owned(),
            |head| format!("gone {} {}", head.revision, head.hash),
        );
        format!("{stands}\n{replica}\n{}", identity.text())
    }

    fn parse(text: &str) -> Option<Self> {
        let (stands, rest) = text.split_once('\n')?;
        let (replica, identity) = rest.split_once('\n')?;
        let gone = match stands {
            "coming" => None,
            gone => {
                let (revision, hash) = gone.strip_prefix("gone ")?.split_once(' ')?;
                let hash = HEXLOWER.decode(hash.as_bytes()).ok()?.try_into().ok()?;
                Some(Head { revision: revision.parse().ok()?, hash: ChainHash::from_bytes(hash) })
            }
        };
        Some(Self { identity: Identity::parse(identity)?, replica: replica.to_owned(), gone })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_is_read_as_it_was_written() {
        let identity = Identity { log_id: LogId::from_bytes([7; 16]), epoch: 3 };
        let head = Head { revision: 4711, hash: ChainHash::from_bytes([9; 32]) };
        for gone in [None, Some(head)] {
            let moving = Moving { identity, replica: "a1b2".into(), gone };
            assert_eq!(Moving::parse(&moving.text()), Some(moving));
        }
        assert_eq!(Moving::parse("gone 1\na1b2\n"), None);
    }
}
