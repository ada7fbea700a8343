//! The status listener: `/live`, `/ready`, `/metrics` and `/routes`. It reads what others have
//! done and changes nothing.

mod routes;

use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::proxy::{Phase, Shared};
use crate::telemetry::{self, Telemetry};
use routes::Wanted;

const NO_CONFIGURATION: &str =
    "no configuration: waiting for the first complete snapshot from the control plane\n";
const METRICS_CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the listener tells of.
#[derive(Debug, Clone)]
pub(crate) struct Status {
    pub(crate) shared: Arc<Shared>,
    pub(crate) telemetry: Arc<Telemetry>,
    pub(crate) phase: watch::Receiver<Phase>,
}

/// Serves until it is dropped.
pub(crate) async fn serve(listener: TcpListener, status: Status) -> std::io::Result<()> {
    let router = Router::new()
        .route("/live", get("live\n"))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .route("/routes", get(list_routes))
        .with_state(status);
    axum::serve(listener, router).await
}

async fn ready(State(status): State<Status>) -> Response {
    if *status.phase.borrow() != Phase::Serving {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining: this node is being shut down\n")
            .into_response();
    }
    let trouble = status.telemetry.sync.trouble().map(|what| format!("{what}\n"));
    let trouble = trouble.unwrap_or_default();
    match &*status.shared.table.load() {
        None => {
            let cache = status.telemetry.sync.refused_cache().map(|why| format!("{why}\n"));
            let told = format!("{NO_CONFIGURATION}{}{trouble}", cache.unwrap_or_default());
            (StatusCode::SERVICE_UNAVAILABLE, told).into_response()
        }
        Some(table) if !trouble.is_empty() => {
            format!("ready\n{trouble}signing with revision {}\n", table.revision).into_response()
        }
        Some(_) => "ready\n".into_response(),
    }
}

async fn metrics(State(status): State<Status>) -> Response {
    match telemetry::scrape(&status.telemetry) {
        Ok(text) => ([(header::CONTENT_TYPE, METRICS_CONTENT_TYPE)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn list_routes(State(status): State<Status>, RawQuery(query): RawQuery) -> Response {
    let wanted = match Wanted::parse(query.as_deref().unwrap_or_default()) {
        Ok(wanted) => wanted,
        Err(reason) => return (StatusCode::BAD_REQUEST, format!("{reason}\n")).into_response(),
    };
    let Some(table) = status.shared.table.load_full() else {
        return (StatusCode::SERVICE_UNAVAILABLE, NO_CONFIGURATION).into_response();
    };
    match serde_json::to_string(&wanted.page(&table)) {
        Ok(json) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
