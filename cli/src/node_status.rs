//! Asks a node's status listener. It asks one question per connection and sends nothing but a path.

use std::time::Duration;

use http::Uri;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::failure::Failure;

/// A page of a thousand routes with many targets stays far below this.
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);
const HEADERS_MAX: usize = 32;

/// A status listener, by its URL.
#[derive(Debug)]
pub(crate) struct NodeStatus {
    authority: String,
}

impl NodeStatus {
    pub(crate) fn at(url: &str) -> Result<Self, Failure> {
        let uri = url.parse::<Uri>().ok().filter(|uri| uri.scheme_str() == Some("http"));
        let authority = uri.as_ref().and_then(Uri::authority).map(|authority| {
            let port = authority.port_u16().unwrap_or(80);
            format!("{}:{port}", authority.host())
        });
        let authority = authority.ok_or_else(|| {
            Failure::usage(format!("node status `{url}`: such as http://127.0.0.1:8081 is needed"))
        })?;
        Ok(Self { authority })
    }

    /// What a path answers, which is JSON.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let failed = |reason: String| {
            let what = format!("the node's status at {}: {reason}", self.authority);
            Failure::failed(what).advise("name the node's --status-listen with --node-status")
        };
        let asking = timeout(ANSWER_TIME_MAX, self.ask(path));
        let answer = asking.await.map_err(|_| failed("no answer in time".to_owned()))?;
        let answer = answer.map_err(|error| failed(error.to_string()))?;
        let (status, body) = parse(&answer).ok_or_else(|| failed("not HTTP".to_owned()))?;
        if status != 200 {
            let said = String::from_utf8_lossy(body);
            return Err(failed(format!("it answers {status}: {}", said.trim_end())));
        }
        serde_json::from_slice(body).map_err(|error| failed(error.to_string()))
    }

    /// In HTTP/1.0, so that the answer is whatever comes until the connection is closed.
    async fn ask(&self, path: &str) -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(&self.authority).await?;
        let request = format!("GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.authority);
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
        Ok(answer)
    }
}

fn parse(answer: &[u8]) -> Option<(u16, &[u8])> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Response::new(&mut headers);
    match head.parse(answer) {
        Ok(httparse::Status::Complete(length)) => Some((head.code?, answer.get(length..)?)),
        _ => None,
    }
}
