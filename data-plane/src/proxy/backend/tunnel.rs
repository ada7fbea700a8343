//! A connection to a backend that has switched to another protocol: bytes both ways, the first of
//! them those that came right behind the backend's 101. It never looks at them.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Buf;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::target::Lease;
use crate::table::Permit;

/// Counts as a request under way as long as it is there; dropped, the connection is closed.
#[derive(Debug)]
pub(in crate::proxy) struct Tunnel {
    lease: Lease,
    _permit: Option<Permit>,
}

impl Tunnel {
    pub(super) fn new(lease: Lease, permit: Option<Permit>) -> Self {
        Self { lease, _permit: permit }
    }
}

impl AsyncRead for Tunnel {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let connection = &mut self.lease.connection;
        let here = &mut connection.incoming;
        if here.is_empty() {
            return Pin::new(&mut connection.stream).poll_read(cx, into);
        }
        let bytes = here.len().min(into.remaining());
        into.put_slice(here.get(..bytes).unwrap_or_default());
        here.advance(bytes);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.lease.connection.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.lease.connection.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.lease.connection.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use countersign_shared::api;
    use http::{Request, StatusCode};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::super::{Pool, Terms, exchange};
    use crate::clock;
    use crate::proxy::body::OutboundBody;
    use crate::proxy::ours::Ours;
    use crate::proxy::upstream::{Upstream, UpstreamSettings};
    use crate::table::Place;

    const ANSWER: &[u8] =
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nfirst";

    #[tokio::test]
    async fn what_follows_the_101_comes_out_and_what_is_written_arrives() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let backend = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut seen = Vec::new();
            while !seen.ends_with(b"\r\n\r\n") {
                stream.read_buf(&mut seen).await.unwrap();
            }
            stream.write_all(ANSWER).await.unwrap();
            let mut hello = [0; 5];
            stream.read_exact(&mut hello).await.unwrap();
            seen.extend_from_slice(&hello);
            stream.write_all(b", last").await.unwrap();
            String::from_utf8(seen).unwrap()
        });
        let api = api::Backend::of(vec![api::BackendTarget::parse(&address).unwrap()]);
        let place = Place::new(&api.targets[0], &api).unwrap();
        let head = Request::get("/chat").body(()).unwrap().into_parts().0;
        let pool = Pool::new(Arc::new(Upstream::new(UpstreamSettings::default())));
        let ours = Ours::to(&place.host);
        let terms = Terms { ours: &ours, upgrade: true, patience: Duration::from_secs(10) };
        let body = OutboundBody::Empty;
        let exchanged = exchange(&pool, &place, &head, body, terms, clock::now);
        let answer = exchanged.await.unwrap();
        assert_eq!(answer.status, StatusCode::SWITCHING_PROTOCOLS);
        let mut tunnel = answer.body.into_tunnel().unwrap();
        let mut here = [0; 5];
        tunnel.read_exact(&mut here).await.unwrap();
        assert_eq!(&here, b"first");
        tunnel.write_all(b"hello").await.unwrap();
        let mut rest = Vec::new();
        tunnel.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b", last");
        let asked = format!(
            "GET /chat HTTP/1.1\r\nhost: {address}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\nhello"
        );
        assert_eq!(backend.await.unwrap(), asked);
    }
}
