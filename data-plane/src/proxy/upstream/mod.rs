//! What a node knows of its backends beside what requests show: the addresses behind their names,
//! what TLS is spoken with, and who is well. One thread finds it out; workers only read.

mod health;
mod identities;
mod names;
mod tally;
mod tls;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use identities::Identities;
pub(super) use names::Names;
pub use names::{Resolve, Resolving, SystemResolver};
pub(super) use tls::{TlsConfigs, alpn};
pub use watch::run_upstream;

/// How a node keeps connections to backends.
#[derive(Debug, Clone)]
pub struct UpstreamSettings {
    /// Connections to one target, of one worker; a request that would need one more gets 503.
    pub connections_max: usize,
    /// Of these, how many wait for their next request; the others are closed after their answer.
    pub idle_connections_max: usize,
    /// How long a connection waits for its next request before it is closed.
    pub idle_time_max: Duration,
    /// Where the node holds its client certificates, NAME.crt and NAME.key; none: it has none.
    pub identity_dir: Option<PathBuf>,
    /// From one look at the addresses behind a name to the next.
    pub resolve_interval: Duration,
    pub resolver: Arc<dyn Resolve>,
}

impl Default for UpstreamSettings {
    fn default() -> Self {
        Self {
            connections_max: 4096,
            idle_connections_max: 1024,
            idle_time_max: Duration::from_mins(1),
            identity_dir: None,
            resolve_interval: Duration::from_secs(5),
            resolver: Arc::new(SystemResolver),
        }
    }
}

/// What workers read.
#[derive(Debug)]
pub(super) struct Upstream {
    pub(super) settings: UpstreamSettings,
    pub(super) names: Names,
    pub(super) tls: TlsConfigs,
}

impl Upstream {
    pub(super) fn new(settings: UpstreamSettings) -> Self {
        Self {
            names: Names::new(Arc::clone(&settings.resolver)),
            tls: TlsConfigs::new(Identities::new(settings.identity_dir.clone())),
            settings,
        }
    }
}
