//! Backend doubles: each reads what reaches it in its own way, writes down every request that it
//! understood, and answers each with 200. What is left of a connection's bytes counts: a lax
//! server would read it as the next request.

mod lax;
mod strict;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::support::{local, reply, soon};

/// A request as a double understood it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    /// `GET /path "body"`, as the table says it.
    pub(crate) fn line(&self) -> String {
        format!("{} {} \"{}\"", self.method, self.target, self.body.escape_ascii())
    }

    /// All values of a header, underscores read as dashes.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        let dashed = |n: &str| n.replace('_', "-");
        let of_name = self.headers.iter().filter(|(n, _)| dashed(n) == dashed(name));
        of_name.map(|(_, value)| value.as_str()).collect()
    }
}

/// What a reader makes of the bytes that have come in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    NeedsMore,
    /// A request and how many bytes it took.
    Request(Seen, usize),
    /// Another reader could read this differently.
    Doubtful(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Temper {
    Strict,
    Lax,
}

impl Temper {
    fn read(self, bytes: &[u8]) -> Reading {
        match self {
            Self::Strict => strict::read(bytes),
            Self::Lax => lax::read(bytes),
        }
    }
}

/// Everything that a double wrote down.
#[derive(Debug, Clone, Default)]
pub(crate) struct Book {
    pub(crate) seen: Vec<Seen>,
    pub(crate) doubts: Vec<&'static str>,
}

pub(crate) struct Double {
    pub(crate) address: SocketAddr,
    book: Arc<Mutex<Book>>,
    server: tokio::task::JoinHandle<()>,
    /// Ends the server; its connections are read to their end first.
    end: Arc<tokio::sync::Notify>,
}

impl Double {
    pub(crate) async fn start(temper: Temper) -> Self {
        let listener = TcpListener::bind(local()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (book, end) = (Arc::<Mutex<Book>>::default(), Arc::new(tokio::sync::Notify::new()));
        let (all, ended) = (Arc::clone(&book), Arc::clone(&end));
        let server = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        connections.spawn(serve(accepted.unwrap().0, temper, Arc::clone(&all)));
                    }
                    () = ended.notified() => break,
                }
            }
            while let Some(served) = connections.join_next().await {
                served.unwrap();
            }
        });
        Self { address, book, server, end }
    }

    pub(crate) fn book(&self) -> Book {
        self.book.lock().unwrap().clone()
    }

    /// Everything, once each connection has come to its end.
    pub(crate) async fn finish(self) -> Book {
        self.end.notify_one();
        soon("the end of a double's connections", self.server).await.unwrap();
        self.book.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(mut stream: TcpStream, temper: Temper, book: Arc<Mutex<Book>>) {
    let mut buffer = Vec::new();
    loop {
        match temper.read(&buffer) {
            Reading::Request(seen, bytes) => {
                buffer.drain(..bytes);
                let answer = reply("200 OK", "hello");
                let is_head = seen.method == "HEAD";
                let head = answer.len() - "hello".len();
                book.lock().unwrap().seen.push(seen);
                let answer = if is_head { &answer[..head] } else { &answer };
                if stream.write_all(answer).await.is_err() {
                    return;
                }
            }
            Reading::Doubtful(doubt) => {
                book.lock().unwrap().doubts.push(doubt);
                return;
            }
            Reading::NeedsMore => match stream.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            },
        }
    }
}

/// All requests that a reader finds in some bytes, and whether it came to doubt.
#[cfg(test)]
fn read_all(temper: Temper, mut bytes: &[u8]) -> (Vec<String>, Option<&'static str>) {
    let mut lines = Vec::new();
    loop {
        match temper.read(bytes) {
            Reading::NeedsMore => return (lines, None),
            Reading::Doubtful(doubt) => return (lines, Some(doubt)),
            Reading::Request(seen, used) => {
                lines.push(seen.line());
                bytes = &bytes[used..];
            }
        }
    }
}

#[test]
fn a_smuggled_request_shows_at_the_lax_double_and_is_doubtful_to_the_strict_one() {
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    for (what, head, body) in [
        ("two framings", "Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
        ("two lengths", "Content-Length: 1\r\nContent-Length: 40", "x"),
        ("a list of lengths", "Content-Length: 1, 40", "x"),
        ("a sign", "Content-Length: +1", "x"),
        ("a space before the colon", "Content-Length : 1", "x"),
        ("an underscore", "Content_Length: 1", "x"),
        ("a bare LF in a header", "X: 1\nContent-Length: 1", "x"),
        ("a folded line", "Transfer-Encoding:\r\n chunked", "0\r\n\r\n"),
        ("another coding", "Transfer-Encoding: xchunked", "0\r\n\r\n"),
        ("an extension", "Transfer-Encoding: chunked", "1;x\nx\r\n0\r\n\r\n"),
        ("a bare LF behind a size", "Transfer-Encoding: chunked", "1\nx\r\n0\r\n\r\n"),
        ("a size with 0x", "Transfer-Encoding: chunked", "0x1\r\nx\r\n0\r\n\r\n"),
    ] {
        let sent = format!("POST / HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n{body}{smuggled}");
        let (lines, doubt) = read_all(Temper::Lax, sent.as_bytes());
        assert_eq!((lines.len(), doubt), (2, None), "{what}: {lines:?}");
        assert_eq!(lines[1], r#"GET /smuggled """#, "{what}");
        let (lines, doubt) = read_all(Temper::Strict, sent.as_bytes());
        assert!(lines.is_empty() && doubt.is_some(), "{what}: {lines:?}");
    }
}
