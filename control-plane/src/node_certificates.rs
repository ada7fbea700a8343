//! The certificates that nodes are given: by which CA, for how long, and how many there were. It decides
//! nothing; who gets one is found out in `api/enrolment`.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use countersign_transport::CertificateFiles;
use countersign_transport::ca::CaError;
use countersign_transport::identity::Identity;
use countersign_transport::node_ca::{Issued, NodeCa, NodeCaError};
use countersign_transport::request::SigningRequest;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

use crate::clock;
use crate::minute::Minute;

/// Refused enrolments a minute from one address and in all; beyond them nobody is heard out.
pub(crate) const REFUSED_PER_ADDRESS_MAX: u32 = 20;
const REFUSED_MAX: u32 = 600;

/// By which CA nodes are given their certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeCertificateConfig {
    /// The CA's certificate and key; none: nobody is enrolled.
    pub ca: Option<CertificateFiles>,
    /// How long a certificate is good for.
    pub lifetime: Duration,
}

impl Default for NodeCertificateConfig {
    fn default() -> Self {
        Self { ca: None, lifetime: Duration::from_hours(24) }
    }
}

#[derive(Debug)]
pub(crate) struct NodeCertificates {
    ca: Option<NodeCa>,
    lifetime: Duration,
    refused_lately: Mutex<Minute>,
    enrolled: Counter,
    renewed: Counter,
    refused: Counter,
}

impl NodeCertificates {
    pub(crate) fn open(
        config: &NodeCertificateConfig,
        registry: &mut Registry,
    ) -> Result<Self, NodeCaError> {
        let refused = Minute::new(REFUSED_PER_ADDRESS_MAX, REFUSED_MAX, Instant::now());
        let this = Self {
            ca: config.ca.as_ref().map(NodeCa::load).transpose()?,
            lifetime: config.lifetime,
            refused_lately: Mutex::new(refused),
            enrolled: Counter::default(),
            renewed: Counter::default(),
            refused: Counter::default(),
        };
        let counters = [
            ("nodes_enrolled", "First certificates that were given for a token", &this.enrolled),
            ("node_certificates_renewed", "Certificates that were renewed", &this.renewed),
            ("enrolments_refused", "Calls for a certificate that were refused", &this.refused),
        ];
        for (name, help, counter) in counters {
            registry.register(format!("countersign_{name}"), help, counter.clone());
        }
        Ok(this)
    }

    /// The CA, if there is one.
    pub(crate) fn ca(&self) -> Option<&NodeCa> {
        self.ca.as_ref()
    }

    pub(crate) fn certify(
        &self,
        ca: &NodeCa,
        request: &SigningRequest,
        identity: &Identity,
    ) -> Result<Issued, CaError> {
        ca.certify(request, identity, clock::new_id(), clock::now_ms(), self.lifetime)
    }

    pub(crate) fn gave(&self, is_first: bool) {
        if is_first {
            self.enrolled.inc()
        } else {
            self.renewed.inc()
        };
    }

    /// Whether somebody at this address may try to be enrolled; if not, when again.
    pub(crate) fn hears(&self, source: &str) -> Result<(), Duration> {
        let mut refused = self.refused_lately.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if refused.has_room(source, now) { Ok(()) } else { Err(refused.left(now)) }
    }

    pub(crate) fn refused(&self, source: &str) {
        self.refused.inc();
        let mut refused = self.refused_lately.lock().unwrap_or_else(PoisonError::into_inner);
        refused.takes(source, Instant::now());
    }
}
