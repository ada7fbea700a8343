//! A published API as a node holds it: everything that a request needs is prepared once, when
//! the definition arrives. It never holds a signature key: bindings change without it.

use std::sync::Arc;

use countersign_shared::api::{ApiDefinition, BodyPolicy};
use countersign_shared::id::GroupId;
use countersign_shared::signing::{QueryMode, Target, TargetError};

use super::destination::{Destination, Destinations};
use super::in_flight::InFlight;
use super::params::Params;

/// A published API, ready to be forwarded to. What each request needs stands here, few words side by
/// side: of many routes hardly one is in the processor's cache, and each place is a wait. A clone
/// shares the rest.
#[derive(Debug, Clone)]
pub struct Route {
    pub destination: Arc<Destination>,
    /// None where any number of requests may be under way.
    pub in_flight: Option<Arc<InFlight>>,
    pub body_policy: BodyPolicy,
    query_mode: QueryMode,
    pub websocket: bool,
    published: Arc<Published>,
}

/// What requests do without.
#[derive(Debug)]
struct Published {
    group: GroupId,
    definition: ApiDefinition,
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
        let concurrency_max = definition.backend.concurrency_max;
        Ok(Self {
            destination,
            in_flight: concurrency_max.map(|most| Arc::new(InFlight::at_most(most))),
            body_policy: definition.body_policy,
            query_mode: definition.query_mode,
            websocket: definition.websocket,
            published: Arc::new(Published { group, definition }),
        })
    }

    pub fn group(&self) -> GroupId {
        self.published.group
    }

    pub fn definition(&self) -> &ApiDefinition {
        &self.published.definition
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
        self.destination.target((path, params, rest), query, self.query_mode)
    }

    pub fn retries(&self) -> u32 {
        self.destination.backend.retries
    }
}
