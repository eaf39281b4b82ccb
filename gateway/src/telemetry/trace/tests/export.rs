//! From the end of a request to a collector, and what happens without one.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, Method};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind as ProtoKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use serde_json::json;

use super::collector::{Collector, refusing, silent, spans, text};
use crate::reason::Reason;
use crate::telemetry::config::{OtlpProtocol, TelemetryConfig};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::names::spans::attr;
use crate::telemetry::trace::{Ended, Span, SpanId, SpanKind, TraceContext, Tracer, method_name};

fn config(endpoint: &str, protocol: OtlpProtocol, sample: &str, queue: usize) -> TelemetryConfig {
    serde_json::from_value(json!({
        "service_name": "shop",
        "traces": {
            "otlp": { "endpoint": endpoint, "protocol": protocol, "headers": { "X-Key": "hush" }, "timeout": "2s" },
            "sample": sample,
            "queue": queue,
        },
    }))
    .expect("valid")
}

fn grpc(endpoint: &str, sample: &str) -> TelemetryConfig {
    config(endpoint, OtlpProtocol::Grpc, sample, 8192)
}

fn ended(status: u16) -> Ended {
    Ended { status, duration: Duration::from_millis(5), now: Instant::now() }
}

/// A request with one failed attempt.
fn request(context: &TraceContext) -> Vec<Span> {
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let took = Duration::from_millis(5);
    let server = Span::new(context.span_id(), SpanKind::Server, "GET users", start, took)
        .within(context.parent())
        .with(attr::HTTP_ROUTE, "users")
        .with(attr::HTTP_RESPONSE_STATUS_CODE, 502)
        .with_some(attr::USER_AGENT_ORIGINAL, None::<&'static str>);
    let attempt = Span::new(SpanId::random(), SpanKind::Client, "GET users", start, took)
        .within(Some(context.span_id()))
        .failed(Some(Reason::UpstreamReset.code()));
    vec![server, attempt]
}

fn finish(tracer: &Tracer, status: u16) -> TraceContext {
    let context = tracer.begin(&HeaderMap::new(), false);
    tracer.finish(&context, &ended(status), || request(&context));
    context
}

fn counted(metrics: &Metrics, series: &str) -> u64 {
    let text = metrics.render();
    let line = text.lines().find(|line| line.starts_with(&format!("{series} "))).expect("shown");
    line.rsplit(' ').next().and_then(|value| value.parse().ok()).expect("a number")
}

fn dropped(metrics: &Metrics, cause: &str) -> u64 {
    counted(metrics, &format!("gateway_trace_spans_dropped_total{{cause=\"{cause}\"}}"))
}

async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "never came true: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn spans_arrive_whole_over_both_protocols() {
    for protocol in [OtlpProtocol::Grpc, OtlpProtocol::HttpProtobuf] {
        let mut collector = Collector::start(protocol).await;
        let metrics = Metrics::new();
        let tracer = Tracer::new(&config(&collector.endpoint, protocol, "100%", 8192), &metrics);
        let mut headers = HeaderMap::new();
        let caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        headers.insert("traceparent", caller.parse().expect("a value"));
        headers.insert("tracestate", "vendor=x".parse().expect("a value"));
        let context = tracer.begin(&headers, true);
        tracer.finish(&context, &ended(502), || request(&context));

        let export = collector.next().await;
        assert_eq!(export.key.as_deref(), Some("hush"), "{protocol:?}");
        let resource = export.request.resource_spans[0].resource.clone().expect("given").attributes;
        assert_eq!(text(&resource, "service.name"), Some("shop"));
        assert_eq!(text(&resource, "service.version"), Some(env!("CARGO_PKG_VERSION")));
        assert_eq!(text(&resource, "telemetry.sdk.language"), Some("rust"));
        assert!(text(&resource, "service.instance.id").is_some());

        let [server, attempt] = spans(export.request).try_into().expect("two spans");
        assert_eq!(server.trace_id, context.trace_id().get().to_be_bytes());
        assert_eq!(server.trace_id, attempt.trace_id);
        assert_eq!(server.parent_span_id, 0xb7ad_6b71_6920_3331_u64.to_be_bytes());
        assert_eq!(server.kind(), ProtoKind::Server);
        assert_eq!(server.trace_state, "vendor=x");
        assert_eq!(server.name, "GET users");
        assert_eq!(server.end_time_unix_nano - server.start_time_unix_nano, 5_000_000);
        assert_eq!(text(&server.attributes, attr::HTTP_ROUTE), Some("users"));
        assert_eq!(text(&server.attributes, attr::KEPT), None, "sampled from the start");
        assert_eq!(server.status.unwrap_or_default().code(), StatusCode::Unset);
        assert_eq!(attempt.parent_span_id, server.span_id);
        assert_eq!(attempt.kind(), ProtoKind::Client);
        assert_eq!(text(&attempt.attributes, attr::ERROR_TYPE), Some("upstream_reset"));
        assert_eq!(attempt.status.expect("set").code(), StatusCode::Error);
        eventually("both are counted", || counted(&metrics, "gateway_trace_spans_exported_total") == 2).await;
    }
}

#[tokio::test]
async fn a_failed_request_is_kept_though_it_was_not_sampled() {
    let mut collector = Collector::start(OtlpProtocol::Grpc).await;
    let metrics = Metrics::new();
    let tracer = Tracer::new(&grpc(&collector.endpoint, "0%"), &metrics);
    finish(&tracer, 200);
    let failed = finish(&tracer, 500);
    assert!(!failed.sampled(), "upstreams were told so");
    let spans = collector.spans(2).await;
    assert!(spans.iter().all(|span| span.trace_id == failed.trace_id().get().to_be_bytes()));
    assert_eq!(text(&spans[0].attributes, attr::KEPT), Some("error"));
    assert_eq!(counted(&metrics, r#"gateway_traces_kept_total{cause="error"}"#), 1);
}

#[tokio::test]
async fn spans_are_only_built_for_requests_that_are_kept() {
    let collector = Collector::start(OtlpProtocol::Grpc).await;
    let tracer = Tracer::new(&grpc(&collector.endpoint, "0%"), &Metrics::new());
    let context = tracer.begin(&HeaderMap::new(), false);
    tracer.finish(&context, &ended(200), || panic!("nobody will look at them"));
    let off = Tracer::new(&TelemetryConfig::default(), &Metrics::new());
    off.finish(&context, &ended(500), || panic!("nobody to send them to"));
    assert!(tracer.exports() && !off.exports());
}

#[tokio::test]
async fn without_a_collector_only_a_trusted_caller_is_echoed() {
    let config = TelemetryConfig {
        ..serde_json::from_value(json!({ "traces": { "sample": "100%" } })).expect("valid")
    };
    let tracer = Tracer::new(&config, &Metrics::new());
    assert!(!tracer.begin(&HeaderMap::new(), true).sampled());
    let mut headers = HeaderMap::new();
    let caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    headers.insert("traceparent", caller.parse().expect("a value"));
    assert!(tracer.begin(&headers, true).sampled());
    assert!(!tracer.begin(&headers, false).sampled());
}

#[tokio::test]
async fn spans_for_a_collector_that_is_gone_are_counted() {
    for protocol in [OtlpProtocol::Grpc, OtlpProtocol::HttpProtobuf] {
        let metrics = Metrics::new();
        let tracer = Tracer::new(&config(&refusing().await, protocol, "100%", 8192), &metrics);
        finish(&tracer, 200);
        eventually("the loss is counted", || dropped(&metrics, "export_failed") == 2).await;
    }
}

#[tokio::test]
async fn a_collector_that_never_answers_costs_spans_and_no_time() {
    let (endpoint, _listener) = silent().await;
    for protocol in [OtlpProtocol::Grpc, OtlpProtocol::HttpProtobuf] {
        let metrics = Metrics::new();
        let tracer = Tracer::new(&config(&endpoint, protocol, "100%", 100), &metrics);
        let start = Instant::now();
        for _ in 0..1000 {
            finish(&tracer, 200);
        }
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
        assert_eq!(dropped(&metrics, "queue_full"), 2000 - 100);
        eventually("the queue is given up", || dropped(&metrics, "export_failed") == 100).await;
        let shutdown = Instant::now();
        finish(&tracer, 200);
        tracer.shutdown(Duration::from_millis(100)).await;
        assert!(shutdown.elapsed() < Duration::from_secs(1), "{:?}", shutdown.elapsed());
        assert_eq!(dropped(&metrics, "shutdown"), 2);
    }
}

#[tokio::test]
async fn shutting_down_sends_what_waits() {
    let mut collector = Collector::start(OtlpProtocol::Grpc).await;
    let metrics = Metrics::new();
    let tracer = Tracer::new(&grpc(&collector.endpoint, "100%"), &metrics);
    for _ in 0..600 {
        finish(&tracer, 200);
    }
    tracer.shutdown(Duration::from_secs(20)).await;
    assert_eq!(counted(&metrics, "gateway_trace_spans_exported_total"), 1200);
    assert_eq!(collector.spans(1200).await.len(), 1200);
    assert!(!tracer.exports());
}

#[tokio::test]
async fn a_reload_changes_the_collector_and_loses_nothing() {
    let mut one = Collector::start(OtlpProtocol::Grpc).await;
    let mut two = Collector::start(OtlpProtocol::HttpProtobuf).await;
    let tracer = Tracer::new(&grpc(&one.endpoint, "100%"), &Metrics::new());
    let first = finish(&tracer, 200);
    tracer.apply(&config(&two.endpoint, OtlpProtocol::HttpProtobuf, "100%", 8192));
    let second = finish(&tracer, 200);
    let trace = |context: &TraceContext| context.trace_id().get().to_be_bytes().to_vec();
    assert!(one.spans(2).await.iter().all(|span| span.trace_id == trace(&first)));
    assert!(two.spans(2).await.iter().all(|span| span.trace_id == trace(&second)));
}

#[tokio::test]
async fn a_reload_changes_the_ratio_and_keeps_the_connection() {
    let collector = Collector::start(OtlpProtocol::Grpc).await;
    let tracer = Tracer::new(&grpc(&collector.endpoint, "0%"), &Metrics::new());
    let exporter = tracer.exporter().expect("exports");
    assert!(!tracer.begin(&HeaderMap::new(), false).sampled());
    tracer.apply(&grpc(&collector.endpoint, "100%"));
    assert!(tracer.begin(&HeaderMap::new(), false).sampled());
    assert!(Arc::ptr_eq(&exporter, &tracer.exporter().expect("exports")));
}

#[test]
fn clients_cannot_invent_names_of_spans() {
    assert_eq!(method_name(&Method::PATCH), "PATCH");
    for invented in ["BREW", "_OTHER", "get"] {
        assert_eq!(method_name(&Method::from_bytes(invented.as_bytes()).expect("a token")), "HTTP");
    }
}
