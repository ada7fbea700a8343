//! The status listener: `/live`, `/ready`, `/metrics`, over HTTP in clear.

use std::future::Future;
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

#[derive(Debug)]
pub(crate) struct StatusPage {
    pub(crate) registry: Registry,
    pub(crate) stopping: watch::Receiver<bool>,
}

pub(crate) async fn serve(
    page: StatusPage,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    let routes = Router::new()
        .route("/live", get(async || "live\n"))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(Arc::new(page));
    if let Err(error) = axum::serve(listener, routes).with_graceful_shutdown(stop).await {
        tracing::error!(%error, "the status listener failed");
    }
}

/// A control plane that serves has read its log; it is ready until it begins to stop.
async fn ready(State(page): State<Arc<StatusPage>>) -> (StatusCode, &'static str) {
    if *page.stopping.borrow() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    (StatusCode::OK, "ready\n")
}

async fn metrics(State(page): State<Arc<StatusPage>>) -> Response {
    let mut text = String::new();
    if encode(&mut text, &page.registry).is_err() {
        return (StatusCode::INTERNAL_SERVER_ERROR, "metrics could not be written\n")
            .into_response();
    }
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
        .into_response()
}
