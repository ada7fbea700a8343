//! What a listener shows and asks for. Its files are looked at with every new connection and read
//! again when they have changed; connections that are open go on as they are.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use tokio_rustls::TlsAcceptor;
use tracing::{info, warn};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::files::{self, CertificateFiles, InvalidFile};

const HTTP_2: &[u8] = b"h2";
const HTTP_1: &[u8] = b"http/1.1";

/// How a listener is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// In clear text: on loopback alone.
    Plaintext,
    Tls(ServerFiles),
}

/// What a listener under TLS shows, and whom it lets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFiles {
    pub own: CertificateFiles,
    /// Who vouches for nodes and operators.
    pub client_ca: PathBuf,
    /// Who vouches for nodes and relays, too, and for nobody else.
    pub node_ca: Option<PathBuf>,
}

/// What a listener under TLS asks of clients. A certificate that is shown and is not good ends the
/// handshake in either case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCertificates {
    /// Without one there is no connection.
    Demanded,
    /// Who shows none is let in as nobody; whoever answers calls has to ask for something else.
    Taken,
    /// Nobody is asked, as a browser would ask its user; HTTP/1.1 is spoken as well.
    Unasked,
}

/// Why a listener cannot be spoken to in this way.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    #[error(
        "clear text is for this machine alone, and {0} can be reached from others: give --tls-cert, \
         --tls-key and --client-ca (`countersign ca init` makes a private CA), or listen on 127.0.0.1"
    )]
    Exposed(SocketAddr),
    #[error(transparent)]
    File(#[from] InvalidFile),
}

type Stamps = Vec<Option<(SystemTime, u64)>>;

/// What the files hold.
#[derive(Debug)]
pub(crate) struct Loaded {
    config: Arc<ServerConfig>,
    /// The subjects of those who vouch for nodes and relays alone, in DER.
    nodes_alone: Vec<Vec<u8>>,
}

impl Loaded {
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }

    /// Whether a chain that was found good is one of those, anywhere on its way.
    pub(crate) fn is_of_nodes_alone(&self, chain: &[CertificateDer<'_>]) -> bool {
        chain.iter().any(|certificate| {
            X509Certificate::from_der(certificate).is_ok_and(|(_, certificate)| {
                let issuer = certificate.issuer().as_raw();
                self.nodes_alone.iter().any(|subject| subject == issuer)
            })
        })
    }
}

/// What handshakes are made with.
#[derive(Debug)]
pub(crate) struct ServerTls {
    files: ServerFiles,
    certificates: ClientCertificates,
    loaded: ArcSwap<Loaded>,
    /// Of the files as they were read last.
    stamps: Mutex<Stamps>,
}

impl ServerTls {
    pub(crate) fn load(
        files: ServerFiles,
        certificates: ClientCertificates,
    ) -> Result<Self, InvalidFile> {
        let stamps = Mutex::new(stamps(&files));
        let loaded = ArcSwap::new(read(&files, certificates)?);
        Ok(Self { files, certificates, loaded, stamps })
    }

    /// For the next handshake.
    pub(crate) fn loaded(&self) -> Arc<Loaded> {
        self.renew();
        self.loaded.load_full()
    }

    /// What cannot be used changes nothing: it is said once, and tried again with the next change.
    fn renew(&self) {
        let mut known = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamps(&self.files);
        if *known == now {
            return;
        }
        *known = now;
        match read(&self.files, self.certificates) {
            Ok(config) => {
                self.loaded.store(config);
                info!("new connections get the certificates that were changed");
            }
            Err(error) => warn!(%error, "the former certificates stay in use"),
        }
    }
}

fn stamps(files: &ServerFiles) -> Stamps {
    let always: [&Path; 3] = [&files.own.certificate, &files.own.key, &files.client_ca];
    let paths: Vec<&Path> = always.into_iter().chain(files.node_ca.as_deref()).collect();
    files::stamps(&paths)
}

fn read(files: &ServerFiles, certificates: ClientCertificates) -> Result<Arc<Loaded>, InvalidFile> {
    let (chain, key) = files::read(&files.own)?;
    let provider = files::provider();
    let mut roots = files::authorities(&files.client_ca)?;
    let mut nodes_alone = Vec::new();
    if let Some(path) = &files.node_ca {
        let known: Vec<_> = roots.subjects().iter().map(|name| name.as_ref().to_vec()).collect();
        let of_nodes = files::authorities(path)?;
        let subjects = of_nodes.subjects();
        nodes_alone.extend(subjects.iter().map(|name| name.as_ref().to_vec()));
        // One that is a client CA as well vouches for everybody.
        nodes_alone.retain(|subject| !known.contains(subject));
        roots.roots.extend(of_nodes.roots);
    }
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let verifier = match certificates {
        ClientCertificates::Demanded => Some(verifier),
        ClientCertificates::Taken => Some(verifier.allow_unauthenticated()),
        ClientCertificates::Unasked => None,
    };
    let CertificateFiles { certificate, key: key_file } = files.own.clone();
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| InvalidFile::Tls(error.to_string()))?;
    let config = match verifier {
        Some(verifier) => config.with_client_cert_verifier(
            verifier.build().map_err(|error| InvalidFile::Tls(error.to_string()))?,
        ),
        None => config.with_no_client_auth(),
    };
    let mut config = config.with_single_cert(chain, key).map_err(|source| InvalidFile::Pair {
        certificate,
        key: key_file,
        source,
    })?;
    config.alpn_protocols = vec![HTTP_2.to_vec()];
    if certificates == ClientCertificates::Unasked {
        config.alpn_protocols.push(HTTP_1.to_vec());
    }
    // Who resumes a session is not asked for a certificate again, which may have expired since.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(Loaded { config: Arc::new(config), nodes_alone }))
}
