//! The log that several replicas share: etcd decides what is appended, and every replica keeps a
//! copy of all of it on its own disk, which is what it reads from. So what reads, seals, proves and
//! audits a log does it here as there; and a cluster that lost something is found out by each copy.
//! Owns the order of an append: etcd first, then the copy.

mod cluster;
mod housekeeping;
mod keys;
mod lead;
mod moving;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use countersign_shared::id::LogId;
use tokio::sync::watch;

pub use countersign_etcd::{Access, Credentials};

pub(crate) use cluster::Tip;
pub use cluster::{ClusterError, EtcdConfig};
pub use lead::Standing;
pub(crate) use moving::{FarLog, Moving, There, Turn};

use self::cluster::{Cluster, Commit};
use self::housekeeping::forget_history;
use self::keys::EtcdKeys;
use self::lead::Lead;
use super::data_dir::{Identity, read_identity};
use super::frame::{self, Frame};
use super::{
    AppendError, CheckpointKey, DataDir, Durability, EventLog, Head, LocalLog, LogReader,
    OpenError, StoredRecord,
};
use crate::keystore::SharedKeys;

/// How long a log that is opened waits for what the race for the lead brings.
const LEAD_WAIT: Duration = Duration::from_secs(10);

/// The writing end of a replica. Dropping it lets another one lead at once.
pub struct EtcdLog {
    cluster: Arc<Cluster>,
    prefix: String,
    local: LocalLog,
    lead: Lead,
    /// The head in etcd that the copy has reached.
    tip: Tip,
    /// The time as leader under which the copy reached it: at first in each, one looks.
    followed_as: Option<i64>,
}

impl std::fmt::Debug for EtcdLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EtcdLog").field("tip", &self.tip).finish_non_exhaustive()
    }
}

/// A cluster that is connected to, and this replica's directory, whose log is the one there.
#[expect(missing_debug_implementations, reason = "a connection has no text form")]
pub struct Joined {
    cluster: Arc<Cluster>,
    config: EtcdConfig,
    pub dir: DataDir,
}

impl Joined {
    /// What the replicas of the log share of their keystores.
    pub fn keys(&self) -> Box<dyn SharedKeys> {
        Box::new(EtcdKeys(Arc::clone(&self.cluster)))
    }
}

impl EtcdLog {
    /// Opens the data directory of a replica, and makes it, if it is new, for the log in etcd, which
    /// is made, if there is none, with the id `new_log_id`.
    pub fn join(
        config: &EtcdConfig,
        data_dir: &Path,
        new_log_id: LogId,
        replica: &str,
    ) -> Result<Joined, OpenError> {
        let cluster = Cluster::connect(config).map_err(|error| shared(&config.prefix, &error))?;
        let here = read_identity(data_dir)?;
        let there = cluster
            .identity()
            .map_err(|error| shared(&config.prefix, &cluster.explained(error)))?;
        if there.is_none()
            && let Some(moving) =
                cluster.moving().map_err(|error| shared(&config.prefix, &error))?
        {
            return Err(shared(&config.prefix, &moving.refusal()));
        }
        let identity = match (here, there) {
            (None, None) => cluster
                .claim(Identity { log_id: new_log_id, epoch: 0 })
                .map_err(|error| shared(&config.prefix, &error))?,
            (_, Some(there)) => there,
            (Some(here), None) => {
                return Err(shared(
                    &config.prefix,
                    &format!(
                        "there is none, while {} has the log {}. Give a new directory; or, to have this \
                         log there, move it (`countersign log migrate`); if etcd has lost it, see docs/replicas.md",
                        data_dir.display(),
                        here.log_id
                    ),
                ));
            }
        };
        let mut dir = DataDir::open_copy(data_dir, identity.log_id, replica)?;
        if dir.log_id() != identity.log_id || dir.epoch() > identity.epoch {
            return Err(shared(
                &config.prefix,
                &format!(
                    "it is the log {}, epoch {}, while {} has the log {}, epoch {}",
                    identity.log_id,
                    identity.epoch,
                    data_dir.display(),
                    dir.log_id(),
                    dir.epoch()
                ),
            ));
        }
        while dir.epoch() < identity.epoch {
            dir.begin_epoch()?;
        }
        if dir.replica()?.is_none() {
            dir.become_replica(replica)?;
        }
        Ok(Joined { cluster: Arc::new(cluster), config: config.clone(), dir })
    }

    /// Opens the copy as a log of this disk is opened, and brings it up to the log in etcd; then
    /// joins the race for the lead, and waits for its outcome.
    pub fn open(
        joined: Joined,
        signing: CheckpointKey,
        durability: Durability,
    ) -> Result<Self, OpenError> {
        let Joined { cluster, config, dir } = joined;
        let name = dir.replica()?.unwrap_or_default();
        let mut local = LocalLog::open(dir, signing, durability)?;
        local.follow_behind()?;
        let lead =
            Lead::new(cluster.client.clone(), cluster.keys.clone(), &name, &config.advertise);
        let tip = Tip { head: Head::genesis(local.log_id()), mod_revision: 0 };
        let mut log =
            Self { cluster, prefix: config.prefix.clone(), local, lead, tip, followed_as: None };
        log.check_copy().map_err(|error| shared(&config.prefix, &error))?;
        log.follow().map_err(|error| shared(&config.prefix, &error))?;
        log.cluster.spawn(log.lead.clone().feel());
        log.cluster.spawn(log.lead.clone().race());
        if let Some(age) = config.compact_after {
            let (client, keys) = (log.cluster.client.clone(), log.cluster.keys.clone());
            log.cluster.spawn(forget_history(client, keys, log.lead.clone(), age));
        }
        let mut standing = log.lead.standings();
        let decided = |standing: &Standing| {
            !matches!(standing, Standing::Following { leader: None, why: None })
        };
        log.cluster
            .wait(async move {
                let decided = standing.wait_for(decided);
                // Undecided is an outcome as well; it will be decided later.
                let _ = tokio::time::timeout(LEAD_WAIT, decided).await;
                Ok(())
            })
            .map_err(|error| shared(&config.prefix, &error))?;
        log.follow().map_err(|error| shared(&config.prefix, &error))?;
        Ok(log)
    }

    /// Refuses a log in etcd that ends before the copy, or is another one at its end.
    fn check_copy(&self) -> Result<(), String> {
        let ours = self.local.head();
        if ours.revision == 0 {
            return Ok(());
        }
        let tip = self.cluster.tip(self.genesis()).map_err(|error| error.to_string())?;
        let with = self.cluster.append_with(ours.revision).map_err(|error| error.to_string())?;
        let found = records(with).into_iter().find(|record| record.revision == ours.revision);
        if tip.head.revision < ours.revision {
            return Err(format!(
                "LOG_ROLLED_BACK: it ends at revision {}, the copy in {} at {}",
                tip.head.revision,
                self.local.dir().path().display(),
                ours.revision
            ));
        }
        match found {
            Some(found) if found.hash == ours.hash => Ok(()),
            Some(_) => Err(format!(
                "LOG_ROLLED_BACK: it differs at revision {} from the copy in {}",
                ours.revision,
                self.local.dir().path().display()
            )),
            None => Err(format!("revision {} is gone from it", ours.revision)),
        }
    }

    /// Appends to the copy what etcd has more, up to a head.
    fn copy_until(&mut self, head: Head) -> Result<(), AppendError> {
        while self.local.head().revision < head.revision {
            let ours = self.local.head();
            let mut appends = self.cluster.appends_from(ours.revision + 1).map_err(unavailable)?;
            if !self.go_on(&appends) {
                // The copy was brought here by other means, and ends within an append.
                appends = vec![self.cluster.append_with(ours.revision + 1).map_err(unavailable)?];
            }
            appends.into_iter().try_for_each(|append| self.copy(append))?;
            if self.local.head() == ours {
                return Err(self.damaged(&format!("revision {} is gone", ours.revision + 1)));
            }
        }
        if self.local.head().revision == head.revision && self.local.head() != head {
            return Err(self.damaged(&format!("its head differs at revision {}", head.revision)));
        }
        Ok(())
    }

    /// Whether they go on where the copy ends.
    fn go_on(&self, appends: &[Vec<Frame>]) -> bool {
        let first = appends.first().and_then(|append| append.first());
        first.is_some_and(|frame| frame.before == self.local.head())
    }

    fn copy(&mut self, append: Vec<Frame>) -> Result<(), AppendError> {
        let ours = self.local.head();
        let records = records(append);
        let (_, new): (Vec<_>, Vec<_>) =
            records.into_iter().partition(|record| record.revision <= ours.revision);
        let (Some(first), Some(last)) = (new.first(), new.last()) else { return Ok(()) };
        if first.revision != ours.revision + 1 || first.hash != ours.then(&first.bytes).hash {
            return Err(self.damaged(&format!(
                "revision {} does not follow the copy of what was before it",
                first.revision
            )));
        }
        let last = Head { revision: last.revision, hash: last.hash };
        let bytes: Vec<Vec<u8>> = new.iter().map(|record| record.bytes.to_vec()).collect();
        let copied = self.local.append(ours.revision, &bytes)?;
        if copied == last { Ok(()) } else { Err(self.damaged("a copied append has another hash")) }
    }

    fn genesis(&self) -> Head {
        Head::genesis(self.local.log_id())
    }

    fn damaged(&self, what: &str) -> AppendError {
        AppendError::Fatal(format!("in etcd under `{}`: {what}", self.prefix))
    }
}

impl EventLog for EtcdLog {
    fn log_id(&self) -> LogId {
        self.local.log_id()
    }

    fn head(&self) -> Head {
        self.local.head()
    }

    fn standing(&self) -> Standing {
        self.lead.standing()
    }

    fn standings(&self) -> watch::Receiver<Standing> {
        self.lead.standings()
    }

    fn settled_as(&self) -> Option<i64> {
        let leading = self.standing();
        self.followed_as.filter(|fence| leading == Standing::Leading(*fence))
    }

    fn pulse(&self) -> Option<watch::Receiver<u64>> {
        Some(self.lead.pulse())
    }

    fn follow(&mut self) -> Result<Head, AppendError> {
        let standing = self.standing();
        let ours = self.local.head();
        let news = self.cluster.news(self.genesis(), ours.revision + 1);
        let (tip, appends) = news.map_err(unavailable)?;
        if tip.head.revision < ours.revision {
            return Err(self.damaged("LOG_ROLLED_BACK: it ends before its copy here"));
        }
        if self.go_on(&appends) {
            appends.into_iter().try_for_each(|append| self.copy(append))?;
        }
        self.copy_until(tip.head)?;
        self.tip = tip;
        self.followed_as = match standing {
            Standing::Leading(fence) => Some(fence),
            Standing::Following { .. } => None,
        };
        Ok(self.local.head())
    }

    fn append(&mut self, expected: u64, records: &[Vec<u8>]) -> Result<Head, AppendError> {
        let before = self.local.admit(expected, records)?;
        if records.is_empty() {
            return Ok(before);
        }
        let fence = match self.standing() {
            Standing::Leading(fence) => fence,
            Standing::Following { leader, why } => {
                return Err(AppendError::NotLeading { leader, why });
            }
        };
        if self.followed_as != Some(fence) && self.follow()? != before {
            return Err(AppendError::Conflict { head: self.local.head() });
        }
        let (frames, head, _) = frame::encode(fence.cast_unsigned(), before, records);
        let frames: Vec<u8> = frames.into_iter().flat_map(|frame| frame.bytes).collect();
        match self.cluster.commit(Commit { on: self.tip, fence, head, frames }) {
            Ok(Ok(tip)) => self.tip = tip,
            Ok(Err(newest)) => {
                self.followed_as = None;
                self.lead.give_up("another replica appended");
                let head = newest.map_or_else(|| self.genesis(), |tip| tip.head);
                return Err(AppendError::Conflict { head });
            }
            Err(error) => {
                self.followed_as = None;
                self.lead.give_up(&error.to_string());
                return Err(unavailable(error));
            }
        }
        // It is in the log: a copy that does not follow must not go on.
        self.local.append(expected, records).map_err(|error| match error {
            AppendError::Fatal(what) => AppendError::Fatal(what),
            other => AppendError::Fatal(other.to_string()),
        })
    }

    fn reader(&self) -> Arc<dyn LogReader> {
        self.local.reader()
    }
}

impl Drop for EtcdLog {
    fn drop(&mut self) {
        let lead = self.lead.clone();
        // Where it cannot be said, the lease runs out by itself.
        let _ = self.cluster.wait(async move { lead.leave().await });
    }
}

fn records(frames: Vec<Frame>) -> Vec<StoredRecord> {
    frames.into_iter().flat_map(|frame| frame.records).collect()
}

fn unavailable(error: ClusterError) -> AppendError {
    match error {
        ClusterError::Etcd(error) => AppendError::Unavailable(error.to_string()),
        other => AppendError::Fatal(other.to_string()),
    }
}

fn shared(prefix: &str, what: &impl ToString) -> OpenError {
    OpenError::Shared { prefix: prefix.to_owned(), what: what.to_string() }
}
