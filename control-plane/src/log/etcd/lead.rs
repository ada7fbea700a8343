//! Who may append: the replica whose name is at `leader`, under a lease that it keeps alive. Owns the
//! race for it and the hint that something may have changed. That nobody else appends is not its
//! business: each append is compared with the leader's key.

use std::sync::Arc;
use std::time::Duration;

use countersign_etcd::pb::TxnRequest;
use countersign_etcd::request::{found, one, put, read, unchanged};
use countersign_etcd::{Client, Error, Lease};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

use super::cluster::Keys;

/// How long a leader that has gone silent keeps the others from leading.
const LEASE_TIME: Duration = Duration::from_secs(5);
const KEEP_EVERY: Duration = Duration::from_millis(1_500);
/// Whatever the watch says or misses, one looks after this time.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const ASK_TIME_MAX: Duration = Duration::from_secs(4);

/// Whether this process may append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is the one that does; the number tells its time as leader from any other.
    Leading(i64),
    /// Another does, at this address; none, while it is not known who.
    Following { leader: Option<String>, why: Option<String> },
}

/// The race for the lead, as it stands.
#[derive(Clone)]
pub(super) struct Lead {
    client: Client,
    keys: Keys,
    /// This replica, as it stands at `leader`: its own name, and where it is reached.
    name: String,
    standing: Arc<watch::Sender<Standing>>,
    pulse: Arc<watch::Sender<u64>>,
    lease: Arc<watch::Sender<Option<i64>>>,
    gave_up: Arc<Notify>,
}

impl Lead {
    pub(super) fn new(client: Client, keys: Keys, replica: &str, address: &str) -> Self {
        let unknown = Standing::Following { leader: None, why: None };
        Self {
            client,
            keys,
            name: format!("{replica}\n{address}"),
            standing: Arc::new(watch::Sender::new(unknown)),
            pulse: Arc::default(),
            lease: Arc::default(),
            gave_up: Arc::default(),
        }
    }

    pub(super) fn standing(&self) -> Standing {
        self.standing.borrow().clone()
    }

    pub(super) fn standings(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    /// Changes when the log or the leader may have.
    pub(super) fn pulse(&self) -> watch::Receiver<u64> {
        self.pulse.subscribe()
    }

    /// Nobody knows what became of an append. The lead is taken anew, which keeps it from being
    /// carried out any later.
    pub(super) fn give_up(&self, why: &str) {
        self.stand(Standing::Following { leader: None, why: Some(why.to_owned()) });
        self.gave_up.notify_one();
    }

    /// Lets another one lead at once.
    pub(super) async fn leave(self) -> Result<(), Error> {
        let lease = *self.lease.borrow();
        match lease {
            Some(lease) => self.client.revoke(Lease(lease), Duration::from_secs(1)).await,
            None => Ok(()),
        }
    }

    /// Watches what may have changed, for as long as the log is open.
    pub(super) async fn feel(self) {
        let (from, before) = self.keys.pulse();
        loop {
            if let Ok(mut watching) = self.client.watch(&from, &before, ASK_TIME_MAX).await {
                // An answer that never comes is the same as one that says nothing.
                while timeout(LOOK_EVERY, watching.changed()).await.unwrap_or(true) {
                    self.beat();
                }
            }
            self.beat();
            sleep(LOOK_EVERY).await;
        }
    }

    /// Races for the lead, and keeps it, for as long as the log is open.
    pub(super) async fn race(self) {
        let mut pulse = self.pulse();
        loop {
            match self.try_lead().await {
                Ok(Ok((fence, lease))) => {
                    self.lease.send_replace(Some(lease.0));
                    self.stand(Standing::Leading(fence));
                    tracing::info!("leading: this replica appends");
                    let why = self.keep(lease).await;
                    tracing::warn!(%why, "leading no longer");
                    self.stand(Standing::Following { leader: None, why: Some(why) });
                    continue;
                }
                Ok(Err(leader)) => self.stand(Standing::Following { leader, why: None }),
                Err(error) => {
                    let why = Some(error.to_string());
                    self.stand(Standing::Following { leader: None, why });
                }
            }
            let _ = timeout(LOOK_EVERY, pulse.changed()).await;
        }
    }

    /// Takes the lead if nobody has it, or if this replica had it. Otherwise returns who leads.
    async fn try_lead(&self) -> Result<Result<(i64, Lease), Option<String>>, Error> {
        let key = self.keys.leader();
        let held = self.client.range(&one(&key), ASK_TIME_MAX).await?.kvs.pop();
        if let Some(held) = &held
            && held.value != self.name.as_bytes()
        {
            return Ok(Err(address_in(&held.value)));
        }
        let lease = self.client.grant(LEASE_TIME, ASK_TIME_MAX).await?;
        let before = held.map_or(0, |held| held.mod_revision);
        let transaction = TxnRequest {
            compare: vec![unchanged(&key, before)],
            success: vec![put(&key, self.name.clone().into_bytes(), lease.0)],
            failure: vec![read(one(&key))],
        };
        let answer = self.client.transact(&transaction, ASK_TIME_MAX).await?;
        if answer.succeeded {
            let fence = answer.header.map_or(0, |header| header.revision);
            return Ok(Ok((fence, lease)));
        }
        let holder = found(answer).into_iter().flatten().next();
        Ok(Err(holder.and_then(|holder| address_in(&holder.value))))
    }

    /// Keeps the lease. Returns why it does no longer.
    async fn keep(&self, lease: Lease) -> String {
        let mut kept = Instant::now();
        loop {
            if timeout(KEEP_EVERY, self.gave_up.notified()).await.is_ok() {
                return match self.standing() {
                    Standing::Following { why: Some(why), .. } => why,
                    _ => "nobody knows what became of an append".into(),
                };
            }
            match self.client.keep_alive(lease, KEEP_EVERY).await {
                Ok(true) => kept = Instant::now(),
                Ok(false) => return "the lease ran out".into(),
                Err(error) if kept.elapsed() > LEASE_TIME => return error.to_string(),
                Err(_) => {}
            }
        }
    }

    fn stand(&self, standing: Standing) {
        let changed = self.standing.send_if_modified(|stands| {
            let changed = *stands != standing;
            *stands = standing;
            changed
        });
        if changed {
            self.beat();
        }
    }

    fn beat(&self) {
        self.pulse.send_modify(|beats| *beats = beats.wrapping_add(1));
    }
}

pub(super) fn address_in(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?;
    text.split_once('\n').map(|(_, address)| address.to_owned())
}
