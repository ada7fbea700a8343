//! TLS towards clients: a certificate, its key, and the protocols that are spoken under it. They are
//! read from their files, and read again when those change; connections that are open go on.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::{info, warn};

const HTTP_2: &[u8] = b"h2";
const HTTP_1: &[u8] = b"http/1.1";

/// Where a certificate and its key lie, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate, then those that lead to its authority.
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// The certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidCertificate {
    #[error("{} cannot be read: {source}; give a file in PEM that the node may read", path.display())]
    Unreadable { path: PathBuf, source: rustls::pki_types::pem::Error },
    #[error("{} holds no certificate", .0.display())]
    Empty(PathBuf),
    #[error("the certificate and the key do not go together: {0}")]
    Unusable(rustls::Error),
}

/// What handshakes are made with.
#[derive(Debug)]
pub struct Tls {
    files: CertificateFiles,
    config: ArcSwap<ServerConfig>,
}

impl Tls {
    pub fn load(files: CertificateFiles) -> Result<Self, InvalidCertificate> {
        let config = ArcSwap::new(read(&files)?);
        Ok(Self { files, config })
    }

    /// The stream, and whether HTTP/2 was agreed on.
    pub(super) async fn accept(
        &self,
        socket: TcpStream,
        time_max: Duration,
    ) -> io::Result<(TlsStream<TcpStream>, bool)> {
        let acceptor = TlsAcceptor::from(self.config.load_full());
        let stream = timeout(time_max, acceptor.accept(socket)).await??;
        let is_http_2 = stream.get_ref().1.alpn_protocol() == Some(HTTP_2);
        Ok((stream, is_http_2))
    }

    /// When the files were changed last; the later of both.
    pub(crate) fn changed_at(&self) -> Option<SystemTime> {
        let at = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
        at(&self.files.certificate).max(at(&self.files.key))
    }

    /// Takes what the files hold now. What cannot be used changes nothing.
    pub(crate) fn reload(&self) {
        match read(&self.files) {
            Ok(config) => {
                self.config.store(config);
                let certificate = self.files.certificate.display();
                info!(%certificate, "new connections get the certificate that was changed");
            }
            Err(error) => warn!(%error, "the former certificate stays in use"),
        }
    }
}

fn read(files: &CertificateFiles) -> Result<Arc<ServerConfig>, InvalidCertificate> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| InvalidCertificate::Unreadable { path, source }
    };
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(unreadable(&files.certificate))?;
    if chain.is_empty() {
        return Err(InvalidCertificate::Empty(files.certificate.clone()));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(unreadable(&files.key))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(InvalidCertificate::Unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(InvalidCertificate::Unusable)?;
    config.alpn_protocols = vec![HTTP_2.to_vec(), HTTP_1.to_vec()];
    Ok(Arc::new(config))
}
