//! A listener's connections, each with who is at its other end. Handshakes are made beside one
//! another, so that a slow one holds up nobody, and no more of them than there is room for.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::Extensions;
use prometheus_client::metrics::counter::Counter;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;
use tracing::debug;

use crate::certificate::PeerCertificate;
use crate::identity::{Identity, Role};
use crate::refusals::Refusals;
use crate::server::{ClientCertificates, ServerTls, Transport, TransportError};

const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);
const HANDSHAKES_MAX: usize = 256;
/// Connections that are made and wait to be taken over.
const WAITING_MAX: usize = 64;
/// After the system has refused to accept, as it does when files run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Who is at the other end of a connection. It is in the extensions of each request.
#[derive(Debug, Clone)]
pub struct Peer {
    pub address: SocketAddr,
    /// Whether what it sends is read by nobody else, and what it is sent by it alone.
    pub over_tls: bool,
    /// Whom the certificate names; none where none was shown, as in clear text.
    pub identity: Option<Arc<Identity>>,
    /// The certificate that names it.
    pub certificate: Option<Arc<PeerCertificate>>,
}

impl Peer {
    pub fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }
}

/// A listener that knows how it is spoken to.
#[derive(Debug)]
pub struct Incoming {
    listener: TcpListener,
    tls: Option<Arc<ServerTls>>,
    refusals: Arc<Refusals>,
}

impl Incoming {
    /// Refuses clear text where others could reach it, and certificates that cannot be used.
    pub fn new(
        listener: TcpListener,
        transport: Transport,
        certificates: ClientCertificates,
    ) -> Result<Self, TransportError> {
        let tls = match transport {
            Transport::Tls(files) => Some(Arc::new(ServerTls::load(files, certificates)?)),
            Transport::Plaintext => match listener.local_addr() {
                Ok(address) if !address.ip().is_loopback() => {
                    return Err(TransportError::Exposed(address));
                }
                _ => None,
            },
        };
        Ok(Self { listener, tls, refusals: Arc::new(Refusals::new(Instant::now())) })
    }

    /// Connections that came to nothing: not TLS, or not vouched for by the CA.
    pub fn handshakes_failed(&self) -> Counter {
        self.refusals.counter()
    }

    /// The connections, until the stream is dropped.
    pub fn connections(self) -> ReceiverStream<io::Result<Connection>> {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        tokio::spawn(self.accept(sender));
        ReceiverStream::new(receiver)
    }

    async fn accept(self, sender: mpsc::Sender<io::Result<Connection>>) {
        let handshakes = Arc::new(Semaphore::new(HANDSHAKES_MAX));
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = sender.closed() => return,
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    debug!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            // It matters only to speed.
            let _ = stream.set_nodelay(true);
            let Some(tls) = self.tls.clone() else {
                let peer = Peer { address, over_tls: false, identity: None, certificate: None };
                let connection = Connection { peer, io: Io::Clear(stream) };
                if sender.send(Ok(connection)).await.is_err() {
                    return;
                }
                continue;
            };
            let Ok(permit) = Arc::clone(&handshakes).acquire_owned().await else { return };
            let (sender, refusals) = (sender.clone(), Arc::clone(&self.refusals));
            tokio::spawn(async move {
                match handshake(&tls, stream, address).await {
                    // Nobody takes it over when the server has stopped meanwhile.
                    Ok(connection) => drop(sender.send(Ok(connection)).await),
                    Err(reason) => refusals.note(address, &reason, Instant::now()),
                }
                drop(permit);
            });
        }
    }
}

async fn handshake(
    tls: &ServerTls,
    stream: TcpStream,
    address: SocketAddr,
) -> Result<Connection, String> {
    let loaded = tls.loaded();
    let accepting = timeout(HANDSHAKE_TIME_MAX, loaded.acceptor().accept(stream)).await;
    let stream = accepting
        .map_err(|_| format!("no handshake within {} s", HANDSHAKE_TIME_MAX.as_secs()))?
        .map_err(|error| error.to_string())?;
    let mut peer = Peer { address, over_tls: true, identity: None, certificate: None };
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
    if let Some(shown) = chain.first() {
        let identity = Identity::of(shown).map_err(|error| error.to_string())?;
        if identity.role == Role::Operator && loaded.is_of_nodes_alone(chain) {
            return Err(format!("the CA of nodes does not vouch for {identity}"));
        }
        peer.identity = Some(Arc::new(identity));
        let certificate = PeerCertificate::of(shown).map_err(|error| error.to_string())?;
        peer.certificate = Some(Arc::new(certificate));
    }
    Ok(Connection { peer, io: Io::Tls(Box::new(stream)) })
}

/// One connection, whether in clear text or not.
#[derive(Debug)]
pub struct Connection {
    peer: Peer,
    io: Io,
}

#[derive(Debug)]
enum Io {
    Clear(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.get_mut().io {
            Io::Clear(stream) => Pin::new(stream).poll_read(cx, buffer),
            Io::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().io {
            Io::Clear(stream) => Pin::new(stream).poll_write(cx, bytes),
            Io::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().io {
            Io::Clear(stream) => Pin::new(stream).poll_flush(cx),
            Io::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().io {
            Io::Clear(stream) => Pin::new(stream).poll_shutdown(cx),
            Io::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().io {
            Io::Clear(stream) => Pin::new(stream).poll_write_vectored(cx, bytes),
            Io::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bytes),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.io {
            Io::Clear(stream) => stream.is_write_vectored(),
            Io::Tls(stream) => stream.is_write_vectored(),
        }
    }
}
