//! The table as an operator looks at it: route after route, in an order that stays as long as the
//! table does, and of each signature key what may be shown. No request comes here.

use countersign_shared::id::{ApiId, GroupId};
use countersign_shared::text::Domain;

use super::{Environment, Route, RoutingTable, SignatureKey, Slot};

/// A route and what hangs on it.
#[derive(Debug, Clone, Copy)]
pub struct Listed<'t> {
    pub place: ListPlace,
    pub environment: &'t str,
    pub group: GroupId,
    /// None: any host.
    pub domains: &'t [Domain],
    pub api: ApiId,
    pub route: &'t Route,
    /// None: nothing is bound, and requests go on unsigned.
    pub key: Option<&'t SignatureKey>,
}

/// Where a route stands in the list; another table may have another one there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListPlace {
    /// In the order in which the node was told to serve them.
    pub environment: usize,
    pub slot: Slot,
}

impl RoutingTable {
    /// All routes from a place on.
    pub fn list(&self, from: ListPlace) -> impl Iterator<Item = Listed<'_>> {
        let environments = self.environments.iter().enumerate().skip(from.environment);
        environments.flat_map(move |(at, environment)| {
            let first = if at == from.environment { from.slot } else { 0 };
            environment.list(at, first)
        })
    }
}

impl Environment {
    fn list(&self, at: usize, first: Slot) -> impl Iterator<Item = Listed<'_>> {
        self.entries.from(first).map(move |(slot, entry)| {
            let group = entry.route.group();
            let key = entry.signer.and_then(|slot| Some(&**self.signers.get(slot)?));
            Listed {
                place: ListPlace { environment: at, slot },
                environment: &self.name,
                group,
                domains: self.domains.get(&group).map_or(&[], |domains| &**domains),
                api: entry.api,
                route: &entry.route,
                key,
            }
        })
    }
}
