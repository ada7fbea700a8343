//! The table that requests are routed and signed with: immutable, built from the replica, and
//! swapped whole. Routers lead to slots; what is in a slot can be exchanged without touching a
//! router, so that a binding or a secret takes effect in microseconds whatever the table's size.

mod builder;
mod destination;
mod host_router;
mod in_flight;
mod listing;
mod params;
mod place;
mod route;
mod shapes;
mod signer;
mod slotted;

use std::borrow::Cow;
use std::sync::Arc;

use countersign_shared::api::Method;
use countersign_shared::id::{ApiId, GroupId};
use countersign_shared::text::Domain;
use hashbrown::HashMap;

pub use builder::TableBuilder;
pub use destination::{Destination, Destinations};
pub use host_router::{Found, HostRouter};
pub use in_flight::{InFlight, Permit};
pub use listing::{ListPlace, Listed};
pub use params::Params;
pub use place::{Health, Place, TlsTerms};
pub use route::{InvalidRoute, Route};
pub use signer::{InvalidSigner, SignatureKey, Signer};
use slotted::Slotted;

/// A place in an environment's table.
pub type Slot = usize;

/// What a node forwards and signs with.
#[derive(Debug, Clone, Default)]
pub struct RoutingTable {
    /// The revision this table is of.
    pub revision: u64,
    /// In the order in which the node was told to serve them.
    environments: Vec<Environment>,
}

/// One environment's part of the table. A clone shares all but a few words.
#[derive(Debug, Clone, Default)]
struct Environment {
    name: Arc<str>,
    /// Groups with domains, by each of their domains in lower case.
    by_domain: Arc<HashMap<Box<str>, Arc<HostRouter>>>,
    /// All groups without domains.
    any_host: Arc<HostRouter>,
    entries: Slotted<Entry>,
    signers: Slotted<Arc<SignatureKey>>,
    /// Of the groups that have any; requests find their way without it.
    domains: Arc<HashMap<GroupId, Arc<[Domain]>>>,
}

/// A line of the processor's cache: a request waits for one, not for two.
#[derive(Debug, Clone)]
#[repr(align(64))]
struct Entry {
    api: ApiId,
    route: Route,
    signer: Option<Slot>,
}

/// What a request asks for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'p> {
    /// Without port.
    pub host: &'p str,
    /// The environment's name, where the request names one.
    pub stage: Option<&'p str>,
    pub method: Method,
    /// The cleaned path.
    pub path: &'p str,
}

/// The API that answers, and how it is signed for.
#[derive(Debug)]
pub struct Routed<'t, 'p> {
    pub route: &'t Route,
    pub signing: Signing<'t>,
    pub params: Params<'t, 'p>,
    /// What follows a prefix match.
    pub rest: &'p str,
}

#[derive(Debug, Clone, Copy)]
pub enum Signing<'t> {
    /// No signature key is bound.
    Unbound,
    By(&'t Signer),
    /// A key is bound and is not here, so nothing may be forwarded. The replica refuses such
    /// a table; this is the second lock on the same door.
    Missing,
}

impl RoutingTable {
    pub fn find<'t, 'p>(&'t self, asked: &Asked<'p>) -> Option<Routed<'t, 'p>> {
        let environment = match asked.stage {
            None => self.environments.first(),
            Some(stage) => self.environments.iter().find(|e| *e.name == *stage),
        }?;
        environment.find(asked)
    }

    /// Every target that the table leads to; one that several APIs share comes several times.
    pub fn places(&self) -> impl Iterator<Item = &Place> {
        let entries = self.environments.iter().flat_map(|environment| environment.entries.from(0));
        entries.flat_map(|(_, entry)| entry.route.destination.all_places())
    }
}

impl Environment {
    fn find<'t, 'p>(&'t self, asked: &Asked<'p>) -> Option<Routed<'t, 'p>> {
        let own = if self.by_domain.is_empty() {
            None
        } else {
            self.by_domain.get(&*lower_case(asked.host))
        };
        let found = own
            .and_then(|router| router.find(asked.method, asked.path))
            .or_else(|| self.any_host.find(asked.method, asked.path))?;
        let entry = self.entries.get(found.slot)?;
        let signing = match entry.signer {
            None => Signing::Unbound,
            Some(slot) => match self.signers.get(slot) {
                Some(key) => Signing::By(&key.signer),
                None => Signing::Missing,
            },
        };
        Some(Routed { route: &entry.route, signing, params: found.params, rest: found.rest })
    }
}

fn lower_case(host: &str) -> Cow<'_, str> {
    if host.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    }
}

#[cfg(test)]
mod tests;
