//! Where finished spans go: to a collector, by OTLP over gRPC, in batches from a thread of its own.
//! The queue has an end, and what finds it full is dropped, for a slow collector must not slow a
//! request. It decides nothing about what is traced.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider,
};
use tracing::warn;

const SPANS_QUEUED_MAX: usize = 4096;
const BATCH_SPANS_MAX: usize = 512;
/// A batch is sent when it is full, or so old.
const BATCH_INTERVAL: Duration = Duration::from_secs(1);
const EXPORT_TIME_MAX: Duration = Duration::from_secs(5);
const LAST_EXPORT_TIME_MAX: Duration = Duration::from_secs(3);

#[derive(Debug)]
pub(crate) struct Traces(SdkTracerProvider);

impl Traces {
    /// To a collector such as `http://127.0.0.1:4317`. It is connected to when there is something to
    /// send, and again whenever it was gone. Must be called within a runtime that lives as long.
    pub(crate) fn to(endpoint: &str, node: &str) -> Result<Self, ExporterBuildError> {
        let exporter = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint)
            .with_timeout(EXPORT_TIME_MAX)
            .build()?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(SPANS_QUEUED_MAX)
            .with_max_export_batch_size(BATCH_SPANS_MAX)
            .with_scheduled_delay(BATCH_INTERVAL)
            .build();
        let resource = Resource::builder_empty()
            .with_service_name("countersign-node")
            .with_attribute(KeyValue::new("service.instance.id", node.to_owned()))
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(
                BatchSpanProcessor::builder(exporter).with_batch_config(batches).build(),
            )
            // Whether a request is traced is decided before it has a span.
            .with_sampler(Sampler::AlwaysOn)
            .with_resource(resource)
            .build();
        Ok(Self(provider))
    }

    pub(crate) fn tracer(&self) -> SdkTracer {
        self.0.tracer("countersign")
    }

    /// Sends what is left.
    pub(crate) async fn finish(self) {
        let finishing = move || self.0.shutdown_with_timeout(LAST_EXPORT_TIME_MAX);
        match tokio::task::spawn_blocking(finishing).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(%error, "the last spans were not sent"),
            Err(error) => warn!(%error, "the last spans were not sent"),
        }
    }
}
