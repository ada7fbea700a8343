//! The verifier as a tower layer.

use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use crate::body::VerifiedBody;
use crate::clock;
use crate::keys::Keys;
use crate::verifier::Verifier;

/// Lets only verified requests through to a service. The others are answered with 401, or 413
/// where the body is too large, and the reason as JSON.
#[derive(Clone, Debug)]
pub struct VerifyLayer(Arc<Verifier>);

impl VerifyLayer {
    /// With the defaults.
    pub fn new(keys: impl Keys) -> Self {
        Verifier::new(keys).into()
    }
}

impl From<Verifier> for VerifyLayer {
    fn from(verifier: Verifier) -> Self {
        Self(Arc::new(verifier))
    }
}

impl<S> Layer<S> for VerifyLayer {
    type Service = Verify<S>;

    fn layer(&self, inner: S) -> Verify<S> {
        Verify { verifier: Arc::clone(&self.0), inner }
    }
}

/// A service behind the verifier.
#[derive(Clone, Debug)]
pub struct Verify<S> {
    verifier: Arc<Verifier>,
    inner: S,
}

impl<S, B, R> Service<Request<B>> for Verify<S>
where
    S: Service<Request<VerifiedBody<B>>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Display + Send,
    R: From<String>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let verifier = Arc::clone(&self.verifier);
        // What was made ready is called; its clone stays behind.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            let (mut head, body) = request.into_parts();
            match verifier.verify(&head, body, clock::now()).await {
                Ok((verified, body)) => {
                    head.extensions.insert(verified);
                    inner.call(Request::from_parts(head, body)).await
                }
                Err(rejected) => Ok(rejected.answer()),
            }
        })
    }
}
