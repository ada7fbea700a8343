//! A backend that writes down what it saw, byte for byte as it came over the wire, and answers
//! what the test says. It parses no more of HTTP than finding the end of a request takes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::client::Wire;

/// A request as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Counts connections from 0.
    pub connection: usize,
    pub method: String,
    /// Path and query byte for byte.
    pub target: String,
    /// Names in lower case, in the order in which they came.
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

impl Seen {
    /// The one value of a header; panics where it was sent twice.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(n, _)| n == name).map(|(_, value)| value);
        let first = values.next();
        assert_eq!(values.next(), None, "{name} stands twice");
        first.map(|value| std::str::from_utf8(value).expect("a header of visible characters"))
    }

    /// Whether anything on it comes from a signer.
    pub fn is_signed(&self) -> bool {
        let signs = |name: &str| name == "authorization" || name.starts_with("x-sdk-");
        self.headers.iter().any(|(name, _)| signs(name))
    }
}

/// Runs until it is dropped.
#[derive(Debug)]
pub struct Backend {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<AtomicUsize>,
    server: JoinHandle<()>,
}

/// Bytes to answer with. The connection is closed after an answer that says so, and after one of
/// no bytes.
type Responder = dyn Fn(&Seen) -> Vec<u8> + Send + Sync;

impl Backend {
    /// Answers everything with 200 and `hello`.
    pub async fn start() -> Self {
        Self::answering(|_| reply("200 OK", "hello")).await
    }

    /// The same, on another address of this machine.
    pub async fn start_at(ip: IpAddr) -> Self {
        Self::answering_at(ip, |_| reply("200 OK", "hello")).await
    }

    pub async fn answering(respond: impl Fn(&Seen) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::answering_at(Ipv4Addr::LOCALHOST.into(), respond).await
    }

    async fn answering_at(
        ip: IpAddr,
        respond: impl Fn(&Seen) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, connections) = (Arc::default(), Arc::new(AtomicUsize::new(0)));
        let respond: Arc<Responder> = Arc::new(respond);
        let (all, count) = (Arc::clone(&seen), Arc::clone(&connections));
        let server = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let number = count.fetch_add(1, SeqCst);
                tokio::spawn(serve(stream, number, Arc::clone(&all), Arc::clone(&respond)));
            }
        });
        Self { address, seen, connections, server }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything so far, in the order of arrival.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// How many requests there were since the start or the last [`Backend::take`].
    pub fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    pub fn last(&self) -> Seen {
        self.seen.lock().unwrap().last().expect("the backend saw nothing").clone()
    }

    /// Everything so far, and forgets it.
    pub fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    pub fn connections(&self) -> usize {
        self.connections.load(SeqCst)
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// An answer with a body, such as `reply("200 OK", "hello")`.
pub fn reply(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

async fn serve(
    stream: TcpStream,
    connection: usize,
    all: Arc<Mutex<Vec<Seen>>>,
    respond: Arc<Responder>,
) {
    let mut wire = Wire::new(stream);
    while let Some(seen) = read_request(&mut wire, connection).await {
        let answer = respond(&seen);
        all.lock().unwrap().push(seen);
        if wire.send(&answer).await.is_err() || answer.is_empty() {
            return;
        }
        if String::from_utf8_lossy(&answer).to_ascii_lowercase().contains("connection: close") {
            return;
        }
    }
}

async fn read_request(wire: &mut Wire, connection: usize) -> Option<Seen> {
    let (request_line, headers) = wire.head().await?;
    let mut words = request_line.split(' ').map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let mut seen = Seen { connection, method, target, headers, body: Vec::new() };
    if let Some(length) = seen.header("content-length") {
        seen.body = wire.take(length.parse().unwrap()).await?;
    } else if seen.header("transfer-encoding") == Some("chunked") {
        seen.body = wire.chunks().await?;
    }
    Some(seen)
}
