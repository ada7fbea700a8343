//! Traces: which requests are traced, what W3C Trace Context says of them before and after, and what
//! a span tells. Without a collector nothing of this is touched.

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _,
    TraceFlags, TraceId, TraceState, Tracer as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SdkTracer, Span as SdkSpan};

use super::access::Outcome;
use super::turns::Turns;
use crate::clock;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
/// `00-` and 32, 16 and 2 hex digits, with `-` between them.
const TRACEPARENT_BYTES: usize = 55;

/// What the workers of a node trace.
#[derive(Debug, Clone)]
pub struct Tracing {
    pub(crate) tracer: SdkTracer,
    /// Of the requests without a parent, every so-many-th of a worker; 0: none.
    pub(crate) every: u32,
}

/// A worker's.
pub(super) struct Tracer {
    tracer: Option<SdkTracer>,
    turns: Turns,
}

/// A traced request. Dropped without an end it ends then.
pub(super) struct Span {
    span: Box<SdkSpan>,
    has_parent: bool,
}

impl Tracer {
    pub(super) fn new(tracing: Option<&Tracing>) -> Self {
        Self {
            tracer: tracing.map(|tracing| tracing.tracer.clone()),
            turns: Turns::every(tracing.map_or(0, |tracing| tracing.every)),
        }
    }

    /// A span, where the request's parent is sampled, or it has none and it is its turn.
    pub(super) fn begin(&self, head: &Parts) -> Option<Span> {
        let tracer = self.tracer.as_ref()?;
        let parent = parent(&head.headers);
        let is_traced = match &parent {
            Some(parent) => parent.is_sampled(),
            None => self.turns.is_next(),
        };
        if !is_traced {
            return None;
        }
        let has_parent = parent.is_some();
        let context = match parent {
            Some(parent) => Context::new().with_remote_span_context(parent),
            None => Context::new(),
        };
        let builder = SpanBuilder::from_name(head.method.as_str().to_owned())
            .with_kind(SpanKind::Server)
            .with_start_time(clock::wall());
        Some(Span { span: Box::new(tracer.build_with_context(builder, &context)), has_parent })
    }
}

impl Span {
    pub(super) fn trace_id(&self) -> TraceId {
        self.span.span_context().trace_id()
    }

    /// The backend's parent is this span. What came in `tracestate` goes on with its trace only.
    pub(super) fn trace_on(&self, headers: &mut HeaderMap) {
        let context = self.span.span_context();
        let text = format!("00-{}-{}-01", context.trace_id(), context.span_id());
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(TRACEPARENT, value);
        }
        if !self.has_parent {
            headers.remove(TRACESTATE);
        }
    }

    pub(super) fn end(
        mut self,
        method: &Method,
        route: Option<&str>,
        backend: Option<&str>,
        outcome: &Outcome,
    ) {
        let span = &mut self.span;
        if let Some(route) = route {
            span.update_name(format!("{method} {route}"));
            span.set_attribute(KeyValue::new("http.route", route.to_owned()));
        }
        if let Some(backend) = backend {
            span.set_attribute(KeyValue::new("countersign.backend", backend.to_owned()));
        }
        span.set_attributes([
            KeyValue::new("http.request.method", method.as_str().to_owned()),
            KeyValue::new("http.response.status_code", i64::from(outcome.status)),
            KeyValue::new("countersign.route", outcome.class.name()),
            KeyValue::new("countersign.tries", i64::from(outcome.tries)),
            KeyValue::new("countersign.request_id", outcome.request_id.clone()),
        ]);
        if !outcome.refusal.is_empty() {
            span.set_attribute(KeyValue::new("countersign.refusal", outcome.refusal));
        }
        if outcome.status == 0 || outcome.status >= 500 {
            span.set_status(Status::error(outcome.refusal));
        }
        span.end_with_timestamp(clock::wall());
    }
}

/// The span that the request says is its parent; none where it does not say so in exactly one way.
fn parent(headers: &HeaderMap) -> Option<SpanContext> {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let text = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let (version, _) = text.split_once('-')?;
    let known = text.get(..TRACEPARENT_BYTES)?;
    let rest = text.get(TRACEPARENT_BYTES..)?;
    // A later version may say more behind what is known today.
    let is_whole = rest.is_empty() || (version != "00" && rest.starts_with('-'));
    let mut parts = known.split('-');
    let (version, trace, span, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_well_formed = is_hex(version, 2)
        && version != "ff"
        && is_hex(trace, 32)
        && is_hex(span, 16)
        && is_hex(flags, 2);
    if !is_well_formed || !is_whole {
        return None;
    }
    let state = headers.get(TRACESTATE).and_then(|state| state.to_str().ok()?.parse().ok());
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        TraceFlags::new(u8::from_str_radix(flags, 16).ok()?),
        true,
        state.unwrap_or_else(TraceState::default),
    );
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn parent_of(values: &[&str]) -> Option<(String, bool)> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(TRACEPARENT, HeaderValue::from_str(value).unwrap());
        }
        parent(&headers).map(|parent| (parent.span_id().to_string(), parent.is_sampled()))
    }

    #[test]
    fn a_parent_is_what_trace_context_says_it_is() {
        let of = |sampled| Some(("00f067aa0ba902b7".to_owned(), sampled));
        assert_eq!(parent_of(&[SAMPLED]), of(true));
        assert_eq!(parent_of(&[&SAMPLED.replace("-01", "-00")]), of(false));
        assert_eq!(parent_of(&[&SAMPLED.replacen("00", "cc", 1)]), of(true));
        assert_eq!(parent_of(&[&format!("{}-more", SAMPLED.replacen("00", "cc", 1))]), of(true));
        for none in [
            &[][..],
            &[SAMPLED, SAMPLED],
            &[&format!("{SAMPLED}-more")],
            &[&SAMPLED.replacen("00", "ff", 1)],
            &[&SAMPLED.to_uppercase()],
            &["00-00000000000000000000000000000000-00f067aa0ba902b7-01"],
            &["00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"],
            &["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"],
            &["é"],
            &[""],
        ] {
            assert_eq!(parent_of(none), None, "{none:?}");
        }
    }
}
