//! Spans as OpenTelemetry's SDK knows them, and its OTLP exporters.

use std::collections::HashMap;
use std::time::Duration;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Uri};
use hyper_rustls::HttpsConnectorBuilder;
use opentelemetry::trace::{
    SpanContext, SpanId as OtelSpanId, Status, TraceFlags, TraceId as OtelTraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_otlp::tonic_types::metadata::MetadataMap;
use opentelemetry_otlp::{
    ExporterBuildError, Protocol, SpanExporter, WithExportConfig, WithHttpConfig, WithTonicConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::export::RequestSpans;
use super::id::SpanId;
use super::span::Span;
use crate::telemetry::config::{OtlpEndpoint, OtlpProtocol, TelemetryConfig};
use crate::telemetry::names::spans::{SCOPE, attr};

/// Why no exporter could be made.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The system's certificate authorities cannot be read.
    #[error("the system's certificate authorities cannot be read: {0}")]
    Roots(std::io::Error),
    /// The exporter refuses its settings.
    #[error(transparent)]
    Exporter(#[from] ExporterBuildError),
}

/// A collector, and what it is told. Equal targets need no new exporter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Where it is.
    pub endpoint: OtlpEndpoint,
    /// An export may take so long, repetitions included.
    pub timeout: Duration,
    /// Spans that wait for it at most.
    pub queue: usize,
    protocol: OtlpProtocol,
    headers: HeaderMap,
    service_name: String,
}

impl Target {
    /// The collector that the configuration names, if it does.
    pub fn of(config: &TelemetryConfig) -> Option<Target> {
        let otlp = config.traces.otlp.as_ref()?;
        Some(Target {
            endpoint: otlp.endpoint.as_deref()?.clone(),
            timeout: otlp.timeout.get(),
            queue: config.traces.queue.get(),
            protocol: otlp.protocol,
            headers: otlp.headers.iter().map(|(name, value)| (name.get().clone(), value.get())).collect(),
            service_name: config.service_name.clone(),
        })
    }
}

/// A client for this collector. Connects when first used; needs a runtime.
pub fn connect(target: &Target) -> Result<SpanExporter, SetupError> {
    let timeout = target.timeout;
    let mut exporter = match target.protocol {
        OtlpProtocol::Grpc => SpanExporter::builder()
            .with_tonic()
            .with_endpoint(target.endpoint.to_string())
            .with_timeout(timeout)
            .with_metadata(MetadataMap::from_headers(target.headers.clone()))
            .build()?,
        OtlpProtocol::HttpProtobuf => SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(traces_endpoint(target.endpoint.uri()).to_string())
            .with_timeout(timeout)
            .with_headers(headers_as_text(&target.headers))
            .with_http_client(https_client(timeout)?)
            .build()?,
    };
    opentelemetry_sdk::trace::SpanExporter::set_resource(&mut exporter, &resource(&target.service_name));
    Ok(exporter)
}

fn headers_as_text(headers: &HeaderMap) -> HashMap<String, String> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

/// The exporter's own client speaks cleartext only.
fn https_client(
    timeout: Duration,
) -> Result<
    HyperClient<hyper_rustls::HttpsConnector<hyper_util::client::legacy::connect::HttpConnector>>,
    SetupError,
> {
    let connector = HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
        .map_err(SetupError::Roots)?
        .https_or_http()
        .enable_http1()
        .build();
    Ok(HyperClient::new(connector, timeout, None))
}

/// The address itself where it has a path, else the path of the protocol.
fn traces_endpoint(base: &Uri) -> Uri {
    let mut parts = base.clone().into_parts();
    if base.path() == "/" && base.query().is_none() {
        parts.path_and_query = Some(PathAndQuery::from_static("/v1/traces"));
    }
    Uri::from_parts(parts).unwrap_or_else(|_| base.clone())
}

/// Who says so: the service, its version, this very process.
fn resource(service_name: &str) -> Resource {
    let instance = uuid::Uuid::now_v7().to_string();
    // The builder adds `telemetry.sdk.*` and `OTEL_RESOURCE_ATTRIBUTES`.
    Resource::builder()
        .with_attributes([
            KeyValue::new(attr::SERVICE_NAME, service_name.to_owned()),
            KeyValue::new(attr::SERVICE_VERSION, env!("CARGO_PKG_VERSION")),
            KeyValue::new(attr::SERVICE_INSTANCE_ID, instance),
        ])
        .build()
}

/// Adds a request's spans to a batch.
pub fn convert(request: RequestSpans, batch: &mut Vec<SpanData>) {
    let RequestSpans { context, spans } = request;
    let trace_id = OtelTraceId::from_bytes(context.trace_id().get().to_be_bytes());
    let state = context.tracestate().and_then(|state| state.to_str().ok()?.parse().ok());
    let state: TraceState = state.unwrap_or_default();
    let scope = InstrumentationScope::builder(SCOPE).with_version(env!("CARGO_PKG_VERSION")).build();
    let span_context =
        |id: SpanId| SpanContext::new(trace_id, span_id(id), TraceFlags::SAMPLED, false, state.clone());
    batch.extend(spans.into_iter().map(|span| {
        let Span { id, parent, kind, name, start, end, attributes, error } = span;
        SpanData {
            span_context: span_context(id),
            parent_span_id: parent.map_or(OtelSpanId::INVALID, span_id),
            parent_span_is_remote: parent.is_some() && parent == context.parent(),
            span_kind: kind,
            name,
            start_time: start,
            end_time: end,
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: error.map_or(Status::Unset, |description| Status::Error { description }),
            instrumentation_scope: scope.clone(),
        }
    }));
}

fn span_id(id: SpanId) -> OtelSpanId {
    OtelSpanId::from_bytes(id.get().to_be_bytes())
}
