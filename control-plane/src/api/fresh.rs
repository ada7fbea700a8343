//! A read that asks to be fresh is answered by a state that has all that was acknowledged, by whichever
//! replica, before the read came. What is read otherwise is as new as the replica is, and says how new.

use std::pin::Pin;
use std::task::{Context, Poll};

use tonic::body::Body;
use tonic::codegen::http::{HeaderName, Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::{Api, status};

/// What a call says that wants to be answered so; whatever its value.
const FRESH: HeaderName = HeaderName::from_static("countersign-fresh");

#[derive(Debug, Clone)]
pub(super) struct Fresh(pub(super) Api);

impl<S> Layer<S> for Fresh {
    type Service = Freshened<S>;

    fn layer(&self, inner: S) -> Freshened<S> {
        Freshened { inner, api: self.0.clone() }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Freshened<S> {
    inner: S,
    api: Api,
}

impl<S> Service<Request<Body>> for Freshened<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if !request.headers().contains_key(FRESH) {
            return Box::pin(self.inner.call(request));
        }
        // The one that is ready is used; its clone is made ready for the next call.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let engine = self.api.engine.clone();
        Box::pin(async move {
            match engine.follow(true).await {
                Ok(()) => inner.call(request).await,
                Err(error) => Ok(status::of_execute(error).into_http()),
            }
        })
    }
}
