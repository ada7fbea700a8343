//! A backend that speaks HTTP/2 only, echoes what it gets and ends with trailers, as gRPC does.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::stream;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

#[derive(Default)]
struct Noted {
    heads: Mutex<Vec<Parts>>,
    connections: AtomicUsize,
}

pub(crate) struct Http2Backend {
    address: SocketAddr,
    noted: Arc<Noted>,
    server: tokio::task::JoinHandle<()>,
}

impl Http2Backend {
    /// In clear, or over TLS. A connection carries so many requests at a time.
    pub(crate) async fn start(tls: Option<Arc<ServerConfig>>, streams_max: u32) -> Self {
        let listener = TcpListener::bind(super::local()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let noted = Arc::<Noted>::default();
        let noting = Arc::clone(&noted);
        let server = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                noting.connections.fetch_add(1, SeqCst);
                let (noted, tls) = (Arc::clone(&noting), tls.clone());
                tokio::spawn(async move {
                    match tls.map(TlsAcceptor::from) {
                        None => serve(stream, streams_max, noted).await,
                        Some(tls) => {
                            let stream = tls.accept(stream).await.unwrap();
                            serve(stream, streams_max, noted).await;
                        }
                    }
                });
            }
        });
        Self { address, noted, server }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn heads(&self) -> Vec<Parts> {
        self.noted.heads.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.noted.connections.load(SeqCst)
    }
}

impl Drop for Http2Backend {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    streams_max: u32,
    noted: Arc<Noted>,
) {
    let service = service_fn(move |request| {
        let noted = Arc::clone(&noted);
        async move { Ok::<_, Infallible>(answer(request, &noted).await) }
    });
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.max_concurrent_streams(streams_max);
    // It ends with the node's connection, in whichever way.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

type Frames = stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>;

async fn answer(request: Request<Incoming>, noted: &Noted) -> Response<StreamBody<Frames>> {
    let (head, body) = request.into_parts();
    let kind = head.headers.get("content-type").cloned();
    noted.heads.lock().unwrap().push(head);
    let body = body.collect().await.unwrap().to_bytes();
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let frames = vec![Ok(Frame::data(body)), Ok(Frame::trailers(trailers))];
    let mut response = Response::new(StreamBody::new(stream::iter(frames)));
    if let Some(kind) = kind {
        response.headers_mut().insert("content-type", kind);
    }
    response
}
