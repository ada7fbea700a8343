//! The way to a control plane: over TLS 1.3 to an `https://` address, whose certificate must be
//! vouched for and name the host of the address; in clear text to this machine alone. Files are read
//! for each connection, so that what was renewed is shown with the next.

use std::error::Error;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};
use tower_service::Service;

use crate::files::{self, CertificateFiles, InvalidFile};

const HTTP_2: &[u8] = b"h2";
/// Who refuses a connection does it within this time.
const REFUSAL_WAIT: Duration = Duration::from_secs(1);

/// Whom a client trusts and what it shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientFiles {
    /// Who vouches for the control plane; none: whom the system trusts.
    pub ca: Option<PathBuf>,
    /// Who the client is.
    pub own: Option<CertificateFiles>,
}

impl ClientFiles {
    /// Reads the files, to tell early what is wrong with them.
    pub fn check(&self) -> Result<(), InvalidFile> {
        self.read().map(drop)
    }

    fn read(&self) -> Result<Arc<ClientConfig>, InvalidFile> {
        let roots = match &self.ca {
            Some(path) => files::authorities(path)?,
            None => system_roots(),
        };
        let builder = ClientConfig::builder_with_provider(files::provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| InvalidFile::Tls(error.to_string()))?
            .with_root_certificates(roots);
        let mut config =
            match &self.own {
                None => builder.with_no_client_auth(),
                Some(own) => {
                    let (chain, key) = files::read(own)?;
                    let CertificateFiles { certificate, key: key_file } = own.clone();
                    builder.with_client_auth_cert(chain, key).map_err(|source| {
                        InvalidFile::Pair { certificate, key: key_file, source }
                    })?
                }
            };
        config.alpn_protocols = vec![HTTP_2.to_vec()];
        Ok(Arc::new(config))
    }
}

/// Whether this is an address that can be connected to: with a host, and `http` or `https`.
pub fn is_address(uri: &Uri) -> bool {
    matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()
}

/// Connects; the connection is made again whenever it is gone and called upon.
pub async fn connect(
    endpoint: &Endpoint,
    files: &ClientFiles,
) -> Result<Channel, tonic::transport::Error> {
    endpoint.connect_with_connector(Connector { files: files.clone() }).await
}

/// The same, with the first call.
pub fn connect_lazily(endpoint: &Endpoint, files: &ClientFiles) -> Channel {
    endpoint.connect_with_connector_lazy(Connector { files: files.clone() })
}

/// Why there is no connection, where that is a matter of certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distrust {
    /// Nobody we trust in vouches for whoever is there.
    OfThem,
    /// They do not take our certificate, or miss one.
    OfUs,
}

/// Looks for it among an error's causes.
pub fn distrust(error: &(dyn Error + 'static)) -> Option<Distrust> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let tls = inner.and_then(|inner| inner.downcast_ref()).or_else(|| error.downcast_ref());
        match tls {
            Some(rustls::Error::InvalidCertificate(_)) => return Some(Distrust::OfThem),
            Some(rustls::Error::AlertReceived(_)) => return Some(Distrust::OfUs),
            _ => cause = error.source(),
        }
    }
    None
}

/// Why whoever is there closes connections, as far as it says so. Under TLS 1.3 it says only after the
/// handshake whether it takes our certificate, and whoever sends meanwhile does not hear it.
pub async fn refusal(uri: &Uri, files: &ClientFiles) -> Option<io::Error> {
    let mut wire = match dial(uri, files).await {
        Ok(wire) => wire,
        Err(error) => return Some(error),
    };
    match timeout(REFUSAL_WAIT, wire.read_u8()).await {
        Ok(Err(error)) => Some(error),
        Ok(Ok(_)) | Err(_) => None,
    }
}

#[derive(Debug, Clone)]
struct Connector {
    files: ClientFiles,
}

trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

type Dialing = Pin<Box<dyn Future<Output = io::Result<TokioIo<Box<dyn Wire>>>> + Send>>;

impl Service<Uri> for Connector {
    type Response = TokioIo<Box<dyn Wire>>;
    type Error = io::Error;
    type Future = Dialing;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Dialing {
        let files = self.files.clone();
        Box::pin(async move { Ok(TokioIo::new(dial(&uri, &files).await?)) })
    }
}

async fn dial(uri: &Uri, files: &ClientFiles) -> io::Result<Box<dyn Wire>> {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let is_tls = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    if !is_tls {
        if !stream.peer_addr()?.ip().is_loopback() {
            return Err(io::Error::other(
                "clear text is spoken to this machine alone: give an address of https://",
            ));
        }
        return Ok(Box::new(stream));
    }
    let config = files.read().map_err(io::Error::other)?;
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let stream = TlsConnector::from(config).connect(name, stream).await?;
    if stream.get_ref().1.alpn_protocol() != Some(HTTP_2) {
        return Err(io::Error::other("what answers there does not speak HTTP/2 under TLS"));
    }
    Ok(Box::new(stream))
}

/// What of them cannot be read vouches for nobody.
fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}
