//! A published API as a node holds it: everything that a request needs is prepared once, when
//! the definition arrives. It never holds a signature key: bindings change without it.

use std::sync::Arc;

use countersign_shared::api::{ApiDefinition, BodyPolicy};
use countersign_shared::id::GroupId;
use countersign_shared::signing::{Target, TargetError};

use super::destination::{Destination, Destinations};
use super::in_flight::InFlight;
use super::params::Params;

/// A published API, ready to be forwarded to.
#[derive(Debug)]
pub struct Route {
    pub group: GroupId,
    pub definition: ApiDefinition,
    pub destination: Arc<Destination>,
    /// None where any number of requests may be under way.
    pub in_flight: Option<InFlight>,
}

/// The definition cannot be served by this node.
#[derive(Debug, thiserror::Error)]
pub enum InvalidRoute {
    #[error("the backend has no target")]
    NoTarget,
    #[error("the backend's target `{0}` cannot stand in a Host header")]
    Host(String),
}

impl Route {
    /// `destinations` are those that it may share with others.
    pub fn new(
        group: GroupId,
        mut definition: ApiDefinition,
        destinations: &mut Destinations,
    ) -> Result<Self, InvalidRoute> {
        let destination = destinations.of(Arc::clone(&definition.backend))?;
        definition.backend = Arc::clone(&destination.backend);
        let in_flight = definition.backend.concurrency_max.map(InFlight::at_most);
        Ok(Self { group, definition, destination, in_flight })
    }

    /// The one string that is signed and sent. `path` is the cleaned path, `rest` what follows
    /// a prefix match.
    pub fn target(
        &self,
        path: &str,
        params: &Params<'_, '_>,
        rest: &str,
        query: Option<&str>,
    ) -> Result<Target, TargetError> {
        self.destination.target((path, params, rest), query, self.definition.query_mode)
    }

    pub fn body_policy(&self) -> BodyPolicy {
        self.definition.body_policy
    }

    pub fn retries(&self) -> u32 {
        self.definition.backend.retries
    }
}
