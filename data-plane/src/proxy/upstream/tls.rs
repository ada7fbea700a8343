//! What TLS towards backends is spoken with: one configuration for all connections that trust,
//! show and speak the same. Built when the first of them is made, and anew when the identity in it
//! has changed. It never turns verification off.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use countersign_shared::api::{BackendProtocol, CaPem};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};
use tracing::warn;

use super::identities::{Identities, NoIdentity};
use crate::table::TlsTerms;

#[derive(Debug)]
pub(in crate::proxy) struct TlsConfigs {
    provider: Arc<CryptoProvider>,
    identities: Identities,
    /// Those of the node's system.
    roots: OnceLock<Arc<RootCertStore>>,
    built: Mutex<HashMap<Arc<str>, Built>>,
}

#[derive(Debug)]
struct Built {
    terms: Arc<TlsTerms>,
    config: Arc<ClientConfig>,
}

/// Why no connection can be made under these terms.
#[derive(Debug, thiserror::Error)]
pub(in crate::proxy) enum NoTls {
    #[error("a CA certificate cannot be read: {0}")]
    Certificate(rustls::pki_types::pem::Error),
    #[error("the client certificate `{name}` cannot be shown: {why}")]
    Identity { name: String, why: NoIdentity },
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

impl TlsConfigs {
    pub(super) fn new(identities: Identities) -> Self {
        Self {
            provider: Arc::new(rustls::crypto::aws_lc_rs::default_provider()),
            identities,
            roots: OnceLock::new(),
            built: Mutex::default(),
        }
    }

    /// The configuration, where it is built.
    pub(in crate::proxy) fn built(&self, terms: &TlsTerms) -> Option<Arc<ClientConfig>> {
        let built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        built.get(&terms.filed_under).map(|built| Arc::clone(&built.config))
    }

    /// Builds it. Reads files.
    pub(in crate::proxy) fn build(
        &self,
        terms: &Arc<TlsTerms>,
    ) -> Result<Arc<ClientConfig>, NoTls> {
        let roots = match &terms.ca_pem {
            Some(pem) => Arc::new(roots_of(pem)?),
            None => Arc::clone(self.roots.get_or_init(system_roots)),
        };
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        let identity = self.identity(terms)?;
        let mut config = match &identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let identity = SingleCertAndKey::from(Arc::clone(identity));
                builder.with_client_cert_resolver(Arc::new(identity))
            }
        };
        config.alpn_protocols = vec![alpn(terms.protocol).to_vec()];
        let config = Arc::new(config);
        let built = Built { terms: Arc::clone(terms), config: Arc::clone(&config) };
        let mut all = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        // What was renewed in the meantime is for this connection still good, and for no other.
        if self.identity(terms)?.map(|now| Arc::as_ptr(&now)) == identity.as_ref().map(Arc::as_ptr)
        {
            all.insert(Arc::clone(&terms.filed_under), built);
        }
        Ok(config)
    }

    fn identity(&self, terms: &TlsTerms) -> Result<Option<Arc<CertifiedKey>>, NoTls> {
        let Some(name) = &terms.client_identity else { return Ok(None) };
        match self.identities.identity(name, &self.provider) {
            Ok(identity) => Ok(Some(identity)),
            Err(why) => Err(NoTls::Identity { name: name.as_str().to_owned(), why }),
        }
    }

    /// Forgets what the table has no use for, and what holds an identity that has changed.
    pub(super) fn renew(&self, in_use: &HashSet<Arc<str>>) {
        let renewed = self.identities.renew(&self.provider);
        let mut all = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|filed_under, built| {
            let identity = built.terms.client_identity.as_ref();
            in_use.contains(filed_under) && !identity.is_some_and(|name| renewed.contains(name))
        });
    }
}

/// What a connection has to agree on.
pub(in crate::proxy) fn alpn(protocol: BackendProtocol) -> &'static [u8] {
    match protocol {
        BackendProtocol::Http1 => b"http/1.1",
        BackendProtocol::Http2 => b"h2",
    }
}

fn roots_of(pem: &CaPem) -> Result<RootCertStore, NoTls> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_str().as_bytes()) {
        roots.add(certificate.map_err(NoTls::Certificate)?)?;
    }
    Ok(roots)
}

/// What of them cannot be read vouches for nobody.
fn system_roots() -> Arc<RootCertStore> {
    let loaded = rustls_native_certs::load_native_certs();
    for error in &loaded.errors {
        warn!(%error, "roots of this system cannot be read");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(loaded.certs);
    if roots.is_empty() {
        warn!("this system has no roots: no backend over TLS is trusted but by a CA of its own");
    }
    Arc::new(roots)
}

impl From<NoTls> for io::Error {
    fn from(error: NoTls) -> Self {
        Self::other(error)
    }
}
