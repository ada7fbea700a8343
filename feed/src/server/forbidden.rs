//! What becomes of a node that asks for an environment that is not for it: refused with what it may
//! ask for, counted, and told in the log once a minute for each node.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;
use tonic::{Code, Status};

use super::status;
use crate::scope::Scope;

/// Once in so long a node's refusals are told of.
const TOLD_EACH: Duration = Duration::from_mins(1);
/// Nodes of which it is known when they were told of; of more, none is told for a while.
const NODES_MAX: usize = 1_000;

#[derive(Debug)]
pub(super) struct Guard {
    scope: Scope,
    refused: Counter,
    told: Mutex<HashMap<String, Instant>>,
}

impl Guard {
    pub(super) fn new(scope: Scope, refused: Counter) -> Self {
        Self { scope, refused, told: Mutex::default() }
    }

    /// `environment` is all that it goes by: its name and id, or what the node called it.
    pub(super) fn check(&self, node: &str, environment: &[&str]) -> Result<(), Status> {
        if self.scope.allows(node, environment) {
            return Ok(());
        }
        let allowed = self.scope.allowed(node).collect::<Vec<_>>().join(",");
        let advice =
            "Start the node with these, or the control plane with a --node-scope that allows it";
        Err(self.refuse(node, environment, allowed, advice))
    }

    /// The same for a node that was enrolled: its scope is in the log, and no rule counts.
    pub(super) fn check_enrolled(
        &self,
        node: &str,
        environment: &[&str],
        allows: bool,
        allowed: impl FnOnce() -> String,
    ) -> Result<(), Status> {
        let advice = "Start the node with these, or enrol it anew with a token that allows it";
        if allows { Ok(()) } else { Err(self.refuse(node, environment, allowed(), advice)) }
    }

    fn refuse(&self, node: &str, environment: &[&str], allowed: String, advice: &str) -> Status {
        let asked = environment.last().copied().unwrap_or_default();
        self.refused.inc();
        if self.is_time(node, Instant::now()) {
            tracing::warn!(
                node,
                asked,
                allowed,
                "ENVIRONMENT_NOT_ALLOWED: no scope lets this node"
            );
        }
        let may = if allowed.is_empty() { "none" } else { &allowed };
        let message =
            format!("node {node} may not ask for environment `{asked}`, but for: {may}. {advice}");
        let metadata = [("environment", asked.to_owned()), ("allowed", allowed)];
        status::status(Code::PermissionDenied, "ENVIRONMENT_NOT_ALLOWED", message, metadata)
    }

    fn is_time(&self, node: &str, now: Instant) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |at: &Instant| now.saturating_duration_since(*at) < TOLD_EACH;
        if told.get(node).is_some_and(is_recent) {
            return false;
        }
        if told.len() >= NODES_MAX {
            told.retain(|_, at| is_recent(at));
        }
        let has_room = told.len() < NODES_MAX;
        if has_room {
            told.insert(node.to_owned(), now);
        }
        has_room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_told_of_once_a_minute() {
        let guard = Guard::new(Scope::default(), Counter::default());
        let now = Instant::now();
        assert!(guard.is_time("a", now) && guard.is_time("b", now));
        assert!(!guard.is_time("a", now + TOLD_EACH / 2));
        assert!(guard.is_time("a", now + TOLD_EACH));
        for n in 0..NODES_MAX {
            guard.is_time(&n.to_string(), now + TOLD_EACH);
        }
        assert!(!guard.is_time("one more", now + TOLD_EACH));
    }
}
