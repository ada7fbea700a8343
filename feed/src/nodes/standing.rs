//! Which nodes sign with a revision, and which are waited for. Pure: it reads a list of nodes and
//! a moment, and waits for nothing itself.

use countersign_shared::id::EnvironmentId;

use super::NodeStatus;

/// Where the nodes of an environment stand towards a revision.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// How many live nodes sign with it or with a later one.
    pub signing: usize,
    /// Live nodes that do not, and what they sign with.
    pub missing: Vec<(String, u64)>,
    /// Nodes that are stale or gone and were not known to sign with it.
    pub silent: Vec<(String, u64)>,
}

impl Standing {
    /// A node is live while its stream is open and it was heard at `heard_since_ms` or later.
    pub fn of(
        nodes: &[(String, NodeStatus)],
        environment: Option<EnvironmentId>,
        revision: u64,
        heard_since_ms: i64,
    ) -> Self {
        let mut standing = Self::default();
        let serves = |node: &NodeStatus| {
            !node.relay && environment.is_none_or(|id| node.environments.contains(&id))
        };
        for (name, node) in nodes.iter().filter(|(_, node)| serves(node)) {
            let is_live = node.connected && !node.is_stale(heard_since_ms);
            match (is_live, node.acked_revision >= revision) {
                (true, true) => standing.signing += 1,
                (true, false) => standing.missing.push((name.clone(), node.acked_revision)),
                (false, true) => {}
                (false, false) => standing.silent.push((name.clone(), node.acked_revision)),
            }
        }
        standing
    }

    /// Whether nobody needs to be waited for.
    pub fn is_reached(&self) -> bool {
        self.missing.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELEASE: [u8; 16] = [1; 16];

    fn node(name: &str, connected: bool, heard_ms: i64, acked: u64) -> (String, NodeStatus) {
        let status = NodeStatus {
            environments: vec![EnvironmentId::from_bytes(RELEASE)],
            connected,
            last_contact_ms: heard_ms,
            acked_revision: acked,
            ..NodeStatus::default()
        };
        (name.to_owned(), status)
    }

    #[test]
    fn live_nodes_are_waited_for_and_silent_ones_are_told_of() {
        let nodes = [
            node("behind", true, 100, 6),
            node("gone", false, 100, 5),
            node("gone-with-it", false, 0, 7),
            node("later", true, 100, 9),
            node("signing", true, 100, 7),
            node("stale", true, 99, 6),
        ];
        let release = EnvironmentId::from_bytes(RELEASE);
        let standing = Standing::of(&nodes, Some(release), 7, 100);
        assert_eq!(standing.signing, 2);
        assert_eq!(standing.missing, [("behind".to_owned(), 6)]);
        assert_eq!(standing.silent, [("gone".to_owned(), 5), ("stale".to_owned(), 6)]);
        assert!(!standing.is_reached());
        assert!(Standing::of(&nodes, None, 6, 100).is_reached());
    }

    #[test]
    fn nodes_of_other_environments_do_not_count() {
        let nodes = [node("behind", true, 100, 6)];
        let other = EnvironmentId::from_bytes([2; 16]);
        assert_eq!(Standing::of(&nodes, Some(other), 7, 100), Standing::default());
    }
}
