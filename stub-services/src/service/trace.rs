//! W3C trace context in and out, and spans over OTLP where a collector is named.
//!
//! Without a collector no span ids are made up: the caller's context is passed
//! on as it came, so that traces have no parents that nobody ever sees.

use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{
    SpanContext, SpanKind, Status, TraceContextExt, TraceFlags, TraceState, Tracer, TracerProvider,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{HeaderExtractor, HeaderInjector};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, IdGenerator, RandomIdGenerator, SdkTracer, SdkTracerProvider,
    SpanData,
};
use tokio::runtime::Handle;

/// How long spans wait for company. The usual 5 s would be long for somebody
/// who makes a request and looks for its trace.
const BETWEEN_BATCHES: Duration = Duration::from_millis(500);

/// How to speak with the collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    /// OTLP over gRPC.
    Grpc,
    /// OTLP as protobuf over HTTP; `/v1/traces` is added to the endpoint.
    #[value(name = "http/protobuf")]
    HttpProtobuf,
}

/// Where spans go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collector {
    /// `http://host:port`.
    pub endpoint: String,
    /// How to speak with it.
    pub protocol: Protocol,
}

/// The tracing of one service.
#[derive(Debug)]
pub struct Tracing {
    propagator: TraceContextPropagator,
    exporting: Option<(SdkTracerProvider, SdkTracer)>,
}

impl Tracing {
    /// Tracing for the service `name`; must be called within the runtime, which
    /// also carries the exports.
    pub fn new(name: &'static str, collector: Option<&Collector>) -> Result<Tracing, ExporterBuildError> {
        let exporting = collector.map(|collector| provider(name, collector)).transpose()?.map(|provider| {
            let tracer = provider.tracer(env!("CARGO_PKG_NAME"));
            (provider, tracer)
        });
        Ok(Tracing { propagator: TraceContextPropagator::new(), exporting })
    }

    /// The span of a request that came in.
    pub fn server(
        &self,
        headers: &HeaderMap,
        method: &'static str,
        route: &'static str,
        path: &str,
        request_id: &HeaderValue,
    ) -> Context {
        let parent = self.propagator.extract_with_context(&Context::new(), &HeaderExtractor(headers));
        let Some((_, tracer)) = &self.exporting else {
            return known_or_unsampled(parent);
        };
        let span = tracer
            .span_builder(format!("{method} {route}"))
            .with_kind(SpanKind::Server)
            .with_attributes([
                KeyValue::new("http.request.method", method),
                KeyValue::new("http.route", route),
                KeyValue::new("url.path", path.to_owned()),
                KeyValue::new("url.scheme", "http"),
                KeyValue::new("request.id", request_id.to_str().unwrap_or_default().to_owned()),
            ])
            .start_with_context(tracer, &parent);
        parent.with_span(span)
    }

    /// The span of a call to another service, below `parent`; its context goes
    /// into `headers`.
    pub fn client(
        &self,
        parent: &Context,
        method: &'static str,
        template: &'static str,
        url: &Uri,
        headers: &mut HeaderMap,
    ) -> Context {
        let context = match &self.exporting {
            None => parent.clone(),
            Some((_, tracer)) => {
                let span = tracer
                    .span_builder(format!("{method} {template}"))
                    .with_kind(SpanKind::Client)
                    .with_attributes([
                        KeyValue::new("http.request.method", method),
                        KeyValue::new("url.template", template),
                        KeyValue::new("url.full", url.to_string()),
                        KeyValue::new("server.address", url.host().unwrap_or("").to_owned()),
                        KeyValue::new("server.port", i64::from(url.port_u16().unwrap_or(80))),
                    ])
                    .start_with_context(tracer, parent);
                parent.with_span(span)
            }
        };
        self.propagator.inject_context(&context, &mut HeaderInjector(headers));
        context
    }

    /// Ends the span of a request that came in.
    pub fn answered(&self, context: &Context, status: StatusCode) {
        self.end(context, status, status.is_server_error());
    }

    /// Ends the span of a call that was answered; here a 4xx is an error too.
    pub fn heard(&self, context: &Context, status: StatusCode) {
        let error = status.is_client_error() || status.is_server_error();
        self.end(context, status, error);
    }

    /// Ends the span of a call that was not answered.
    pub fn failed(&self, context: &Context, error: &'static str) {
        if self.exporting.is_some() {
            let span = context.span();
            span.set_attribute(KeyValue::new("error.type", error));
            span.set_status(Status::error(error));
            span.end();
        }
    }

    fn end(&self, context: &Context, status: StatusCode, error: bool) {
        if self.exporting.is_none() {
            return;
        }
        let span = context.span();
        span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
        if error {
            span.set_attribute(KeyValue::new("error.type", status.as_str().to_owned()));
            span.set_status(Status::error(""));
        }
        span.end();
    }

    /// Sends what is left; blocks for up to `patience`.
    pub fn shutdown(&self, patience: Duration) -> OTelSdkResult {
        self.exporting.as_ref().map_or(Ok(()), |(provider, _)| provider.shutdown_with_timeout(patience))
    }
}

/// The caller's context; for a caller without one a trace id for the log lines,
/// marked as not sampled because nobody will record it.
fn known_or_unsampled(parent: Context) -> Context {
    if parent.span().span_context().is_valid() {
        return parent;
    }
    let ids = RandomIdGenerator::default();
    parent.with_remote_span_context(SpanContext::new(
        ids.new_trace_id(),
        ids.new_span_id(),
        TraceFlags::default(),
        true,
        TraceState::NONE,
    ))
}

fn provider(name: &'static str, collector: &Collector) -> Result<SdkTracerProvider, ExporterBuildError> {
    let endpoint = collector.endpoint.trim_end_matches('/');
    let exporter = match collector.protocol {
        Protocol::Grpc => SpanExporter::builder().with_tonic().with_endpoint(endpoint).build()?,
        Protocol::HttpProtobuf => {
            SpanExporter::builder().with_http().with_endpoint(format!("{endpoint}/v1/traces")).build()?
        }
    };
    let exporter = OnRuntime { exporter: Arc::new(exporter), runtime: Handle::current() };
    let batches = BatchConfigBuilder::default().with_scheduled_delay(BETWEEN_BATCHES);
    let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batches.build());
    Ok(SdkTracerProvider::builder()
        .with_resource(Resource::builder().with_service_name(name).build())
        .with_span_processor(processor.build())
        .build())
}

/// Exports on the runtime: the batch processor polls exporters on a thread of
/// its own, where the clients below find neither timers nor sockets.
#[derive(Debug)]
struct OnRuntime {
    exporter: Arc<SpanExporter>,
    runtime: Handle,
}

impl opentelemetry_sdk::trace::SpanExporter for OnRuntime {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let exporter = self.exporter.clone();
        let result = self
            .runtime
            .spawn(async move { exporter.export(batch).await })
            .await
            .unwrap_or_else(|error| Err(OTelSdkError::InternalFailure(error.to_string())));
        if let Err(error) = &result {
            tracing::warn!(%error, "spans cannot be exported");
        }
        result
    }

    fn set_resource(&mut self, resource: &Resource) {
        if let Some(exporter) = Arc::get_mut(&mut self.exporter) {
            exporter.set_resource(resource);
        }
    }
}
