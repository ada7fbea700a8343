//! Has etcd forget its own history: what keys held before, such as former heads and data keys that were
//! removed. The log loses nothing by it: no frame is ever changed or deleted, and nobody reads what was.

use std::time::Duration;

use countersign_etcd::Client;
use countersign_etcd::request::one;
use tokio::time::{MissedTickBehavior, interval};

use super::cluster::Keys;
use super::lead::{Lead, Standing};

const ASK_TIME_MAX: Duration = Duration::from_secs(10);

/// For as long as the log is open. What is older than `age` is forgotten before it is twice as old, if
/// this replica leads.
pub(super) async fn forget_history(client: Client, keys: Keys, lead: Lead, age: Duration) {
    let mut ticks = interval(age.max(Duration::from_secs(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before = None;
    loop {
        ticks.tick().await;
        let Ok(answer) = client.range(&one(&keys.head()), ASK_TIME_MAX).await else { continue };
        // Another replica may lead by now and do the same, which harms nobody.
        let newest = answer.header.map_or(0, |header| header.revision);
        let (Some(revision), Standing::Leading(_)) = (before.replace(newest), lead.standing())
        else {
            continue;
        };
        if let Err(error) = client.compact(revision, ASK_TIME_MAX).await {
            tracing::warn!(%error, "the history of etcd is not compacted");
        }
    }
}
