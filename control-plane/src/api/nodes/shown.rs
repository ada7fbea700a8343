//! A node as callers see it: names instead of ids, and how far it is behind.

use std::time::Instant;

use countersign_proto::convert::timestamp;
use countersign_proto::v1;
use data_encoding::HEXLOWER;

use super::known::enrolment;
use crate::api::Api;
use crate::engine::View;
use countersign_feed::nodes::{NodeStatus, Refusal};

/// What all nodes of one answer are shown against.
pub(super) struct Showing<'a> {
    pub(super) api: &'a Api,
    pub(super) view: &'a View,
}

impl Showing<'_> {
    pub(super) fn node(&self, name: String, node: NodeStatus) -> v1::Node {
        let environments = self.view.state.environments();
        let environment_name = |id| environments.get(id).map(|e| e.fields.name.to_string());
        let known = self.view.state.nodes().get(&name);
        let time = |ms: i64| (ms != 0).then(|| timestamp(ms));
        let stale = node.is_stale(self.api.heard_since_ms());
        v1::Node {
            name,
            instance: node.instance,
            version: node.version,
            environments: node.environments.iter().filter_map(environment_name).collect(),
            address: node.address,
            connected: node.connected,
            connect_time: time(node.connected_at_ms),
            last_contact_time: time(node.last_contact_ms),
            sent_revision: node.sent_revision,
            acked_revision: node.acked_revision,
            lag_revisions: self.view.tip.head.revision.saturating_sub(node.acked_revision),
            in_sync: node.in_sync,
            last_nack: node.last_nack.map(refusal),
            snapshots_sent: node.snapshots_sent,
            deltas_sent: node.deltas_sent,
            lag_ms: self.lag_ms(node.acked_revision),
            load: node.load.latest.filter(|_| node.connected && !stale),
            stale,
            apply_time: time(node.applied_at_ms),
            protocol_version: node.protocol_version,
            via: node.via,
            relay: node.relay,
            certificate_serial: node.certificate_serial,
            certificate_expire_time: time(node.certificate_expires_ms),
            enrolment: known.and_then(|known| enrolment(&self.view.state, known)),
            revoke_time: known.and_then(|known| Some(timestamp(known.revoked?.time_ms))),
        }
    }

    fn lag_ms(&self, acked: u64) -> u64 {
        if acked >= self.view.tip.head.revision {
            return 0;
        }
        let committed = self.api.commits.first_after(acked);
        let lag = committed.map(|at| Instant::now().saturating_duration_since(at));
        lag.map_or(0, |lag| u64::try_from(lag.as_millis()).unwrap_or(u64::MAX))
    }
}

fn refusal(nack: Refusal) -> v1::NodeRefusal {
    v1::NodeRefusal {
        revision: nack.revision,
        reason: nack.reason,
        time: Some(timestamp(nack.at_ms)),
        resource_kind: nack.resource_kind,
        resource_id: HEXLOWER.encode(&nack.resource_id),
    }
}
