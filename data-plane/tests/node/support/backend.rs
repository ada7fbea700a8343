//! A backend that writes down what it saw, byte for byte, and answers what the test says.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A request as it came over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str());
        let first = values.next();
        assert_eq!(values.next(), None, "{name} stands twice");
        first
    }
}

pub(crate) struct Backend {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<AtomicUsize>,
    server: tokio::task::JoinHandle<()>,
}

/// What a connection is made of.
trait Bytes: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Bytes for T {}

/// Bytes to answer with; the connection is closed after an answer that says so, and after one
/// of no bytes.
type Responder = dyn Fn(&Seen) -> Vec<u8> + Send + Sync;

impl Backend {
    /// Answers everything with 200 and a short body.
    pub(crate) async fn start() -> Self {
        Self::answering(|_| reply("200 OK", "hello")).await
    }

    pub(crate) async fn answering(
        respond: impl Fn(&Seen) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        Self::listening(None, respond).await
    }

    /// The same over TLS. A client that does not come through the handshake is not seen.
    pub(crate) async fn over_tls(config: Arc<ServerConfig>) -> Self {
        Self::listening(Some(config.into()), |_| reply("200 OK", "hello")).await
    }

    async fn listening(
        tls: Option<TlsAcceptor>,
        respond: impl Fn(&Seen) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(super::local()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, connections) = (Arc::default(), Arc::new(AtomicUsize::new(0)));
        let respond: Arc<Responder> = Arc::new(respond);
        let (all, count) = (Arc::clone(&seen), Arc::clone(&connections));
        let server = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                count.fetch_add(1, SeqCst);
                let (all, respond, tls) = (Arc::clone(&all), Arc::clone(&respond), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, all, respond).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, all, respond).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, seen, connections, server }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn last(&self) -> Seen {
        self.seen().pop().expect("the backend saw nothing")
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(SeqCst)
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.server.abort();
    }
}

pub(crate) fn reply(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

async fn serve(mut stream: impl Bytes, all: Arc<Mutex<Vec<Seen>>>, respond: Arc<Responder>) {
    let mut buffer = Vec::new();
    while let Some(seen) = read_request(&mut stream, &mut buffer).await {
        let answer = respond(&seen);
        all.lock().unwrap().push(seen);
        if stream.write_all(&answer).await.is_err() || answer.is_empty() {
            return;
        }
        let head = String::from_utf8_lossy(&answer).to_ascii_lowercase();
        if head.contains("connection: close") {
            return;
        }
    }
}

async fn read_request(stream: &mut impl Bytes, buffer: &mut Vec<u8>) -> Option<Seen> {
    let head_bytes = loop {
        if let Some(at) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
        more(stream, buffer).await?;
    };
    let head = String::from_utf8(buffer.drain(..head_bytes).collect()).unwrap();
    let mut lines = head.trim_end().split("\r\n");
    let mut request_line = lines.next().unwrap().split(' ');
    let headers: Vec<(String, String)> = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let mut seen = Seen {
        method: request_line.next().unwrap().to_owned(),
        target: request_line.next().unwrap().to_owned(),
        headers,
        body: Vec::new(),
    };
    if let Some(length) = seen.header("content-length") {
        let length = length.parse().unwrap();
        while buffer.len() < length {
            more(stream, buffer).await?;
        }
        seen.body = buffer.drain(..length).collect();
    } else if seen.header("transfer-encoding") == Some("chunked") {
        seen.body = read_chunks(stream, buffer).await?;
    }
    Some(seen)
}

async fn read_chunks(stream: &mut impl Bytes, buffer: &mut Vec<u8>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = loop {
            if let Some(at) = buffer.windows(2).position(|w| w == b"\r\n") {
                break String::from_utf8(buffer.drain(..at + 2).collect()).unwrap();
            }
            more(stream, buffer).await?;
        };
        let size = usize::from_str_radix(line.trim_end(), 16).unwrap();
        while buffer.len() < size + 2 {
            more(stream, buffer).await?;
        }
        body.extend(buffer.drain(..size));
        assert_eq!(buffer.drain(..2).collect::<Vec<_>>(), b"\r\n", "trailers came through");
        if size == 0 {
            return Some(body);
        }
    }
}

async fn more(stream: &mut impl Bytes, buffer: &mut Vec<u8>) -> Option<()> {
    match stream.read_buf(buffer).await {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(()),
    }
}
