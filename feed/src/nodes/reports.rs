//! What a relay tells of the nodes behind it, and what is made of that where it is told. It never
//! waits, and reads no clock.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use countersign_proto::v1;
use countersign_shared::id::EnvironmentId;
use countersign_shared::text::Actor;

use super::load::Load;
use super::{Known, NODES_MAX, NodeRegistry, NodeStatus, Refusal, Registration, Seen, forget};
use crate::commits::Commits;

/// Reports of one message.
pub const REPORTS_AT_ONCE_MAX: usize = 500;
/// Of relays in a row, as they are named.
const VIA_CHARACTERS_MAX: usize = 600;
const TEXT_CHARACTERS_MAX: usize = 128;

/// What was told last of each node.
pub type Told = BTreeMap<String, v1::NodeReport>;

impl NodeRegistry {
    /// At most so many reports of what differs from what was told, which are told with that.
    pub fn news(&self, told: &mut Told, heard_since_ms: i64, most: usize) -> Vec<v1::NodeReport> {
        let nodes = self.lock();
        told.retain(|name, _| nodes.by_name.contains_key(name));
        let mut news = Vec::new();
        for (name, seen) in &nodes.by_name {
            let report = report(name, &seen.lock().status, heard_since_ms);
            let former = told.get(name);
            if former.is_some_and(|former| same(former, &report)) {
                continue;
            }
            if news.len() >= most {
                break;
            }
            // Told anew on each stream, and for each connection of the node.
            let came = report.connected && !former.is_some_and(|f| same_connection(f, &report));
            told.insert(name.clone(), report.clone());
            news.push(v1::NodeReport { came, ..report });
        }
        news
    }

    /// Keeps what a relay has told on its stream. A node that another stream tells of, too, is
    /// where it came last.
    pub fn reported(
        &self,
        relay: &Registration,
        reports: Vec<v1::NodeReport>,
        commits: &Commits,
        now: Instant,
    ) {
        let mut nodes = self.lock();
        let mut behind = relay.behind();
        let mut now_ms = 0;
        for report in reports.into_iter().take(REPORTS_AT_ONCE_MAX) {
            if Actor::parse(&report.node).is_err() || report.node == relay.name {
                continue;
            }
            now_ms = now_ms.max(report.last_contact_ms);
            let name = report.node.clone();
            let listed = nodes.by_name.get(&name);
            let is_ours =
                |seen: &Arc<Seen>| behind.get(&name).is_some_and(|b| Arc::ptr_eq(b, seen));
            if let Some(seen) = listed.filter(|seen| is_ours(seen)) {
                keep(&mut seen.lock().status, &relay.name, report, commits, now);
            } else if behind.len() < NODES_MAX
                && (report.came || listed.is_none_or(|seen| seen.gone_since_ms().is_some()))
            {
                let mut status = listed.map(taken_over).unwrap_or_default();
                keep(&mut status, &relay.name, report, commits, now);
                let seen = Arc::new(Seen(Mutex::new(Known { status, replaced: None })));
                nodes.by_name.insert(name.clone(), Arc::clone(&seen));
                behind.insert(name, seen);
            }
        }
        forget(&mut nodes, now_ms);
        drop((nodes, behind));
        self.tell();
    }
}

/// Whoever had a stream under this name has come somewhere else since.
fn taken_over(seen: &Arc<Seen>) -> NodeStatus {
    let mut former = seen.lock();
    former.replaced = None;
    std::mem::take(&mut former.status)
}

fn same_connection(a: &v1::NodeReport, b: &v1::NodeReport) -> bool {
    a.connected && a.connected_at_ms == b.connected_at_ms && a.via == b.via
}

/// But for what changes by itself.
fn same(a: &v1::NodeReport, b: &v1::NodeReport) -> bool {
    let essence =
        |r: &v1::NodeReport| v1::NodeReport { last_contact_ms: 0, applied_at_ms: 0, ..r.clone() };
    essence(a) == essence(b)
}

fn report(name: &str, node: &NodeStatus, heard_since_ms: i64) -> v1::NodeReport {
    let nack = |refusal: &Refusal| v1::Nack {
        revision: refusal.revision,
        kind: refusal.resource_kind,
        resource_id: refusal.resource_id.clone(),
        reason: refusal.reason.clone(),
    };
    v1::NodeReport {
        node: name.to_owned(),
        instance: node.instance.clone(),
        version: node.version.clone(),
        protocol_version: node.protocol_version,
        environment_ids: node.environments.iter().map(|id| id.as_bytes().to_vec()).collect(),
        address: node.address.clone(),
        relay: node.relay,
        via: node.via.clone(),
        connected: node.connected,
        stale: node.is_stale(heard_since_ms),
        connected_at_ms: node.connected_at_ms,
        last_contact_ms: node.last_contact_ms,
        sent_revision: node.sent_revision,
        acked_revision: node.acked_revision,
        applied_at_ms: node.applied_at_ms,
        in_sync: node.in_sync,
        snapshots_sent: node.snapshots_sent,
        deltas_sent: node.deltas_sent,
        last_nack: node.last_nack.as_ref().map(nack),
        nacked_at_ms: node.last_nack.as_ref().map_or(0, |refusal| refusal.at_ms),
        came: false,
        load: node.load.latest.filter(|_| node.connected),
    }
}

fn keep(
    node: &mut NodeStatus,
    relay: &str,
    report: v1::NodeReport,
    commits: &Commits,
    now: Instant,
) {
    if node.instance != report.instance {
        // Commits that it got with its first snapshot do not count in its times.
        let had = report.acked_revision;
        node.timed_revision = if had == 0 { commits.newest() } else { had };
        node.acked_revision = 0;
        node.last_nack = None;
    }
    node.acked(report.acked_revision, commits, now);
    let short = |text: String| text.chars().take(TEXT_CHARACTERS_MAX).collect::<String>();
    let ids = report.environment_ids.iter().filter_map(|id| EnvironmentId::try_from(&**id).ok());
    let via = if report.via.is_empty() {
        relay.to_owned()
    } else {
        format!("{relay} > {}", report.via).chars().take(VIA_CHARACTERS_MAX).collect()
    };
    *node = NodeStatus {
        instance: short(report.instance),
        version: short(report.version),
        protocol_version: report.protocol_version,
        environments: ids.collect(),
        address: short(report.address),
        via,
        relay: report.relay,
        // It was shown to the relay.
        certificate_serial: String::new(),
        certificate_expires_ms: 0,
        connected: report.connected,
        silent: report.stale,
        connected_at_ms: report.connected_at_ms,
        last_contact_ms: report.last_contact_ms,
        sent_revision: report.sent_revision,
        acked_revision: node.acked_revision,
        timed_revision: node.timed_revision,
        applied_at_ms: report.applied_at_ms,
        in_sync: report.in_sync,
        last_nack: report.last_nack.map(|nack| Refusal::of(nack, report.nacked_at_ms)),
        snapshots_sent: report.snapshots_sent,
        deltas_sent: report.deltas_sent,
        propagation: std::mem::take(&mut node.propagation),
        load: Load::told(report.load),
    };
}

#[cfg(test)]
mod tests;
