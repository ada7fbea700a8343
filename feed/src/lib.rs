//! What any number of nodes' streams read from, whoever fills it: the ring of changes, the nodes'
//! streams, what is known of each node, and the service that carries them. A control plane fills it
//! from its log; whoever forwards what it received may do the same. No engine, state or key is
//! known here, and nothing is decided but what a stream says next.

pub mod commits;
pub mod metrics;
pub mod nodes;
pub mod ring;
pub mod scope;
pub mod server;
pub mod shelf;
pub mod snapshot;
pub mod source;
pub mod stream;
pub mod turns;

pub use ring::{Digests, Feed, FeedEntry, Window};
pub use source::{Refused, ServedEnvironment, Source, Tip, Unserved};
