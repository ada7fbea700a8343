//! A client that sends the bytes it is given and reads what comes back, and the bit of HTTP that
//! it shares with the backend.

use std::io;
use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::patience::soon;

/// A connection that is kept.
#[derive(Debug)]
pub struct Client {
    wire: Wire,
}

#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| std::str::from_utf8(value).expect("a header of visible characters"))
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body of UTF-8")
    }

    /// The code of a node's refusal; empty where there is none.
    pub fn code(&self) -> String {
        let json: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        json.get("error_code").and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = soon("a connection", TcpStream::connect(address)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { wire: Wire::new(stream) }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        soon("sending", self.wire.send(bytes.as_ref())).await.unwrap();
    }

    /// One answer to anything but a HEAD; none when the connection is closed instead.
    pub async fn answer(&mut self) -> Option<Answer> {
        soon("an answer", self.read_answer(false)).await
    }

    /// One answer to a HEAD.
    pub async fn answer_to_head(&mut self) -> Option<Answer> {
        soon("an answer", self.read_answer(true)).await
    }

    async fn read_answer(&mut self, bodiless: bool) -> Option<Answer> {
        let (status_line, headers) = self.wire.head().await?;
        let status: u16 = status_line.split(' ').nth(1)?.parse().ok()?;
        let mut answer = Answer { status, headers, body: Vec::new() };
        if bodiless || status < 200 || status == 204 || status == 304 {
            return Some(answer);
        }
        answer.body = if let Some(length) = answer.header("content-length") {
            self.wire.take(length.parse().unwrap()).await?
        } else if answer.header("transfer-encoding") == Some("chunked") {
            self.wire.chunks().await?
        } else {
            self.wire.rest().await
        };
        Some(answer)
    }
}

/// One request over a connection of its own. The bytes are sent as they are.
pub async fn request(address: SocketAddr, bytes: impl AsRef<[u8]>) -> Answer {
    let mut client = Client::connect(address).await;
    client.send(bytes).await;
    client.answer().await.expect("an answer")
}

/// GET of a target, with `Host: any.example`.
pub async fn get(address: SocketAddr, target: &str) -> Answer {
    request(address, format!("GET {target} HTTP/1.1\r\nHost: any.example\r\n\r\n")).await
}

/// The bytes of a connection, with what was read ahead.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    ahead: Vec<u8>,
}

type Head = (String, Vec<(String, Vec<u8>)>);

/// Every method that reads gives `None` where the connection ends before it is done.
impl Wire {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { stream, ahead: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// The first line, and the headers with their names in lower case.
    pub(crate) async fn head(&mut self) -> Option<Head> {
        let first = String::from_utf8(self.line().await?).expect("a first line of UTF-8");
        let mut headers = Vec::new();
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                return Some((first, headers));
            }
            let colon = line.iter().position(|b| *b == b':').expect("a header with a colon");
            let (name, value) = line.split_at(colon);
            let name = String::from_utf8_lossy(name).to_ascii_lowercase();
            // All that is left out is the one space that writers put after the colon.
            let value = value.strip_prefix(b": ").unwrap_or_else(|| value.split_at(1).1);
            headers.push((name, value.to_vec()));
        }
    }

    pub(crate) async fn take(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.ahead.len() < length {
            self.more().await?;
        }
        Some(self.ahead.drain(..length).collect())
    }

    /// A body in chunks, without the chunking.
    pub(crate) async fn chunks(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let size = String::from_utf8(self.line().await?).expect("a chunk's size");
            let size = usize::from_str_radix(&size, 16).expect("a chunk's size");
            body.extend(self.take(size).await?);
            let end = self.take(2).await?;
            assert_eq!(end, b"\r\n", "a chunk is longer than it says, or trailers came through");
            if size == 0 {
                return Some(body);
            }
        }
    }

    /// Everything until the other side closes.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        while self.more().await.is_some() {}
        std::mem::take(&mut self.ahead)
    }

    async fn line(&mut self) -> Option<Vec<u8>> {
        let mut searched = 0;
        loop {
            let unsearched = self.ahead.get(searched..).unwrap_or_default();
            if let Some(at) = unsearched.windows(2).position(|pair| pair == b"\r\n") {
                let mut line: Vec<u8> = self.ahead.drain(..searched + at + 2).collect();
                line.truncate(searched + at);
                return Some(line);
            }
            searched = self.ahead.len().saturating_sub(1);
            self.more().await?;
        }
    }

    async fn more(&mut self) -> Option<()> {
        match self.stream.read_buf(&mut self.ahead).await {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(()),
        }
    }
}
