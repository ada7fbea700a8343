//! What a call stands on, and its end: an answer that goes on after the certificate or token that
//! it was asked with has expired or was revoked is ended with UNAUTHENTICATED.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use tonic::body::Body;
use tonic::codegen::http::HeaderMap;
use tonic::{Code, Status};

use super::Api;
use super::principal::By;
use super::status::status;
use crate::admission::OpenCall;
use crate::clock;
use crate::engine::EngineHandle;

/// The longest time that is waited for at once.
const SLEEP_MS_MAX: i64 = 24 * 3600 * 1000;

/// By what a call was let in, and its place among those that are open.
#[derive(Debug)]
pub(super) struct Standing {
    by: By,
    _open: Option<OpenCall>,
}

impl Standing {
    pub(super) fn of_machine(expires_ms: i64) -> Self {
        Self { by: By::Certificate { expires_ms }, _open: None }
    }

    pub(super) fn of_operator(by: By, open: OpenCall) -> Self {
        Self { by, _open: Some(open) }
    }
}

/// An answer that ends when what it stands on does.
pub(super) struct Lapsing {
    inner: Body,
    lapse: Pin<Box<dyn Future<Output = Status> + Send>>,
    is_over: bool,
    _standing: Standing,
}

impl Lapsing {
    pub(super) fn new(inner: Body, standing: Standing, api: &Api) -> Self {
        let lapse = Box::pin(lapse(standing.by, api.engine.clone()));
        Self { inner, lapse, is_over: false, _standing: standing }
    }
}

impl http_body::Body for Lapsing {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if this.is_over {
            return Poll::Ready(None);
        }
        if let Poll::Ready(status) = this.lapse.as_mut().poll(cx) {
            this.is_over = true;
            let mut trailers = HeaderMap::new();
            status.add_header(&mut trailers)?;
            return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
        }
        Pin::new(&mut this.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.is_over || self.inner.is_end_stream()
    }
}

async fn lapse(by: By, engine: EngineHandle) -> Status {
    match by {
        By::Certificate { expires_ms } => {
            until(expires_ms).await;
            let message = "the certificate has expired: connect with the next one. A node that could not \
                           renew it needs another token, from `countersign node token create`";
            status(Code::Unauthenticated, "CERTIFICATE_EXPIRED", message, [])
        }
        By::Token { id, expires_ms } => {
            let mut revision = engine.revision();
            let revoked = async {
                while engine.view().state.access().tokens().contains_key(&id) {
                    if revision.changed().await.is_err() {
                        std::future::pending::<()>().await;
                    }
                }
            };
            tokio::select! {
                () = until(expires_ms) => {
                    let message = format!("token {id} has expired: ask an admin for another");
                    status(Code::Unauthenticated, "TOKEN_EXPIRED", message, [])
                }
                () = revoked => {
                    let message = format!("token {id} was revoked");
                    status(Code::Unauthenticated, "BAD_TOKEN", message, [])
                }
            }
        }
    }
}

/// Looks at the clock again after each sleep, for it may have been set.
async fn until(ms: i64) {
    loop {
        let left = ms.saturating_sub(clock::now_ms()).min(SLEEP_MS_MAX);
        let Ok(left @ 0..) = u64::try_from(left) else { return };
        tokio::time::sleep(Duration::from_millis(left + 1)).await;
    }
}
