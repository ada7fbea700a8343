//! What an answer that goes on stands on, and its end: with `UNAUTHENTICATED` when the certificate or
//! token that it was asked with has expired or was revoked, with `PERMISSION_DENIED` when the grants are
//! gone that allowed it.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use countersign_shared::access::{Right, Target};
use countersign_shared::text::Actor;
use http_body::Frame;
use tonic::body::Body;
use tonic::codegen::http::HeaderMap;
use tonic::{Code, Status};

use super::Api;
use super::guard::not_permitted;
use super::principal::By;
use super::status::status;
use crate::admission::OpenCall;
use crate::engine::EngineHandle;

/// The longest time that is waited for at once.
const SLEEP_MS_MAX: i64 = 24 * 3600 * 1000;

/// By what a call was let in, and its place among those that are open.
#[derive(Debug)]
pub(super) struct Standing {
    by: By,
    permit: Option<Permit>,
    _open: OpenCall,
}

/// What some grant has to allow.
#[derive(Debug, Clone)]
pub(super) struct Permit {
    pub(super) operator: Actor,
    pub(super) right: Right,
    pub(super) scope: Target,
}

impl Standing {
    pub(super) fn new(by: By, permit: Option<Permit>, open: OpenCall) -> Self {
        Self { by, permit, _open: open }
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
        let lapse = Box::pin(lapse(api.clone(), standing.by, standing.permit.clone()));
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

async fn lapse(api: Api, by: By, permit: Option<Permit>) -> Status {
    tokio::select! {
        status = expired(by, api.now_ms) => status,
        status = revoked(by, permit, &api.engine) => status,
    }
}

async fn expired(by: By, now_ms: fn() -> i64) -> Status {
    let (reason, message) = match by {
        By::Certificate { expires_ms } => {
            until(expires_ms, now_ms).await;
            let message = "the certificate has expired: connect with the next one. A node that could not \
                           renew it needs another token, from `countersign node token create`";
            ("CERTIFICATE_EXPIRED", message.to_owned())
        }
        By::Token { id, expires_ms } => {
            until(expires_ms, now_ms).await;
            ("TOKEN_EXPIRED", format!("token {id} has expired: ask an admin for another"))
        }
    };
    status(Code::Unauthenticated, reason, message, [])
}

/// Looks again with each change of the log.
async fn revoked(by: By, permit: Option<Permit>, engine: &EngineHandle) -> Status {
    let mut revision = engine.revision();
    loop {
        let view = engine.view();
        let access = view.state.access();
        if let By::Token { id, .. } = by
            && !access.tokens().contains_key(&id)
        {
            return status(
                Code::Unauthenticated,
                "BAD_TOKEN",
                format!("token {id} was revoked"),
                [],
            );
        }
        if let Some(Permit { operator, right, scope }) = &permit
            && !access.allows(operator, *right, *scope)
        {
            return not_permitted(operator, *right, *scope);
        }
        drop(view);
        if revision.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Looks at the clock again after each sleep, for it may have been set.
async fn until(ms: i64, now_ms: fn() -> i64) {
    loop {
        let left = ms.saturating_sub(now_ms()).min(SLEEP_MS_MAX);
        let Ok(left @ 0..) = u64::try_from(left) else { return };
        tokio::time::sleep(Duration::from_millis(left + 1)).await;
    }
}
