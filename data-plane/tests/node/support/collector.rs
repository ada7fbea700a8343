//! A collector of traces: takes what comes by OTLP and hands it to the test.

use std::collections::HashMap;
use std::net::SocketAddr;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

use super::soon;

pub(crate) struct Collector {
    address: SocketAddr,
    received: mpsc::Receiver<ExportTraceServiceRequest>,
    server: tokio::task::JoinHandle<()>,
}

struct Service(mpsc::Sender<ExportTraceServiceRequest>);

#[tonic::async_trait]
impl TraceService for Service {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.send(request.into_inner()).await.unwrap();
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(super::local()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, received) = mpsc::channel(16);
        let server = tokio::spawn(async move {
            tonic::transport::Server::builder()
                .add_service(TraceServiceServer::new(Service(sender)))
                .serve_with_incoming(TcpListenerStream::new(listener))
                .await
                .unwrap();
        });
        Self { address, received, server }
    }

    pub(crate) fn uri(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next batch.
    pub(crate) async fn batch(&mut self) -> ExportTraceServiceRequest {
        soon("a batch of spans", self.received.recv()).await.unwrap()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.server.abort();
    }
}

pub(crate) fn spans(batch: &ExportTraceServiceRequest) -> Vec<Span> {
    let scopes = batch.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    scopes.flat_map(|scope| scope.spans.clone()).collect()
}

/// Texts and numbers as texts.
pub(crate) fn attributes(span: &Span) -> HashMap<String, String> {
    let text = |value: &Value| match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    let attributes = span.attributes.iter();
    let value = |value: &opentelemetry_proto::tonic::common::v1::AnyValue| {
        value.value.as_ref().map(text).unwrap_or_default()
    };
    attributes
        .map(|pair| (pair.key.clone(), pair.value.as_ref().map(value).unwrap_or_default()))
        .collect()
}
