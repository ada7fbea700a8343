//! The console's listener: its pages, and beside them the services that operators call, in
//! gRPC-Web. The nodes' service is not there.

use std::future::{Future, Ready, ready};
use std::task::{Context, Poll};
use std::time::Duration;

use countersign_console::guard::{is_loopback, is_same_origin};
use countersign_transport::{Incoming, Peer};
use futures_util::future::Either;
use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, Method, Request, Response, StatusCode, header};
use tonic::transport::Server;
use tonic_web::GrpcWebLayer;
use tower_layer::Layer;
use tower_service::Service;

use super::Api;
use super::forward::Forward;
use super::fresh::Fresh;
use super::guard::Guard;
use super::server::{ServeError, management};

/// Streams that one browser's connection may have open.
const STREAMS_PER_CONNECTION_MAX: u32 = 256;
const PING_INTERVAL: Duration = Duration::from_secs(15);
const PING_WAIT: Duration = Duration::from_secs(10);

/// Serves until `stop` is there, then lets calls that are under way finish.
pub async fn serve_console(
    api: Api,
    incoming: Incoming,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    Server::builder()
        .accept_http1(true)
        .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
        .http2_keepalive_interval(Some(PING_INTERVAL))
        .http2_keepalive_timeout(Some(PING_WAIT))
        .layer(Front)
        .layer(GrpcWebLayer::new())
        .layer(Forward(api.clone()))
        .layer(Guard(api.clone()))
        .layer(Fresh(api.clone()))
        .add_routes(management(api))
        .serve_with_incoming_shutdown(incoming.connections(), stop)
        .await?;
    Ok(())
}

/// Answers what asks for a page, and lets through what calls a service from one.
#[derive(Debug, Clone, Copy)]
struct Front;

impl<S> Layer<S> for Front {
    type Service = Fronted<S>;

    fn layer(&self, inner: S) -> Fronted<S> {
        Fronted { inner }
    }
}

#[derive(Debug, Clone)]
struct Fronted<S> {
    inner: S,
}

impl<S> Service<Request<Body>> for Fronted<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Either<Ready<Result<Response<Body>, S::Error>>, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let answer = match class(&request) {
            Class::Call => return Either::Right(self.inner.call(request)),
            Class::Page => countersign_console::answer(
                request.method(),
                request.uri().path(),
                request.headers(),
            )
            .map(|bytes| Body::new(http_body_util::Full::new(bytes))),
            Class::Foreign => forbidden(),
        };
        Either::Left(ready(Ok(answer)))
    }
}

enum Class {
    Page,
    Call,
    /// By a page of another origin, or under another name than ours.
    Foreign,
}

fn class(request: &Request<Body>) -> Class {
    let (headers, uri) = (request.headers(), request.uri());
    let in_clear = Peer::of(request.extensions()).is_none_or(|peer| !peer.over_tls);
    if in_clear && !is_loopback(headers, uri) {
        return Class::Foreign;
    }
    match () {
        () if request.method() != Method::POST || !is_grpc_web(headers) => Class::Page,
        () if is_same_origin(headers, uri) => Class::Call,
        () => Class::Foreign,
    }
}

fn is_grpc_web(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.is_some_and(|value| value.starts_with("application/grpc-web"))
}

fn forbidden() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::FORBIDDEN;
    countersign_console::protect(response.headers_mut());
    response
}
