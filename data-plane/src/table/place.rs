//! One target of a backend and how it is reached, prepared when the definition arrives. It opens no
//! connection; whether the target is well it only carries, for those who ask and those who choose.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use countersign_shared::api::{
    Backend, BackendProtocol, BackendTarget, CaPem, HealthCheck, IdentityName, Scheme, ServerName,
};
use data_encoding::HEXLOWER;
use http::HeaderValue;
use sha2::{Digest, Sha256};

use super::InvalidRoute;

#[derive(Debug, Clone)]
pub struct Place {
    /// `host:port`, what is connected to.
    pub address: Arc<str>,
    /// Where `address` is no name that has to be resolved first.
    pub literal: Option<SocketAddr>,
    /// What its connections are filed under: the address, and everything else that they must have
    /// in common.
    pub filed_under: Arc<str>,
    /// The Host that the backend sees.
    pub host: HeaderValue,
    pub protocol: BackendProtocol,
    /// None: in clear.
    pub tls: Option<Arc<TlsTerms>>,
    pub connect_timeout: Duration,
    /// None where nobody asks.
    pub health: Option<Arc<Health>>,
}

/// What a TLS connection is made with.
#[derive(Debug)]
pub struct TlsTerms {
    /// What all terms have in common that differ in the server's name only.
    pub filed_under: Arc<str>,
    /// What the backend's certificate must bear.
    pub server_name: Arc<str>,
    pub ca_pem: Option<CaPem>,
    pub client_identity: Option<IdentityName>,
    pub protocol: BackendProtocol,
}

/// Whether a target is well, as those find who ask it on the node's own account.
#[derive(Debug)]
pub struct Health {
    pub check: HealthCheck,
    is_out: AtomicBool,
}

impl Place {
    pub fn new(target: &BackendTarget, backend: &Backend) -> Result<Self, InvalidRoute> {
        let host = HeaderValue::from_str(target.authority())
            .map_err(|_| InvalidRoute::Host(target.authority().to_owned()))?;
        let address: Arc<str> =
            Arc::from(format!("{}:{}", target.host(), target.port(backend.scheme)));
        let tls = match backend.scheme {
            Scheme::Http => None,
            Scheme::Https => Some(Arc::new(TlsTerms::new(target, backend))),
        };
        let filed_under = match (&tls, backend.protocol) {
            (None, BackendProtocol::Http1) => Arc::clone(&address),
            (None, BackendProtocol::Http2) => Arc::from(format!("h2c {address}")),
            (Some(tls), _) => {
                Arc::from(format!("{address} {} {}", tls.server_name, tls.filed_under))
            }
        };
        Ok(Self {
            literal: address.parse().ok(),
            address,
            filed_under,
            host,
            protocol: backend.protocol,
            tls,
            connect_timeout: Duration::from_millis(backend.connect_timeout_ms.into()),
            health: backend.health_check.clone().map(|check| Arc::new(Health::new(check))),
        })
    }
}

impl TlsTerms {
    fn new(target: &BackendTarget, backend: &Backend) -> Self {
        let tls = backend.tls.clone();
        let host = target.host().trim_start_matches('[').trim_end_matches(']');
        let server_name = tls.server_name.as_ref().map_or(host, ServerName::as_str);
        let ca = |pem: &CaPem| HEXLOWER.encode(&Sha256::digest(pem.as_str().as_bytes()));
        let filed_under = Arc::from(format!(
            "{:?} as {} by {}",
            backend.protocol,
            tls.client_identity.as_ref().map_or("nobody", IdentityName::as_str),
            tls.ca_pem.as_ref().map_or_else(|| "the system's roots".to_owned(), ca),
        ));
        Self {
            filed_under,
            server_name: Arc::from(server_name),
            ca_pem: tls.ca_pem,
            client_identity: tls.client_identity,
            protocol: backend.protocol,
        }
    }
}

impl Health {
    fn new(check: HealthCheck) -> Self {
        Self { check, is_out: AtomicBool::new(false) }
    }

    /// Whether the target is to be passed over; a target that nobody has asked yet is well.
    pub fn is_out(&self) -> bool {
        self.is_out.load(Relaxed)
    }

    pub fn set_out(&self, is_out: bool) {
        self.is_out.store(is_out, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(change: impl FnOnce(&mut Backend)) -> Place {
        let mut backend = Backend::of(vec![BackendTarget::parse("backend.example").unwrap()]);
        change(&mut backend);
        Place::new(&backend.targets[0], &backend).unwrap()
    }

    #[test]
    fn connections_are_shared_only_by_those_who_would_make_the_same() {
        let identity = |name| IdentityName::parse(name).unwrap();
        let pem = |text: &str| CaPem::parse(&format!("-----BEGIN CERTIFICATE-----{text}")).unwrap();
        let places = [
            place(|_| {}),
            place(|backend| backend.protocol = BackendProtocol::Http2),
            place(|backend| backend.scheme = Scheme::Https),
            place(|backend| {
                (backend.scheme, backend.protocol) = (Scheme::Https, BackendProtocol::Http2);
            }),
            place(|backend| {
                backend.scheme = Scheme::Https;
                backend.tls.server_name = Some(ServerName::parse("b").unwrap());
            }),
            place(|backend| {
                backend.scheme = Scheme::Https;
                backend.tls.client_identity = Some(identity("b"));
            }),
            place(|backend| {
                backend.scheme = Scheme::Https;
                backend.tls.ca_pem = Some(pem("a"));
            }),
            place(|backend| {
                backend.scheme = Scheme::Https;
                backend.tls.ca_pem = Some(pem("b"));
            }),
        ];
        let all: std::collections::HashSet<_> = places.iter().map(|p| &*p.filed_under).collect();
        assert_eq!(all.len(), places.len(), "{all:?}");
        let same = place(|backend| backend.timeout_ms = 1);
        assert_eq!(places[0].filed_under, same.filed_under);
        assert_eq!(&*places[0].filed_under, "backend.example:80", "short where it is plain");
        assert_eq!(&*places[2].address, "backend.example:443");
    }

    #[test]
    fn an_address_need_not_be_resolved() {
        let literal = |target| {
            let backend = Backend::of(vec![BackendTarget::parse(target).unwrap()]);
            Place::new(&backend.targets[0], &backend).unwrap().literal
        };
        assert_eq!(literal("10.0.0.1"), Some("10.0.0.1:80".parse().unwrap()));
        assert_eq!(literal("[::1]:9"), Some("[::1]:9".parse().unwrap()));
        assert_eq!(literal("localhost:9"), None);
    }
}
