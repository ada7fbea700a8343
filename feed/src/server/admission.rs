//! Whether a node or relay is let in, and for how long: until its certificate ends or its name is
//! revoked. Of one that was enrolled, the key has to be that of its newest enrolment.

use std::sync::Arc;
use std::time::Duration;

use countersign_shared::node::NodeRole;
use countersign_transport::PeerCertificate;
use tonic::{Code, Status};

use super::{Streams, status};
use crate::source::Source;

/// Who is to be let in.
#[derive(Debug, Clone)]
pub(super) struct Entrant {
    pub(super) name: String,
    pub(super) role: NodeRole,
    /// The one that it shows here; none in clear text, or where a relay speaks for it.
    pub(super) certificate: Option<Arc<PeerCertificate>>,
}

impl Entrant {
    pub(super) fn check<S: Source>(&self, streams: &Streams<S>) -> Result<(), Status> {
        let now_ms = (streams.now_ms)();
        if let Some(certificate) = &self.certificate
            && certificate.expires_ms < now_ms
        {
            return Err(expired(&self.name));
        }
        let Some(known) = streams.source.known_node(&streams.source.view(), &self.name) else {
            return Ok(());
        };
        if known.revoked.is_some() {
            return Err(revoked(&self.name));
        }
        match (&known.enrolment, &self.certificate) {
            (Some(enrolment), Some(certificate))
                if enrolment.key.0 != certificate.public_key_digest
                    || enrolment.role != self.role =>
            {
                Err(another_key(&self.name))
            }
            _ => Ok(()),
        }
    }

    /// Waits until it is let in no longer, and says why.
    pub(super) async fn shut_out<S: Source>(self, streams: Streams<S>) -> Status {
        let mut admissions = streams.source.admissions();
        loop {
            admissions.borrow_and_update();
            if let Err(status) = self.check(&streams) {
                return status;
            }
            let changed = async {
                // Where it has ended, nobody is ever enrolled or revoked.
                if admissions.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                () = changed => {}
                () = self.expires((streams.now_ms)()) => {}
            }
        }
    }

    async fn expires(&self, now_ms: i64) {
        let Some(certificate) = &self.certificate else { return std::future::pending().await };
        let left = certificate.expires_ms.saturating_sub(now_ms).saturating_add(1);
        tokio::time::sleep(Duration::from_millis(u64::try_from(left).unwrap_or(0))).await;
    }
}

fn expired(name: &str) -> Status {
    let message = format!(
        "the certificate of {name} has expired: connect with the next one. A node that was enrolled renews \
         it by itself while it is valid, and afterwards needs a token: `countersign node token create`"
    );
    status::status(Code::Unauthenticated, "CERTIFICATE_EXPIRED", message, node(name))
}

fn revoked(name: &str) -> Status {
    let message = format!(
        "node {name} is revoked. To let it in again, delete its certificate and enrol it with a token from \
         `countersign node token create --node {name}`"
    );
    status::status(Code::PermissionDenied, "NODE_REVOKED", message, node(name))
}

fn another_key(name: &str) -> Status {
    let message = format!(
        "{name} was enrolled with another key or in another role than its certificate has: show the \
         certificate of its newest enrolment"
    );
    tracing::warn!(node = name, "NODE_KEY: a certificate that is not that of the enrolment");
    status::status(Code::PermissionDenied, "NODE_KEY", message, node(name))
}

fn node(name: &str) -> [(&'static str, String); 1] {
    [("node", name.chars().take(300).collect())]
}
