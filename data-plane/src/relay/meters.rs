//! What a relay tells of its stream from upstream, beside what all streams to nodes count.

use std::sync::{Mutex, PoisonError};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Debug, Default)]
pub(crate) struct Meters {
    pub(crate) connected: Gauge,
    pub(crate) revision: Gauge,
    pub(crate) reconnects: Counter,
    /// What an operator should know of the stream, in a sentence.
    trouble: Mutex<Option<String>>,
}

impl Meters {
    pub(crate) fn register(&self, registry: &mut Registry) {
        let help = "Whether there is a stream from upstream";
        registry.register("countersign_relay_connected", help, self.connected.clone());
        let help = "The revision that is served";
        registry.register("countersign_relay_revision", help, self.revision.clone());
        let help = "Streams from upstream that ended or were not to be had";
        registry.register("countersign_relay_reconnects", help, self.reconnects.clone());
    }

    /// Keeps a sentence for those who ask at `/ready`; none: all is well.
    pub(crate) fn say(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    pub(crate) fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
