//! A relay's status listener: `/live`, `/ready`, `/metrics`. It changes nothing.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::meters::Meters;

const METRICS_CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Debug)]
pub(super) struct Status {
    pub(super) registry: Registry,
    pub(super) meters: Arc<Meters>,
    /// 0 before the first snapshot.
    pub(super) revision: watch::Receiver<u64>,
    pub(super) stopping: watch::Receiver<bool>,
}

/// Serves until it is dropped.
pub(super) async fn serve(listener: TcpListener, status: Status) -> std::io::Result<()> {
    let router = Router::new()
        .route("/live", get("live\n"))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(Arc::new(status));
    axum::serve(listener, router).await
}

/// Ready from the first snapshot on, whatever becomes of the stream.
async fn ready(State(status): State<Arc<Status>>) -> (StatusCode, String) {
    let trouble = status.meters.trouble().map(|what| format!("{what}\n")).unwrap_or_default();
    if *status.stopping.borrow() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n".to_owned());
    }
    match *status.revision.borrow() {
        0 => {
            let told = format!("waiting for the first complete snapshot\n{trouble}");
            (StatusCode::SERVICE_UNAVAILABLE, told)
        }
        _ if trouble.is_empty() => (StatusCode::OK, "ready\n".to_owned()),
        revision => (StatusCode::OK, format!("ready\n{trouble}serving revision {revision}\n")),
    }
}

async fn metrics(State(status): State<Arc<Status>>) -> Response {
    let mut text = String::new();
    match encode(&mut text, &status.registry) {
        Ok(()) => ([(header::CONTENT_TYPE, METRICS_CONTENT_TYPE)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
